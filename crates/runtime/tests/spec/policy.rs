//! Policies and strictness, by the command line.

use std::fs;

use serde_json::json;

use crate::bundle::{Bundle, Ran};

#[test]
fn a_policy_refuses_before_anything_is_done() {
    let Some(mut bundle) = Bundle::new() else { return };
    let policy = bundle.path("policy.json");
    fs::write(
        &policy,
        r#"{"version": 1, "allowedCapabilities": ["CAP_CHOWN"], "engineSockets": "deny",
            "requireReadonlyRoot": true}"#,
    )
    .unwrap();
    bundle.mount(json!({"destination": "/run/x", "type": "bind", "source": "/var/run/docker.sock",
        "options": ["rbind"]}));
    let options = ["--policy", policy.to_str().unwrap()];
    let ran = Ran::of(&mut bundle.command_with(&options, "echo ran"));
    assert_eq!((ran.code, ran.out.as_str()), (125, ""), "{}", ran.err);
    for wanted in [
        "could not allow container",
        "rule allowedCapabilities of '",
        "/process/capabilities/bounding: CAP_KILL is not allowed",
        "rule engineSockets of '",
        "/mounts/4/source",
        "rule requireReadonlyRoot of '",
    ] {
        assert!(ran.err.contains(wanted), "{wanted}: {}", ran.err);
    }
    assert!(!bundle.root().join("run").exists(), "nothing was made");
    fs::write(&policy, r#"{"version": 1, "requireReadonlyRot": true}"#).unwrap();
    let ran = Ran::of(&mut bundle.command_with(&options, "echo ran"));
    assert!(ran.code == 125 && ran.err.contains("requireReadonlyRot"), "{}", ran.err);
    let ran = Ran::of(&mut bundle.command_with(&["--policy", "/missing"], "echo ran"));
    assert!(ran.code == 125 && ran.err.contains("'/missing'"), "{}", ran.err);
}

#[test]
fn strictness_takes_what_is_unknown_for_errors() {
    let Some(bundle) = Bundle::new() else { return };
    let bundle = bundle.with(json!({"process": {"noNewPrivilege": true}}));
    assert_eq!(bundle.run("true").code, 0);
    let ran = Ran::of(&mut bundle.command_with(&["--strict"], "echo ran"));
    assert!(ran.code == 125 && ran.err.contains("/process/noNewPrivilege"), "{ran:?}");
    let bundle = Bundle::new().unwrap();
    let bundle = bundle.with(json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["opn"], "action": "SCMP_ACT_ERRNO"}]}}}));
    assert_eq!(bundle.run("true").code, 0);
    let ran = Ran::of(&mut bundle.command_with(&["--strict"], "echo ran"));
    assert!(ran.code == 125 && ran.err.contains("no call is named opn"), "{ran:?}");
    let bundle = Bundle::new().unwrap();
    let bundle = bundle.with(json!({"process": {"capabilities": {"bounding": ["CAP_FLY"]}}}));
    let ran = Ran::of(&mut bundle.command_with(&["--strict"], "echo ran"));
    assert!(ran.code == 125 && ran.err.contains("CAP_FLY"), "{ran:?}");
}
