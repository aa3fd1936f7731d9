//! Exit codes, signals, terminals, input and output.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::Stdio,
    time::{Duration, Instant},
};

use cofferdam_runtime::plan::annotation;
use rustix::process::{Pid, Signal, kill_process};

use crate::machine::{Place, Running, callers};

#[test]
fn the_exit_code_is_the_programs() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for (arguments, wanted) in [
            (&["true"][..], 0),
            (&["sh", "-c", "exit 7"], 7),
            (&["/bin/sh", "-c", "exit 255"], 255),
            (&["missing"], 127),
            (&["/missing/program"], 127),
            (&["/etc/passwd"], 126),
            (&["/etc"], 126),
        ] {
            let ran = place.run(&caller, &place.request(arguments));
            assert_eq!(ran.code, wanted, "{}: {arguments:?} {}", caller.name(), ran.stderr);
            assert_eq!(ran.stderr.is_empty(), wanted != 126 && wanted != 127, "{}", ran.stderr);
        }
    }
}

#[test]
fn an_init_process_passes_on_how_the_program_ended() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for (script, wanted) in
            [("exit 5", 5), ("kill -9 $$", 137), ("test $$ = 2", 0), ("(sleep 0 &) ; exit 3", 3)]
        {
            let mut request = place.request(&["sh", "-c", script]);
            request.init = true;
            let ran = place.run(&caller, &request);
            assert_eq!(
                (ran.code, ran.stderr.as_str()),
                (wanted, ""),
                "{}: {script}",
                caller.name()
            );
        }
        let mut request = place.request(&["missing"]);
        request.init = true;
        assert_eq!(place.run(&caller, &request).code, 127, "{}", caller.name());
        // PID 1 is the runtime's program, which the container must not get at.
        let mut request =
            place.request(&["sh", "-c", "cat /proc/1/exe || ls /proc/1/fd || cat /proc/1/environ"]);
        request.init = true;
        let ran = place.run(&caller, &request);
        assert_eq!(ran.stdout, "", "{}", caller.name());
        assert_ne!(ran.code, 0, "{}", caller.name());
    }
}

#[test]
fn signals_are_passed_on() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for init in [false, true] {
            let script = "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
            let mut request = place.request(&["sh", "-c", script]);
            request.init = init;
            let mut running =
                Running::start(place.command(&caller, &place.spec(&caller, &request)));
            let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "ready");
            let runtime = Pid::from_raw(running.runtime().try_into().unwrap()).unwrap();
            kill_process(runtime, Signal::TERM).unwrap();
            assert_eq!(lines.next().unwrap().unwrap(), "got", "{}", caller.name());
            assert_eq!(running.0.wait().unwrap().code(), Some(9), "{}", caller.name());
        }
    }
}

#[test]
fn the_container_dies_with_the_runtime() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let request = place.request(&["sh", "-c", "echo ready; sleep 50"]);
        let mut running = Running::start(place.command(&caller, &place.spec(&caller, &request)));
        let mut output = BufReader::new(running.0.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let runtime = Pid::from_raw(running.runtime().try_into().unwrap()).unwrap();
        kill_process(runtime, Signal::KILL).unwrap();
        let started = Instant::now();
        // The end of its output says that no process of it is left.
        output.read_to_string(&mut line).unwrap();
        assert!(started.elapsed() < Duration::from_secs(10), "{}", caller.name());
    }
    crate::limits::remove_remnants();
}

#[test]
fn much_output_and_input_come_through() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let ran = place.shell(&caller, "dd if=/dev/zero bs=1000 count=4000 2>/dev/null");
        assert_eq!(ran.stdout.len(), 4_000_000, "{}", caller.name());
        let spec = place.spec(&caller, &place.request(&["wc", "-c"]));
        let mut command = place.command(&caller, &spec);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(&vec![b'x'; 3_000_000]));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap().trim(),
            "3000000",
            "{}",
            caller.name()
        );
    }
}

#[test]
fn a_terminal_is_the_containers_own() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let script = "tty; stty size; read line; echo \"read $line\"; tty < /dev/console; test -t 2 && echo all; exit 4";
        let mut request = place.request(&["sh", "-c", script]);
        request.terminal = true;
        let mut spec = place.spec(&caller, &request);
        spec.process.as_mut().unwrap().console_size =
            Some(cofferdam_oci::runtime::ConsoleSize { height: 33, width: 77 });
        let mut child = place.command(&caller, &spec).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap().replace('\r', "");
        let name = caller.name();
        for line in ["/dev/pts/0", "33 77", "read hello", "all"] {
            assert!(text.lines().any(|l| l == line), "{name}: no {line:?} in {text:?}");
        }
        assert_eq!(output.status.code(), Some(4), "{name}");
    }
}

#[test]
fn what_is_not_supported_is_refused_before_anything_is_done() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let mut spec = place.spec(&caller, &place.request(&["true"]));
        spec.annotations.insert(format!("{}nonsense", annotation::PREFIX), "1".into());
        let output = place.command(&caller, &spec).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        assert!(String::from_utf8(output.stderr).unwrap().contains("nonsense"));
        let mut spec = place.spec(&caller, &place.request(&["true"]));
        spec.vm = Some(serde_json::json!({"hypervisor": {"path": "/bin/true"}}));
        let output = place.command(&caller, &spec).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        assert!(String::from_utf8(output.stderr).unwrap().contains("/vm"));
    }
}
