//! Terminals of whoever starts a container: nothing is typed into them (TIOCSTI, TIOCLINUX), and
//! nothing that a container's programs say steers them.

use serde_json::json;

use crate::{
    bundle::Bundle,
    machine::{Place, callers},
};

#[test]
fn nothing_is_typed_into_a_terminal() {
    let Some(place) = Place::new() else { return };
    if !place.add_perl() {
        return;
    }
    // Also with the upper half of the request set, which the kernel does not look at.
    let script = r#"
        for my $request (0x5412, 0x541c, 0x5423, (7 << 32) + 0x5412, (1 << 63) + 0x541c) {
            my $character = "x"; $! = 0;
            my $r = syscall(16, 0, $request, $character);
            print $r == -1 ? "refused ".($!+0)."\n" : "DONE\n";
        }"#;
    for caller in callers() {
        let mut request = place.request(&["perl", "-e", script]);
        request.terminal = true;
        let ran = place.run(&caller, &request);
        let said = ran.stdout.replace('\r', "");
        assert_eq!(said, "refused 1\n".repeat(5), "{}: {}", caller.name(), ran.stderr);
    }
}

/// A hook that runs what an image brings talks as long as it likes, and in control sequences.
#[test]
fn what_a_hook_says_is_bounded_and_plain() {
    let Some(_) = Bundle::new() else { return };
    let script = "printf '\\033[2J\\033]0;title\\007\\nerror: all is well\\n'; yes evil | head -c \
                  3000000; exit 3";
    for stage in ["startContainer", "createRuntime", "poststart"] {
        let mut bundle = Bundle::new().unwrap();
        let path = if stage == "startContainer" { "/bin/sh" } else { "/usr/bin/sh" };
        let hook = json!([{"path": path, "args": ["sh", "-c", script],
            "env": ["PATH=/bin:/usr/bin"], "timeout": 60}]);
        bundle.change(json!({"hooks": {stage: hook}}));
        let ran = bundle.run("echo ran; sleep 1");
        assert_eq!(ran.code, 125, "{stage}: {}", ran.err);
        assert!(ran.err.contains("it exited with 3"), "{stage}: {}", ran.err);
        assert!(ran.err.len() < 8192, "{stage}: {}", ran.err.len());
        let plain = |c: char| c == '\n' || !c.is_control();
        assert!(ran.err.chars().all(plain), "{stage}: {:?}", ran.err);
        // No line of it passes for one of the runtime's.
        let forged = ran.err.lines().any(|line| line.starts_with("error: all is well"));
        assert!(!forged, "{stage}: {}", ran.err);
    }
}

/// Nor does a program's name, which an image may bring.
#[test]
fn names_in_errors_are_plain() {
    let Some(mut bundle) = Bundle::new() else { return };
    bundle.change(json!({"process": {"args": ["\u{1b}[2Jno\nerror: none\u{7}"]}}));
    let ran = bundle.run("");
    assert_eq!(ran.code, 127, "{}", ran.err);
    assert!(ran.err.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", ran.err);
    assert!(!ran.err.lines().any(|line| line == "error: none"), "{:?}", ran.err);
}
