//! Descriptors and directories of this machine that a process might keep (CVE-2024-21626,
//! CVE-2016-9962).

use std::{
    fs,
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use crate::{
    machine::{Caller, Place, Ran, callers},
    managed::{Managed, as_engines_do},
};

/// Runs a command with a directory of this machine open at every number from 3 to 19.
fn with_open_directories(command: &Command, directory: &str) -> Ran {
    let open: String = (3..20).map(|number| format!("exec {number}<'{directory}'; ")).collect();
    let mut wrapped = Command::new("bash");
    wrapped.args(["-c", &format!("{open} exec \"$0\" \"$@\"")]);
    wrapped.arg(command.get_program()).args(command.get_args());
    Ran::new(wrapped.stdin(Stdio::null()).output().unwrap())
}

const LOOK: &str = "cat secret ../secret ../../secret ../../../secret 2>/dev/null; pwd; ls";

#[test]
fn the_working_directory_leads_to_no_descriptor_of_this_machine() {
    let Some(place) = Place::new() else { return };
    let host = place.directory.path().to_str().unwrap().to_owned();
    for number in 3..20 {
        symlink(format!("/proc/self/fd/{number}"), place.root().join(format!("leak{number}")))
            .unwrap();
    }
    for caller in callers() {
        for number in [3, 5, 7, 8, 12] {
            for directory in [
                format!("/proc/self/fd/{number}"),
                format!("/proc/self/fd/{number}/."),
                format!("/proc/1/fd/{number}"),
                format!("/proc/thread-self/fd/{number}"),
                format!("/leak{number}"),
            ] {
                let mut request = place.request(&["sh", "-c", LOOK]);
                request.directory = Some(directory.clone());
                let ran = with_open_directories(
                    &place.command(&caller, &place.spec(&caller, &request)),
                    &host,
                );
                let name = caller.name();
                assert!(!ran.stdout.contains("secret"), "{name}: {directory}: {}", ran.stdout);
                assert_ne!(ran.code, 0, "{name}: {directory} is refused: {}", ran.stdout);
            }
        }
    }
}

#[test]
fn nor_does_that_of_another_program() {
    let Some(place) = Place::new() else { return };
    let host = place.directory.path().to_str().unwrap().to_owned();
    symlink("/proc/self/fd/7", place.root().join("leak")).unwrap();
    for caller in callers() {
        let mut all = vec![place.spec(&caller, &place.request(&["sleep", "60"]))];
        if matches!(caller, Caller::Root) {
            all.push(as_engines_do(&place, &["sleep", "60"]));
        }
        for spec in all {
            let container = Managed::new(&place, &caller, &spec);
            container.create();
            container.start();
            for directory in
                ["/proc/self/fd/3", "/proc/self/fd/7", "/leak", "/proc/self/cwd", "/proc/1/cwd/.."]
            {
                let command = container.command(&[
                    "exec",
                    "--cwd",
                    directory,
                    &container.id,
                    "sh",
                    "-c",
                    LOOK,
                ]);
                let ran = with_open_directories(&command, &host);
                let name = caller.name();
                assert!(!ran.stdout.contains("secret"), "{name}: {directory}: {}", ran.stdout);
                assert_ne!(ran.code, 0, "{name}: {directory} is refused: {}", ran.stdout);
            }
        }
    }
}

/// A container's process keeps looking for processes that join, and for what they have open.
#[test]
fn a_joining_process_cannot_be_looked_into() {
    let Some(place) = Place::new() else { return };
    // Whatever it finds that is not a program of the container's own, or leads to this machine.
    let script = format!(
        "up() {{ read t x < /proc/uptime; t=${{t%%.*}}; }}; up; end=$((t+60)); \
         while up; [ $t -lt $end ]; do for p in /proc/[0-9]*; do \
           ls -l $p/fd 2>/dev/null | grep -v ' [012] -> ' | grep -e '{0}' -e socket: && echo FOUND fd $p; \
           readlink $p/cwd 2>/dev/null | grep '{0}' && echo FOUND cwd $p; \
           readlink $p/root 2>/dev/null | grep '{0}' && echo FOUND root $p; \
           cat $p/environ 2>/dev/null | grep -a HOSTSECRET && echo FOUND environ $p; \
           readlink $p/exe 2>/dev/null | grep -v -e busybox && echo FOUND exe $p; \
         done; done",
        place.directory.path().display()
    );
    for caller in callers() {
        let mut all = vec![place.spec(&caller, &place.request(&["sh", "-c", &script]))];
        if matches!(caller, Caller::Root) {
            all.push(as_engines_do(&place, &["sh", "-c", &script]));
        }
        for spec in all {
            let container = Managed::new(&place, &caller, &spec);
            container.create();
            container.start();
            for _ in 0..30 {
                let mut command = container.command(&["exec", &container.id, "true"]);
                let ran = Ran::new(command.env("HOSTSECRET", "1").output().unwrap());
                assert_eq!(ran.code, 0, "{}: {}", caller.name(), ran.stderr);
            }
            container.must(&["kill", &container.id, "KILL"]);
            container.wait_for("stopped");
            let found = container.output();
            assert!(!found.contains("FOUND"), "{}: {found}", caller.name());
        }
    }
}

/// A made container waits with its pipes open; others in its PID namespace must not get at them.
#[test]
fn a_waiting_process_cannot_be_looked_into() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let caller = Caller::Root;
    let first = Managed::new(&place, &caller, &as_engines_do(&place, &["sleep", "60"]));
    first.create();
    first.start();
    let pid = first.told()["pid"].to_string();
    let mut spec = as_engines_do(&place, &["sleep", "60"]);
    for namespace in &mut spec.linux.as_mut().unwrap().namespaces {
        if namespace.kind == cofferdam_oci::runtime::NamespaceType::Pid {
            namespace.path = format!("/proc/{pid}/ns/pid");
        }
    }
    let second = Managed::new(&place, &caller, &spec);
    second.create();
    // The first sees it as another process of its namespace, and is root with the same ids.
    let ran = first.exec(
        "for p in /proc/[0-9]*; do case $p in /proc/1|/proc/$$) continue;; esac; \
           grep -q '^State' $p/status 2>/dev/null || continue; echo seen; \
           for f in 0 3 4 5 6 7; do readlink $p/fd/$f && echo FOUND fd; done; cat $p/exe >/dev/null 2>&1 && echo FOUND exe; \
           ls $p/root/ >/dev/null 2>&1 && echo FOUND root; cat $p/environ 2>/dev/null && echo FOUND environ; \
           : > $p/mem 2>/dev/null && echo FOUND mem; done",
    );
    assert!(ran.stdout.contains("seen"), "{} {}", ran.stdout, ran.stderr);
    assert!(!ran.stdout.contains("FOUND"), "{}", ran.stdout);
    assert_eq!(fs::read_to_string(place.path("secret")).unwrap(), "the secret of this machine");
}
