//! Rust: `Cargo.lock`, and the list that cargo-auditable puts into programs.

use cofferdam_finding::PackageKind::Cargo;
use serde_json::Value;

use super::{Extract, Found, toml};

/// `Cargo.lock`: packages from registries. Those without a source are the project's own.
pub fn lock(_: &str, text: &str, extract: &mut Extract) {
    let Some(lock) = toml(text, extract) else { return };
    for package in lock.get("package").and_then(toml::Value::as_array).into_iter().flatten() {
        let field = |name: &str| package.get(name).and_then(toml::Value::as_str);
        if let (Some(name), Some(version), Some(_)) =
            (field("name"), field("version"), field("source"))
        {
            extract.add(Found::declared(Cargo, name, version));
        }
    }
}

/// The section `.dep-v0`, decompressed (<https://github.com/rust-secure-code/cargo-auditable>).
/// What was needed for the build only is not in the program.
pub fn auditable(json: &[u8], extract: &mut Extract) {
    let list: Value = match serde_json::from_slice(json) {
        Ok(list) => list,
        Err(error) => return extract.problem("section .dep-v0", error.to_string()),
    };
    for package in list.get("packages").and_then(Value::as_array).into_iter().flatten() {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && field("kind") != Some("build")
        {
            extract.add(Found::new(Cargo, name, version));
        }
    }
}
