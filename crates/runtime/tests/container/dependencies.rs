//! What the binary that starts every container is made of.

use std::{collections::BTreeSet, process::Command};

/// Every crate that may be in it. Adding one is a decision: it runs as root on every start.
const ALLOWED: [&str; 14] = [
    "bitflags",
    "cofferdam-oci",
    "cofferdam-runtime",
    "cofferdam-sys",
    "itoa",
    "libc",
    "linux-raw-sys",
    "memchr",
    "rustix",
    "serde",
    "serde_core",
    "serde_json",
    "thiserror",
    "zmij",
];
/// Crates that run in the compiler only.
const IN_THE_COMPILER: [&str; 6] =
    ["proc-macro2", "quote", "serde_derive", "syn", "thiserror-impl", "unicode-ident"];

#[test]
fn the_runtime_is_made_of_few_crates() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--locked", "-p", "cofferdam-runtime", "-e", "normal"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let found: BTreeSet<&str> = tree.lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert!(found.contains("rustix"), "{tree}");
    let allowed = |name: &&&str| ALLOWED.contains(*name) || IN_THE_COMPILER.contains(*name);
    let others: Vec<_> = found.iter().filter(|name| !allowed(name)).collect();
    assert!(others.is_empty(), "not allowed in the runtime: {others:?}");
}
