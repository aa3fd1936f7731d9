//! What a program that is executed in a container could gain (CVE-2022-29162), and what of this
//! machine it could reach by what it inherits.

use crate::{
    machine::{Caller, Place, callers},
    managed::{Managed, as_engines_do},
};

#[test]
fn added_capabilities_are_never_inheritable() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let container = Managed::new(&place, &Caller::Root, &as_engines_do(&place, &["sleep", "60"]));
    container.create();
    container.start();
    let ran = container.ask(&[
        "exec",
        "--cap",
        "CAP_SYS_PTRACE",
        "--cap",
        "CAP_NET_RAW",
        &container.id,
        "sh",
        "-c",
        "grep ^Cap /proc/self/status",
    ]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    for line in ["CapInh:\t0000000000000000", "CapAmb:\t0000000000000000"] {
        assert!(ran.stdout.contains(line), "{}", ran.stdout);
    }
    let with = |name: &str| {
        let line = ran.stdout.lines().find(|line| line.starts_with(name)).unwrap();
        let bits = u64::from_str_radix(line.split('\t').nth(1).unwrap(), 16).unwrap();
        bits & (1 << 19) != 0 && bits & (1 << 13) != 0
    };
    assert!(with("CapPrm") && with("CapEff") && with("CapBnd"), "{}", ran.stdout);
    // The next one has none of it.
    let ran = container.exec("grep ^CapBnd /proc/self/status");
    assert_eq!(ran.stdout, "CapBnd:\t0000000020000420\n");
}

#[test]
fn groups_of_the_caller_stay_outside() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container =
            Managed::new(&place, &caller, &place.spec(&caller, &place.request(&["sleep", "60"])));
        container.create();
        container.start();
        let ran = container.exec("grep ^Groups /proc/self/status");
        assert_eq!(ran.stdout, "Groups:\t \n", "{}: {}", caller.name(), ran.stderr);
    }
}

#[test]
fn a_sessions_keyring_and_terminal_stay_outside() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container =
            Managed::new(&place, &caller, &place.spec(&caller, &place.request(&["sleep", "60"])));
        container.create();
        container.start();
        // A session of its own: no terminal of this machine can be opened or typed into.
        let ran =
            container.exec("cat /dev/tty; cut -d' ' -f6,7 /proc/self/stat; echo x > /dev/tty");
        assert!(ran.stdout.ends_with(" 0\n"), "{}: {}", caller.name(), ran.stdout);
        assert_ne!(ran.code, 0, "{}", caller.name());
    }
}
