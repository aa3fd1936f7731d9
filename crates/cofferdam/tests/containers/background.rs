//! From `run --detach` to `rm`.

use std::{fs, path::Path, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::machine::{Machine, has_ended, told, until};

#[test]
fn a_container_stays_in_the_background_and_is_found_by_name() {
    let Some(machine) = Machine::new() else { return };
    let script = "echo said; echo complained >&2; sleep 1000";
    let container = machine.detached(&["--label", "app=web", "--hostname", "h"], script);
    let row = container.row(&[]).unwrap();
    assert_eq!((&row["status"], &row["labels"]["app"]), (&"running".into(), &"web".into()));
    let pid = row["pid"].as_i64().unwrap();
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    until("both lines are there", || container.logs() == "said\ncomplained\n");
    let output = machine.command(&["logs", &container.name]).output().unwrap();
    assert_eq!(output.stdout, b"said\n");
    assert_eq!(output.stderr, b"complained\n");
    let (status, text) = machine.run(&["rm", &container.name]);
    assert!(status == 2 && text.contains("it runs"), "{text}");
    assert_eq!(machine.ok(&["stop", "-t", "0", &container.name]), format!("{}\n", container.name));
    assert!(container.row(&[]).is_none(), "ps lists what runs");
    let row = container.row(&["--all"]).unwrap();
    assert_eq!((&row["status"], &row["reason"]), (&"ended".into(), &"stopped".into()));
    assert_eq!(row["exit_code"], 137);
    assert_eq!(container.wait(), "137");
    assert!(container.logs().contains("said"), "the log stays");
    machine.ok(&["rm", &container.name]);
    let (status, text) = machine.run(&["logs", &container.name]);
    assert!(status == 2 && text.contains("could not find container"), "{text}");
    assert!(has_ended(pid));
}

#[test]
fn the_exit_code_is_known_and_rm_removes_by_itself() {
    let Some(machine) = Machine::new() else { return };
    let container = machine.detached(&[], "exit 42");
    assert_eq!(container.wait(), "42");
    assert_eq!(container.inspect()["condition"]["reason"], "exited");
    // It cannot end before somebody waits for it.
    let gate = machine.path().join("srv");
    fs::create_dir(&gate).unwrap();
    let script = "while ! test -e /srv/go; do sleep 0.05; done; exit 7";
    let container = machine.detached(&["--rm", "-v", "./srv:/srv"], script);
    let waiting = machine
        .command(&["container", "wait", &container.name])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let monitor = container.monitor();
    // Word of the end comes by its socket.
    until("wait has joined", || sockets(monitor) >= 2);
    fs::write(gate.join("go"), "").unwrap();
    assert_eq!(told(&waiting.wait_with_output().unwrap()), (0, "7\n".into()));
    until("it is removed", || container.row(&["--all"]).is_none());
}

/// How many sockets a process has.
fn sockets(pid: i32) -> usize {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return 0 };
    let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

#[test]
fn what_cannot_be_started_says_why_and_leaves_nothing() {
    let Some(machine) = Machine::new() else { return };
    for (program, code) in [("/bin/absent", 127), ("/etc/passwd", 126)] {
        let name = machine.name();
        let (status, text) =
            machine.run(&["run", "-d", "--name", &name, "--rootfs", "root", program]);
        assert_eq!(status, code, "{text}");
        assert!(text.starts_with("error: could not ") && text.contains(program), "{text}");
        let (status, _) = machine.run(&["container", "inspect", &name]);
        assert_eq!(status, 2, "nothing is left of it");
    }
    for options in [
        &["--restart", "always"][..],
        &["--detach", "--explain"],
        &["--detach", "--restart", "often"],
        &["--max-age", "soon"],
        &["--userns", "none"],
    ] {
        let begin = ["run", "--rootfs", "root"];
        let (status, text) = machine.run(&[&begin[..], options, &["true"]].concat());
        assert!(status == 125 && text.starts_with("error: "), "{options:?}: {text}");
    }
}

#[test]
fn one_name_is_one_container_however_many_ask_for_it_at_once() {
    let Some(machine) = Machine::new() else { return };
    let name = machine.name();
    let arguments = ["run", "-d", "--name", &name, "--rootfs", "root", "sleep", "1000"];
    let attempts: Vec<_> = (0..6)
        .map(|_| {
            let mut command = machine.command(&arguments);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let ended: Vec<_> =
        attempts.into_iter().map(|child| told(&child.wait_with_output().unwrap())).collect();
    let (good, bad): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(status, _)| *status == 0);
    machine.ok(&["rm", "--force", &name]);
    assert_eq!(good.len(), 1, "{bad:?}");
    for (status, text) in bad {
        assert!(status == 125 && text.contains("exists"), "{text}");
    }
    let (status, text) = machine.run(&["run", "--name", &name, "--rootfs", "root", "true"]);
    assert_eq!(status, 0, "the name is free again: {text}");
}

#[test]
fn a_killed_monitor_is_told_of_and_its_container_can_be_stopped_and_removed() {
    let Some(machine) = Machine::new() else { return };
    for force in [true, false] {
        let container = machine.detached(&[], "sleep 1000");
        let pid = container.inspect()["pid"].as_i64().unwrap();
        let monitor = container.monitor();
        kill_process(Pid::from_raw(monitor).unwrap(), Signal::KILL).unwrap();
        until("the monitor is gone", || container.status() != "running");
        assert_eq!(container.status(), "unattended");
        assert_eq!(machine.run(&["exec", &container.name, "echo", "still"]).1, "still\n");
        if force {
            machine.ok(&["rm", "--force", &container.name]);
        } else {
            machine.ok(&["stop", "-t", "0", &container.name]);
            assert_eq!(container.status(), "vanished");
            let (status, text) = machine.run(&["container", "wait", &container.name]);
            assert!(status == 2 && text.contains("monitor has ended before it"), "{text}");
            machine.ok(&["rm", &container.name]);
        }
        assert!(has_ended(pid), "nothing goes on");
        assert!(container.row(&["--all"]).is_none());
        for tree in ["pids", "memory", "unified", ""] {
            let group = Path::new("/sys/fs/cgroup").join(tree).join(&container.name);
            assert!(!group.exists(), "{}", group.display());
        }
    }
}

#[test]
fn a_container_starts_again_as_its_policy_says() {
    let Some(machine) = Machine::new() else { return };
    let container = machine.detached(&["--restart", "on-failure:2"], "echo life; exit 5");
    assert_eq!(container.wait(), "5");
    assert_eq!(container.logs(), "life\nlife\nlife\n");
    assert_eq!(container.inspect()["condition"]["restarts"], 2);
    let container = machine.detached(&["--restart", "on-failure"], "exit 0");
    assert_eq!(container.wait(), "0");
    assert_eq!(container.inspect()["condition"]["restarts"], 0);
    // However often it ends, until it is stopped, also while it waits.
    let container = machine.detached(&["--restart", "always"], "echo again");
    until("it has started again", || {
        container.inspect()["condition"]["restarts"].as_u64().unwrap() >= 2
    });
    machine.ok(&["stop", &container.name]);
    assert_eq!(container.status(), "ended");
    assert_eq!(container.inspect()["condition"]["reason"], "stopped");
}

#[test]
fn a_container_ends_when_it_has_run_as_long_as_it_may() {
    let Some(machine) = Machine::new() else { return };
    let options = ["--max-age", "1s", "--stop-timeout", "0", "--restart", "always"];
    let container = machine.detached(&options, "sleep 1000");
    assert_eq!(container.wait(), "137");
    assert_eq!(container.inspect()["condition"]["reason"], "max-age");
    let options = ["--max-age", "1s", "--stop-timeout", "0"];
    let (status, text) = machine.shell(&options, "sleep 1000");
    assert!(status == 137 && text.contains("--max-age"), "{status} {text}");
    // One that ends by itself when it is asked to has time for that.
    let options = ["--max-age", "1s", "--stop-timeout", "60"];
    let script = "trap 'echo bye; exit 9' TERM; while true; do sleep 0.1; done";
    assert_eq!(machine.shell(&options, script).0, 9);
}

#[test]
fn stop_gives_time_and_kill_sends_what_it_is_told() {
    let Some(machine) = Machine::new() else { return };
    let script = "trap 'echo term; exit 3' TERM; trap 'echo usr1' USR1; echo ready; \
                  while true; do sleep 0.1; done";
    let container = machine.detached(&[], script);
    until("it is ready", || container.logs() == "ready\n");
    machine.ok(&["container", "kill", "-s", "USR1", &container.name]);
    until("the signal has come", || container.logs() == "ready\nusr1\n");
    machine.ok(&["stop", "-t", "60", &container.name]);
    assert_eq!((container.wait(), container.logs()), ("3".into(), "ready\nusr1\nterm\n".into()));
    let (status, text) = machine.run(&["container", "kill", &container.name]);
    assert!(status == 2 && text.contains("it does not run"), "{text}");
}
