//! What a container tells of its memory while it runs.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use cofferdam_runtime::cgroup::Layout;
use serde_json::{Value, json};

use crate::bundle::Bundle;

/// Takes more memory than there is, whenever a file says so, until another one is there.
const GREEDY: &str = "while [ ! -e /end ]; do
    if [ -e /more ]; then rm /more; dd if=/dev/zero of=/dev/null bs=200M count=1; fi; sleep 0.1
done; exit";
const LIMIT: u64 = 32 << 20;

fn counts_memory() -> bool {
    match Layout::detect() {
        Layout::Unified { .. } => fs::read_to_string("/sys/fs/cgroup/cgroup.controllers")
            .is_ok_and(|listed| listed.split_whitespace().any(|controller| controller == "memory")),
        layout => layout.version_of("memory").is_some(),
    }
}

#[test]
fn running_out_of_memory_is_told() {
    let Some(mut bundle) = Bundle::new() else { return };
    bundle.change(json!({
        "linux": {"resources": {"memory": {"limit": LIMIT, "swap": LIMIT}}},
        "annotations": {"dev.cofferdam.limits.swap.optional": "true"}
    }));
    if !counts_memory() {
        eprintln!("skipped: no control groups that limit memory");
        return;
    }
    let (mut running, _) = bundle.start(GREEDY);
    let command = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["-k", "5", "60", env!("CARGO_BIN_EXE_cofferdam-runtime"), "--root"]);
        command.arg(bundle.path("state")).args(arguments).stdin(Stdio::null());
        command
    };
    let listed = command(&["list", "--quiet"]).output().unwrap().stdout;
    let id = String::from_utf8(listed).unwrap().trim().to_owned();
    let mut events = command(&["events", "--interval", "1h", &id]);
    let mut events = events.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(events.stdout.take().unwrap()).lines();
    let mut next =
        || lines.next().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let first = next().unwrap();
    assert_eq!((&first["type"], &first["id"]), (&json!("stats"), &json!(id)));
    assert_eq!(first["data"]["memory"]["usage"]["limit"], LIMIT, "{first}");
    for _ in 0..2 {
        fs::write(bundle.root().join("more"), "").unwrap();
        assert_eq!(next().unwrap(), json!({"type": "oom", "id": id}));
    }
    // It ends with the container.
    fs::write(bundle.root().join("end"), "").unwrap();
    while let Some(event) = next() {
        assert_eq!(event["type"], "oom", "{event}");
    }
    assert!(events.wait().unwrap().success());
    assert!(running.0.wait().unwrap().success());
}
