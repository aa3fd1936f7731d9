//! `inspect --isolation`: nothing to say of a container that is as its configuration says, and
//! real differences that are made from this machine.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{
    machine::{Caller, Place, Ran, callers, is_there},
    managed::{Managed, as_engines_do},
};

/// What `inspect` says, as JSON, and its exit code.
fn inspected(container: &Managed<'_>) -> (Value, i32) {
    let ran = container.ask(&["inspect", "--isolation", "--format", "json", &container.id]);
    let report = serde_json::from_str(&ran.stdout);
    (report.unwrap_or_else(|error| panic!("{error}: {} {}", ran.stdout, ran.stderr)), ran.code)
}

fn differences(report: &Value) -> Vec<(String, u64)> {
    let found = report["differences"].as_array().unwrap().iter();
    found
        .map(|one| (one["layer"].as_str().unwrap().into(), one["pid"].as_u64().unwrap_or(0)))
        .collect()
}

/// A program of this machine's root in namespaces of a container, which ends with the test.
struct Intruder(Child);

impl Intruder {
    /// `None`, with the reason printed, without nsenter(1).
    fn enter(container: &Managed<'_>, namespaces: &[&str], program: &[&str]) -> Option<Self> {
        if !is_there("nsenter") {
            eprintln!("skipped: no nsenter");
            return None;
        }
        let pid = container.told()["pid"].to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &pid]).args(namespaces).arg("--").args(program);
        command.env("PATH", "/bin:/usr/bin").stdin(Stdio::null());
        Some(Self(command.stdout(Stdio::null()).spawn().unwrap()))
    }

    /// Runs it to its end.
    fn must(container: &Managed<'_>, program: &[&str]) -> Option<()> {
        let mut intruder = Self::enter(container, &["--mount", "--pid"], program)?;
        assert!(intruder.0.wait().unwrap().success(), "{program:?}");
        Some(())
    }
}

impl Drop for Intruder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a process of this name is among the container's or its namespaces'.
fn wait_for(container: &Managed<'_>, layer: &str) -> (Value, i32) {
    for _ in 0..100 {
        let (report, code) = inspected(container);
        if differences(&report).iter().any(|(found, _)| found == layer) {
            return (report, code);
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("no difference of {layer}");
}

#[test]
fn a_container_as_configured_has_no_differences() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let mut specs = vec![place.spec(&caller, &place.request(&["sleep", "100"]))];
        if matches!(caller, Caller::Root) {
            let mut spec = as_engines_do(&place, &["sleep", "100"]);
            spec.root.as_mut().unwrap().readonly = true;
            specs.push(spec);
        }
        for spec in specs {
            let container = Managed::new(&place, &caller, &spec);
            container.create();
            let ran = container.ask(&["inspect", "--isolation", &container.id]);
            assert_eq!(ran.code, 125);
            assert!(ran.stderr.contains("it is created"), "{}", ran.stderr);
            container.start();
            let (report, code) = inspected(&container);
            let name = caller.name();
            assert_eq!((differences(&report), code), (Vec::new(), 0), "{name}: {report:#}");
            assert_eq!(report["processes"].as_array().unwrap().len(), 1, "{name}");
            if matches!(caller, Caller::Root) {
                assert_eq!(report["unknown"], serde_json::json!([]), "{name}");
                let ran = container.ask(&["--strict", "inspect", "--isolation", &container.id]);
                assert_eq!(ran.code, 0, "{}", ran.stdout);
                assert!(ran.stdout.contains("nothing differs"), "{}", ran.stdout);
            }
        }
    }
}

/// Another program by `exec` is one of the container's, and gets everything that the first has.
#[test]
fn programs_by_exec_are_listed_and_do_not_differ() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let spec = place.spec(&caller, &place.request(&["sleep", "100"]));
        let container = Managed::new(&place, &caller, &spec);
        container.create();
        container.start();
        container.must(&["exec", "--detach", &container.id, "sleep", "99"]);
        let (report, code) = inspected(&container);
        assert_eq!((differences(&report), code), (Vec::new(), 0), "{}", caller.name());
        let count = report["processes"].as_array().unwrap().len();
        assert_eq!(count, 2, "{}: {report:#}", caller.name());
    }
}

#[test]
fn a_process_that_was_put_inside_is_a_difference() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let container = Managed::new(&place, &Caller::Root, &as_engines_do(&place, &["sleep", "100"]));
    container.create();
    container.start();
    let all = ["--mount", "--pid", "--net", "--ipc", "--uts"];
    let Some(intruder) = Intruder::enter(&container, &all, &["sleep", "98"]) else { return };
    let (report, code) = wait_for(&container, "system call filter");
    assert_eq!(code, 1);
    let found = differences(&report);
    // nsenter(1) itself, which waits for it, is in the mount namespace too; the first is not named.
    let first = container.told()["pid"].as_u64().unwrap();
    assert!(found.iter().all(|(_, pid)| *pid != first && *pid != 0), "{found:?}");
    for layer in
        ["system call filter", "no new privileges", "capabilities dropped", "control group"]
    {
        assert!(found.iter().any(|(other, _)| other == layer), "{layer} in {found:?}");
    }
    let severities = report["differences"].as_array().unwrap();
    assert_eq!(severities[0]["severity"], "critical", "{report:#}");
    let Ran { stdout, code, .. } = container.ask(&["inspect", "--isolation", &container.id]);
    assert_eq!(code, 1);
    for words in ["critical  process ", "found:    ", "fix:      ", "Seccomp: 0"] {
        assert!(stdout.contains(words), "{words} in {stdout}");
    }
    drop(intruder);
    // The one that nsenter made goes with its namespace's parent, not at once.
    let mut last = found;
    for _ in 0..100 {
        last = differences(&inspected(&container).0);
        if last.is_empty() {
            break;
        }
        let pid = last[0].1.to_string();
        let _ = Command::new("kill").args(["-9", &pid]).status();
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(last, []);
}

/// Only some of the namespaces: a visitor that the control group does not know.
#[test]
fn a_visitor_of_the_process_namespace_is_a_difference() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let container = Managed::new(&place, &Caller::Root, &as_engines_do(&place, &["sleep", "100"]));
    container.create();
    container.start();
    let Some(_intruder) = Intruder::enter(&container, &["--pid"], &["sleep", "5"]) else {
        return;
    };
    let (report, code) = wait_for(&container, "process namespace");
    assert_eq!((report["differences"][0]["severity"].as_str(), code), (Some("medium"), 1));
}

#[test]
fn mounts_that_were_changed_are_differences() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let mut spec = as_engines_do(&place, &["sleep", "100"]);
    spec.root.as_mut().unwrap().readonly = true;
    let container = Managed::new(&place, &Caller::Root, &spec);
    container.create();
    container.start();
    let whats = || {
        let (report, code) = inspected(&container);
        let all = report["differences"].as_array().unwrap().iter();
        (all.map(|one| one["what"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), code)
    };
    assert_eq!(whats(), (Vec::new(), 0));
    // From inside the mount namespace, with this machine's rights.
    for (program, wanted) in [
        (&["mount", "-o", "remount,bind,rw", "/"][..], "the root file system can be written to"),
        (&["mount", "-t", "tmpfs", "x", "/tmp"], "something is mounted at /tmp"),
        (&["busybox", "umount", "/proc/sys"], "/proc/sys can be written to"),
        (&["busybox", "umount", "/proc/keys"], "/proc/keys is not masked"),
        (&["busybox", "umount", "/dev/shm"], "what belongs at /dev/shm is not mounted there"),
    ] {
        let Some(()) = Intruder::must(&container, program) else { return };
        let (found, code) = whats();
        assert_eq!(code, 1, "{program:?}");
        assert!(found.iter().any(|what| what.contains(wanted)), "{program:?}: {found:?}");
    }
}

#[test]
fn limits_that_were_lifted_are_differences() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let mut spec = as_engines_do(&place, &["sleep", "100"]);
    let resources = spec.linux.as_mut().unwrap().resources.get_or_insert_default();
    resources.pids = Some(cofferdam_oci::runtime::Pids { limit: Some(77) });
    let container = Managed::new(&place, &Caller::Root, &spec);
    container.create();
    container.start();
    let (report, code) = inspected(&container);
    assert_eq!((differences(&report), code), (Vec::new(), 0), "{report:#}");
    // An update changes the configuration too.
    container.must(&["update", "--pids-limit", "66", &container.id]);
    assert_eq!(inspected(&container).1, 0);
    let state = container.state().join(&container.id).join("state.json");
    let state: Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
    let groups = state["cgroups"].as_array().unwrap().iter().map(|path| path.as_str().unwrap());
    let file = groups.map(|path| format!("{path}/pids.max")).find(|f| std::fs::exists(f).unwrap());
    let Some(file) = file else {
        eprintln!("skipped: no pids controller");
        return;
    };
    std::fs::write(file, "max").unwrap();
    let (report, code) = inspected(&container);
    assert_eq!(code, 1);
    let one = &report["differences"][0];
    assert_eq!((one["expected"].as_str(), one["found"].as_str()), (Some("66"), Some("max")));
}

#[test]
fn what_is_asked_for_is_said() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let container = Managed::new(&place, &Caller::Root, &as_engines_do(&place, &["true"]));
    for (arguments, words) in [
        (&["inspect", "--isolation", "none"][..], "container does not exist"),
        (&["inspect", "none"], "--isolation"),
        (&["inspect", "--isolation", "--format", "xml", "none"], "'xml'"),
    ] {
        let ran = container.ask(arguments);
        assert_eq!(ran.code, 125, "{arguments:?}");
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}
