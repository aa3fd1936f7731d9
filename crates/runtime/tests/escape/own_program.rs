//! The runtime's own file, which a container must not change (CVE-2019-5736).

use std::{fs, os::unix::fs::symlink, path::Path, process::Stdio, time::Duration};

use cofferdam_oci::runtime::{NamespaceType, Spec};

use crate::{
    machine::{Caller, Place, callers},
    managed::{Managed, as_engines_do},
};

/// Root with every capability, on a runtime's file of its own.
fn all_powerful(place: &Place, arguments: &[&str]) -> Spec {
    let mut spec = as_engines_do(place, arguments);
    let process = spec.process.as_mut().unwrap();
    let sets = process.capabilities.as_mut().unwrap();
    let all: Vec<String> = cofferdam_sys::capability::NAMES
        .iter()
        .map(ToString::to_string)
        // Not had by every root that runs tests.
        .filter(|name| name != "CAP_SYS_RESOURCE")
        .collect();
    (sets.bounding, sets.effective, sets.permitted) = (all.clone(), all.clone(), all);
    process.no_new_privileges = false;
    spec.linux.as_mut().unwrap().seccomp = None;
    spec.linux.as_mut().unwrap().resources = None;
    spec
}

/// Uses a copy, so that an attack that succeeds only breaks that.
fn own_copy(place: &Place) -> Vec<u8> {
    let runtime = place.path("cofferdam-runtime");
    let content = fs::read(&runtime).unwrap();
    fs::remove_file(&runtime).unwrap();
    fs::write(&runtime, &content).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&runtime, PermissionsExt::from_mode(0o755)).unwrap();
    content
}

/// Opens the file of every process but its own, and tries to write to it when it is executed no
/// more: by the descriptor, as the attack has it, by the link, and with its mount made writable.
///
/// Should the test be killed, it ends by itself.
const ATTACK: &str = "\
    up() { read t x < /proc/uptime; t=${t%%.*}; }; up; end=$((t+60)); \
    while up; [ $t -lt $end ]; do for p in /proc/[0-9]*; do \
      case $(readlink $p/exe 2>/dev/null) in *busybox*|'') continue;; esac; \
      ( echo x > $p/exe ) 2>/dev/null && echo WRITTEN; \
      mount -o remount,rw $p/exe 2>/dev/null && echo REMOUNTED; \
      ( exec 5<$p/exe && echo opened || exit; n=0; while [ $n -lt 100 ]; do n=$((n+1)); \
        ( echo x > /proc/self/fd/5 ) 2>/dev/null && echo WRITTEN && exit; sleep 0.01; done \
      ) 2>/dev/null; \
    done; done";

/// Lets a container execute the runtime's own program for a while.
fn execute(container: &Managed<'_>) {
    // It waits for its standard input.
    let program = ["/proc/self/exe", "update", "--resources", "-", "x"];
    let mut command = container.command(&[&["exec", &container.id], &program[..]].concat());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    drop(child.stdin.take());
    child.wait().unwrap();
    // And the attack for its end.
    std::thread::sleep(Duration::from_millis(1200));
}

fn check(container: &Managed<'_>, runtime: &Path, content: &[u8]) {
    container.must(&["kill", &container.id, "KILL"]);
    container.wait_for("stopped");
    let said = container.output();
    assert!(!said.contains("WRITTEN") && !said.contains("REMOUNTED"), "{said}");
    assert!(fs::read(runtime).unwrap() == content, "it is as it was");
}

#[test]
fn it_is_not_written_to_while_programs_join() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let content = own_copy(&place);
    let container =
        Managed::new(&place, &Caller::Root, &all_powerful(&place, &["sh", "-c", ATTACK]));
    container.create();
    container.start();
    for _ in 0..20 {
        let _ = container.ask(&["exec", &container.id, "true"]);
    }
    execute(&container);
    assert!(container.output().contains("opened"), "the attack gets as far as it can");
    check(&container, &place.path("cofferdam-runtime"), &content);
}

#[test]
fn an_image_that_executes_it_gains_nothing() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let content = own_copy(&place);
    // By its link, by a link of the image to that, and as an interpreter.
    symlink("/proc/self/exe", place.root().join("bin/app")).unwrap();
    let script = place.root().join("bin/script");
    fs::write(&script, "#!/proc/self/exe\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    // Another container in the same PID namespace waits for it.
    let watcher = all_powerful(&place, &["sh", "-c", ATTACK]);
    let watcher = Managed::new(&place, &Caller::Root, &watcher);
    watcher.create();
    watcher.start();
    let pid = watcher.told()["pid"].to_string();
    for program in ["/proc/self/exe", "app", "script"] {
        let mut spec = all_powerful(&place, &[program, "update", "--resources", "-", "x"]);
        for namespace in &mut spec.linux.as_mut().unwrap().namespaces {
            if namespace.kind == NamespaceType::Pid {
                namespace.path = format!("/proc/{pid}/ns/pid");
            }
        }
        let container = Managed::new(&place, &Caller::Root, &spec);
        let bundle = container.bundle.to_str().unwrap();
        let mut command = container.command(&["run", "--bundle", bundle, &container.id]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(400));
        drop(child.stdin.take());
        child.wait().unwrap();
        std::thread::sleep(Duration::from_millis(1200));
    }
    assert!(watcher.output().contains("opened"), "the attack gets as far as it can");
    check(&watcher, &place.path("cofferdam-runtime"), &content);
}

/// The user's own file, which a container's root that is this user owns too. In a user namespace
/// the attack does not even get at the link, as the process belongs to nobody there.
#[test]
fn a_users_own_copy_is_not_written_to_either() {
    let Some(place) = Place::new() else { return };
    for caller in callers().into_iter().filter(|caller| !matches!(caller, Caller::Root)) {
        let content = own_copy(&place);
        let runtime = place.path("cofferdam-runtime");
        caller.own(&runtime);
        let spec = place.spec(&caller, &place.request(&["sh", "-c", ATTACK]));
        let container = Managed::new(&place, &caller, &spec);
        container.create();
        container.start();
        execute(&container);
        check(&container, &runtime, &content);
    }
}
