//! What a container may do and use, as it was told.

use std::fs;

use crate::machine::{Machine, until};

#[test]
fn capabilities_are_those_that_were_added() {
    let Some(machine) = Machine::new() else { return };
    let script = "grep -E '^Cap(Eff|Bnd|Inh|Amb)' /proc/self/status";
    let all = |effective: &str, ambient: &str| {
        let line = |name: &str, set: &str| format!("Cap{name}:\t{set:0>16}\n");
        line("Inh", ambient)
            + &line("Eff", effective)
            + &line("Bnd", effective)
            + &line("Amb", ambient)
    };
    for (options, wanted) in [
        (&[][..], all("0", "0")),
        (&["--cap-add", "net_raw"], all("2000", "0")),
        (&["--cap-add", "CAP_NET_RAW", "-u", "app"], all("2000", "2000")),
        (&["--cap-add", "net_raw", "--cap-add", "kill", "--cap-drop", "kill"], all("2000", "0")),
        (&["--cap-add", "ALL", "--cap-drop", "ALL"], all("0", "0")),
    ] {
        assert_eq!(machine.shell(options, script), (0, wanted), "{options:?}");
    }
    assert_eq!(machine.shell(&["--cap-add", "everything"], "true").0, 125);
}

#[test]
fn a_program_begins_with_no_signal_blocked() {
    let Some(machine) = Machine::new() else { return };
    let script = "grep SigBlk /proc/1/status";
    let none = "SigBlk:\t0000000000000000\n";
    assert_eq!(machine.shell(&[], script), (0, none.into()));
    let container = machine.detached(&[], &format!("{script}; sleep 1000"));
    until("it has told", || container.logs() == none);
    let (status, text) =
        machine.run(&["exec", &container.name, "grep", "SigBlk", "/proc/self/status"]);
    assert_eq!((status, text.as_str()), (0, none));
}

#[test]
fn limits_variables_and_entry_points_are_as_they_were_told() {
    let Some(machine) = Machine::new() else { return };
    let script = "ulimit -n; ulimit -Hn";
    assert_eq!(machine.shell(&["--ulimit", "nofile=64:128"], script), (0, "64\n128\n".into()));
    let (status, text) = machine.shell(&["--ulimit", "dreams=1"], "true");
    assert!(status == 125 && text.contains("RLIMIT_DREAMS"), "{text}");
    fs::write(machine.path().join("env"), "# no\nA=of file\nB=of file\n\n").unwrap();
    let options = ["--env-file", "env", "-e", "B=of line"];
    let wanted = (0, "of file of line\n".to_owned());
    assert_eq!(machine.shell(&options, "echo $A $B"), wanted);
    fs::write(machine.path().join("env"), "A B=1\n").unwrap();
    let (status, text) = machine.shell(&options, "true");
    assert!(status == 125 && text.contains("line 1"), "{text}");
    let arguments = ["run", "--rootfs", "root", "--entrypoint", "/bin/echo", "--", "a", "b"];
    assert_eq!(machine.run(&arguments), (0, "a b\n".into()));
}

#[test]
fn a_filter_from_a_file_takes_the_place_of_the_strict_one() {
    let Some(machine) = Machine::new() else { return };
    let rule =
        |rule: &str| format!("{{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{rule}]}}");
    let path = machine.path().join("filter.json");
    let refuse = "{\"names\": [\"mkdir\", \"mkdirat\"], \"action\": \"SCMP_ACT_ERRNO\"";
    let script = "busybox mkdir /tmp/x 2>/dev/null && echo made || echo refused";
    for (text, wanted) in [
        (rule(&format!("{refuse}}}")), "refused\n"),
        (rule(&format!("{refuse}, \"includes\": {{\"caps\": [\"CAP_KILL\"]}}}}")), "made\n"),
        (rule(&format!("{refuse}, \"excludes\": {{\"caps\": [\"CAP_KILL\"]}}}}")), "refused\n"),
    ] {
        fs::write(&path, &text).unwrap();
        let options = ["--seccomp", "filter.json"];
        assert_eq!(machine.shell(&options, script), (0, wanted.to_owned()), "{text}");
    }
    fs::write(&path, rule(&format!("{refuse}, \"unless\": true}}"))).unwrap();
    let (status, text) = machine.shell(&["--seccomp", "filter.json"], "true");
    assert!(status == 125 && text.contains("'unless'"), "{text}");
}

#[test]
fn every_container_has_ids_of_its_own() {
    let Some(machine) = Machine::new() else { return };
    let script = "cat /proc/self/uid_map; sleep 1000";
    let containers: Vec<_> =
        (0..4).map(|_| machine.detached(&["--userns", "auto"], script)).collect();
    let mut firsts: Vec<u64> = containers
        .iter()
        .map(|container| {
            until("it has told its ids", || !container.logs().is_empty());
            let map: Vec<u64> =
                container.logs().split_whitespace().map(|n| n.parse().unwrap()).collect();
            assert_eq!((map[0], map[2]), (0, 65536));
            map[1]
        })
        .collect();
    firsts.sort_unstable();
    assert!(firsts.windows(2).all(|pair| pair[1] - pair[0] >= 65536), "{firsts:?}");
}

#[test]
fn a_dry_run_tells_all_of_it_and_makes_nothing() {
    let Some(machine) = Machine::new() else { return };
    let name = machine.name();
    let text = machine.ok(&[
        "run",
        "--dry-run",
        "-d",
        "--name",
        &name,
        "--restart",
        "on-failure:3",
        "--max-age",
        "2h",
        "-v",
        "never:/data",
        "--cap-add",
        "kill",
        "--rootfs",
        "root",
        "true",
    ]);
    for wanted in ["never", "/data", "on-failure:3", "7200 s", "in the background", "CAP_KILL"] {
        assert!(text.contains(wanted), "no {wanted} in:\n{text}");
    }
    assert!(!machine.path().join("data/volumes").exists());
    assert_eq!(machine.run(&["container", "inspect", &name]).0, 2);
}
