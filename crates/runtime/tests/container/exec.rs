//! Other programs in a running container.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use crate::{
    machine::{Caller, Place, callers},
    managed::{Managed, as_engines_do},
};

/// What of /proc/self/status tells of restrictions.
const RESTRICTIONS: &str = "grep -E '^(Cap|NoNewPrivs|Seccomp|Seccomp_filters|Groups|Uid|Gid|NSpid)' /proc/$0/status; \
     cat /proc/$0/limits /proc/$0/oom_score_adj; \
     for n in ipc mnt net pid user uts cgroup time; do readlink /proc/$0/ns/$n; done; \
     cat /proc/$0/cgroup";

fn containers<'a>(place: &'a Place, caller: &'a Caller) -> Vec<Managed<'a>> {
    let sleep = ["sleep", "60"];
    let mut all = vec![Managed::new(place, caller, &place.spec(caller, &place.request(&sleep)))];
    if matches!(caller, Caller::Root) {
        all.push(Managed::new(place, caller, &as_engines_do(place, &sleep)));
    }
    for container in &all {
        container.create();
        container.start();
    }
    all
}

#[test]
fn it_is_as_confined_as_the_first_process() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for container in containers(&place, &caller) {
            let of = |pid: &str| {
                let script = RESTRICTIONS.replace("$0", pid);
                let ran = container.exec(&script);
                assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", caller.name());
                ran.stdout
            };
            let without_ids = |text: &str| -> Vec<String> {
                let lines = text.lines().filter(|line| !line.starts_with("NSpid"));
                lines.map(str::to_owned).collect()
            };
            let (first, other) = (of("1"), of("self"));
            assert_eq!(without_ids(&other), without_ids(&first), "{}", caller.name());
            assert!(other.contains("CapInh:\t0000000000000000"), "{other}");
            assert!(other.contains("Seccomp:\t2"), "{other}");
        }
    }
}

#[test]
fn codes_input_and_output_are_the_programs() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for container in containers(&place, &caller) {
            for (arguments, wanted) in [
                (&["true"][..], 0),
                (&["sh", "-c", "exit 9"], 9),
                (&["sh", "-c", "kill -9 $$"], 137),
                (&["missing"], 127),
                (&["/etc/passwd"], 126),
            ] {
                let ran = container.ask(&[&["exec", &container.id], arguments].concat());
                assert_eq!(ran.code, wanted, "{}: {arguments:?} {}", caller.name(), ran.stderr);
            }
            let mut child = container
                .command(&["exec", &container.id, "wc", "-c"])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(&[b'x'; 5000]).unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "5000");
        }
    }
}

#[test]
fn options_say_what_is_different() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for container in containers(&place, &caller) {
            let script = "pwd; echo $A $B; id -u; grep NoNew /proc/self/status";
            let mut options = vec![
                "exec",
                "--cwd",
                "/tmp",
                "-e",
                "A=1",
                "--env",
                "B=2",
                "-e",
                "A=3",
                "--no-new-privs",
            ];
            let plain = matches!(caller, Caller::Plain(_));
            if !plain {
                options.extend(["--user", "1000:1000"]);
            }
            options.extend([container.id.as_str(), "sh", "-c", script]);
            let ran = container.ask(&options);
            let user = if plain { 0 } else { 1000 };
            let wanted = format!("/tmp\n3 2\n{user}\nNoNewPrivs:\t1\n");
            assert_eq!(ran.stdout, wanted, "{}: {}", caller.name(), ran.stderr);

            let file = container.bundle.join("process.json");
            let process = serde_json::json!({
                "args": ["sh", "-c", "echo $C; cat /proc/self/status"], "cwd": "/",
                "env": ["C=c", "PATH=/bin"], "noNewPrivileges": true,
            });
            fs::write(&file, process.to_string()).unwrap();
            let ran = container.ask(&["exec", "--process", file.to_str().unwrap(), &container.id]);
            assert!(ran.stdout.starts_with("c\n"), "{}: {}", caller.name(), ran.stderr);
            assert!(ran.stdout.contains("CapEff:\t0000000000000000"), "{}", ran.stdout);
        }
    }
}

#[test]
fn a_detached_program_lives_on() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for container in containers(&place, &caller) {
            let file = container.bundle.join("exec.pid");
            let pid_file = file.to_str().unwrap();
            let ran = container.run(&[
                "exec",
                "--detach",
                "--pid-file",
                pid_file,
                &container.id,
                "sleep",
                "50",
            ]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", caller.name());
            let pid = fs::read_to_string(&file).unwrap();
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
            assert_eq!(command, b"sleep\x0050\0", "{}", caller.name());
            // It ends with the container.
            container.must(&["delete", "--force", &container.id]);
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            assert!(state.is_empty() || state.contains(") Z "), "{}: {state}", caller.name());
        }
    }
}

#[test]
fn only_preserved_descriptors_come_along() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for container in containers(&place, &caller) {
            for (count, wanted) in [("0", 3), ("1", 4), ("2", 5)] {
                let inner = container.command(&[
                    "exec",
                    "--preserve-fds",
                    count,
                    &container.id,
                    "sh",
                    "-c",
                    "ls /proc/self/fd",
                ]);
                let mut wrapped = Command::new("sh");
                wrapped.args(["-c", "exec 3</etc/passwd 4</etc/passwd 9</; exec \"$0\" \"$@\""]);
                wrapped.arg(inner.get_program()).args(inner.get_args());
                let output = wrapped.stdin(Stdio::null()).output().unwrap();
                let listed = String::from_utf8(output.stdout).unwrap();
                // One more is the directory that ls reads.
                assert_eq!(listed.lines().count(), wanted + 1, "{}: {listed}", caller.name());
            }
        }
    }
}

#[test]
fn a_stopped_container_takes_no_program() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for container in containers(&place, &caller) {
            container.must(&["kill", &container.id, "KILL"]);
            container.wait_for("stopped");
            let ran = container.exec("true");
            assert_eq!(ran.code, 125, "{}", caller.name());
            assert!(ran.stderr.contains("container not running"), "{}", ran.stderr);
        }
    }
}
