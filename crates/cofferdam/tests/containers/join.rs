//! `logs`, `exec` and `attach`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Command, Stdio},
};

use crate::machine::{Machine, skip, told, until};

#[test]
fn logs_are_bounded_filtered_and_followed() {
    let Some(machine) = Machine::new() else { return };
    let script = "seq 1 20000; printf end; sleep 1000";
    let container = machine.detached(&["--log-size", "64k"], script);
    until("all is written", || container.logs().ends_with("\n20000\n"));
    let text = container.logs();
    assert!(text.len() < 64 * 1024 && !text.starts_with("1\n"), "{}", text.len());
    let last = machine.ok(&["logs", "--tail", "2", &container.name]);
    assert_eq!(last, "19999\n20000\n");
    let with_times = machine.ok(&["logs", "-t", "--tail", "1", &container.name]);
    assert!(with_times.starts_with("20") && with_times.ends_with("Z 20000\n"), "{with_times}");
    assert_eq!(machine.ok(&["logs", "--since", "2100-01-01T00:00:00Z", &container.name]), "");
    assert_eq!(machine.ok(&["logs", "--since", "1h", "-n", "1", &container.name]), "20000\n");
    let mut following = machine
        .command(&["logs", "--follow", "--tail", "1", &container.name])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "20000\n");
    machine.ok(&["stop", "-t", "0", &container.name]);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "end", "what was never completed comes at the end");
    assert!(following.wait().unwrap().success());
}

#[test]
fn exec_is_as_confined_as_the_first_program() {
    let Some(machine) = Machine::new() else { return };
    let container = machine.detached(&["-e", "A=first", "-w", "/srv"], "sleep 1000");
    let confined = "grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status; \
                    cat /proc/self/uid_map; ls -l /proc/self/ns | grep -o '[a-z]*:.*'; ulimit -c";
    let first = machine.shell(&[], "grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status");
    let (status, text) = machine.run(&["exec", &container.name, "sh", "-c", confined]);
    assert_eq!(status, 0, "{text}");
    assert!(text.starts_with(&first.1), "{text}\nis less confined than\n{}", first.1);
    for (options, script, wanted) in [
        (&[][..], "echo $A $(pwd) $(id -u)", "first /srv 0\n"),
        (&["-e", "A=second", "-w", "/tmp"], "echo $A $(pwd)", "second /tmp\n"),
        (&["-u", "app"], "echo $(id -u) $(id -g) $HOME", "1000 1000 /home/app\n"),
        (&["-u", "7:8"], "echo $(id -u) $(id -g)", "7 8\n"),
    ] {
        let arguments =
            [&["exec"], options, &[container.name.as_str(), "sh", "-c", script]].concat();
        assert_eq!(machine.run(&arguments), (0, wanted.to_owned()), "{options:?}");
    }
    assert_eq!(machine.run(&["exec", &container.name, "sh", "-c", "exit 33"]).0, 33);
    for (program, code) in [("/bin/absent", 127), ("/etc/passwd", 126)] {
        assert_eq!(machine.run(&["exec", &container.name, program]).0, code);
    }
    let (status, text) = machine.run(&["exec", "-u", "nobody-here", &container.name, "true"]);
    assert!(status == 125 && text.contains("nobody-here"), "{text}");
    let mut child = machine
        .command(&["exec", "-i", &container.name, "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"through\n").unwrap();
    assert_eq!(told(&child.wait_with_output().unwrap()), (0, "through\n".into()));
    machine.ok(&["stop", "-t", "0", &container.name]);
    let (status, text) = machine.run(&["exec", &container.name, "true"]);
    assert!(status == 125 && text.contains("does not run"), "{text}");
}

#[test]
fn attach_passes_input_and_output_and_ends_with_the_container() {
    let Some(machine) = Machine::new() else { return };
    let script = "while read line; do echo \"got $line\"; echo \"$line\" >&2; done; exit 6";
    let container = machine.detached(&["-i"], script);
    let mut child = machine
        .command(&["container", "attach", &container.name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"one\ntwo\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(output.stdout, b"got one\ngot two\n");
    assert_eq!(output.stderr, b"one\ntwo\n");
    let (status, text) = machine.run(&["container", "attach", &container.name]);
    assert!(status == 125 && text.contains("does not run"), "{text}");
}

#[test]
fn much_input_and_output_at_once_neither_blocks_nor_is_lost() {
    let Some(machine) = Machine::new() else { return };
    let container = machine.detached(&["-i", "--log-size", "64k"], "cat");
    let mut child = machine
        .command(&["container", "attach", &container.name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let line: Vec<u8> = (b' '..=b'n').chain([b'\n']).collect();
    let sent = line.repeat(4_000_000 / line.len());
    let writing = std::thread::spawn({
        let sent = sent.clone();
        move || input.write_all(&sent)
    });
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == sent, "{} of {} bytes", output.stdout.len(), sent.len());
}

#[test]
fn a_terminal_in_the_background_can_be_joined_and_left() {
    let Some(machine) = Machine::new() else { return };
    let found = Command::new("script").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        skip("no script(1), which gives a terminal");
        return;
    }
    let container = machine.detached(&["-t"], "tty; while read line; do echo \"got $line\"; done");
    until("it has a terminal", || container.logs().contains("/dev/pts/0"));
    let program = env!("CARGO_BIN_EXE_cofferdam");
    let inner = format!("{program} container attach {}", container.name);
    let mut child = Command::new("script")
        .args(["-qec", &inner, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut text = String::new();
    // Written again until it has arrived: the terminal may not be taken over yet.
    until("the answer comes", || {
        input.write_all(b"word\r").unwrap();
        let mut bytes = [0; 1024];
        let length = output.read(&mut bytes).unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
        text.contains("got word")
    });
    input.write_all(b"\x10\x11").unwrap();
    output.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    assert!(text.contains("left ") && text.contains("alone"), "{text}");
    assert_eq!(container.status(), "running");
}
