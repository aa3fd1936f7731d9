//! Programs that are run at points of a container's life.

use std::fs;

use cofferdam_oci::runtime::{Hook, Hooks};

use crate::{
    machine::{Caller, Place, callers},
    managed::{Managed, as_engines_do},
};

fn hook(script: &str) -> Hook {
    Hook {
        path: "/bin/sh".into(),
        args: vec!["sh".into(), "-c".into(), script.into()],
        env: vec!["PATH=/usr/sbin:/usr/bin:/sbin:/bin".into()],
        timeout: None,
    }
}

fn managed<'a>(place: &'a Place, program: &[&str], hooks: Hooks) -> Managed<'a> {
    let mut spec = as_engines_do(place, program);
    spec.hooks = Some(hooks);
    spec.annotations.insert("some".into(), "thing".into());
    Managed::new(place, &Caller::Root, &spec)
}

#[test]
fn they_run_in_order_with_the_state_and_in_their_namespaces() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let file = place.path("hooks.log");
    let log = file.to_str().unwrap();
    // Each writes its stage, its mount namespace and the state.
    let outside = |stage: &str| {
        hook(&format!("echo \"{stage} $(readlink /proc/self/ns/mnt) $(cat)\" >> {log}"))
    };
    let inside = hook("echo \"startContainer $(cat)\" > /started; id -u >> /started");
    let hooks = Hooks {
        prestart: vec![outside("prestart")],
        create_runtime: vec![outside("createRuntime"), outside("createRuntime2")],
        create_container: vec![outside("createContainer")],
        start_container: vec![inside],
        poststart: vec![outside("poststart")],
        poststop: vec![outside("poststop")],
    };
    let container = managed(&place, &["sh", "-c", "cat /started; exec sleep 60"], hooks);
    container.create();
    let pid = container.told()["pid"].as_i64().unwrap();
    let lines =
        || fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    let stages = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    let created = ["prestart", "createRuntime", "createRuntime2", "createContainer"];
    assert_eq!(stages(&lines()), created);
    container.start();
    assert_eq!(stages(&lines())[4..], ["poststart"]);
    container.wait_for_output("\n");
    assert!(container.output().starts_with("startContainer {"), "{}", container.output());
    container.must(&["delete", "--force", &container.id]);
    let lines = lines();
    assert_eq!(stages(&lines)[5..], ["poststop"]);

    let own = fs::read_link("/proc/self/ns/mnt").unwrap();
    let own = own.to_str().unwrap();
    for (line, (status, has_pid)) in lines.iter().zip([
        ("creating", true),
        ("creating", true),
        ("creating", true),
        ("creating", true),
        ("running", true),
        ("stopped", false),
    ]) {
        let mut fields = line.splitn(3, ' ');
        let (stage, namespace) = (fields.next().unwrap(), fields.next().unwrap());
        assert_eq!(namespace == own, stage != "createContainer", "{line}");
        let state: serde_json::Value = serde_json::from_str(fields.next().unwrap()).unwrap();
        assert_eq!(state["status"], status, "{line}");
        assert_eq!(state["id"], container.id.as_str());
        assert_eq!(state["bundle"], container.bundle.to_str().unwrap());
        assert_eq!(state["annotations"]["some"], "thing");
        match state.get("pid") {
            Some(told) if stage != "createContainer" => assert_eq!(told, pid, "{line}"),
            told => assert_eq!(told.is_some(), has_pid, "{line}"),
        }
    }
}

#[test]
fn create_container_hooks_find_the_root_with_its_mounts_in_its_place() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let root = place.root();
    let root = root.display();
    let script = format!("echo made > {root}/made && grep -q ' {root}/proc ' /proc/self/mountinfo");
    let hooks = Hooks { create_container: vec![hook(&script)], ..Hooks::default() };
    let container = managed(&place, &["cat", "/made"], hooks);
    container.create();
    container.start();
    container.wait_for("stopped");
    assert_eq!(container.output(), "made\n");
}

#[test]
fn one_that_fails_early_leaves_no_container() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let failing = || vec![hook("echo something is wrong >&2; exit 3")];
    for (stage, hooks) in [
        ("prestart", Hooks { prestart: failing(), ..Hooks::default() }),
        ("createRuntime", Hooks { create_runtime: failing(), ..Hooks::default() }),
        ("createContainer", Hooks { create_container: failing(), ..Hooks::default() }),
    ] {
        let file = place.path(&format!("after-{stage}"));
        let poststop = vec![hook(&format!("touch {}", file.display()))];
        let container = managed(&place, &["true"], Hooks { poststop, ..hooks });
        let bundle = container.bundle.to_str().unwrap();
        let ran = container.run(&["create", "--bundle", bundle, &container.id]);
        assert_eq!(ran.code, 1, "{stage}");
        let wanted =
            format!("(/hooks/{stage}/0): error running hook: it exited with 3: something is wrong");
        assert!(ran.stderr.contains(&wanted), "{stage}: {}", ran.stderr);
        assert_eq!(fs::read_dir(container.state()).unwrap().count(), 0, "{stage}: remnants");
        assert!(file.exists(), "{stage}: its end is told to hooks too");
    }
}

#[test]
fn one_that_fails_at_the_start_ends_the_container() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let failing = || vec![hook("exit 3")];
    for (stage, hooks) in [
        ("startContainer", Hooks { start_container: failing(), ..Hooks::default() }),
        ("poststart", Hooks { poststart: failing(), ..Hooks::default() }),
    ] {
        let container = managed(&place, &["sleep", "60"], hooks.clone());
        container.create();
        let ran = container.ask(&["start", &container.id]);
        assert_eq!(ran.code, 1, "{stage}");
        assert!(ran.stderr.contains(stage), "{stage}: {}", ran.stderr);
        container.wait_for("stopped");
        let container = managed(&place, &["sleep", "60"], hooks);
        let bundle = container.bundle.to_str().unwrap();
        let ran = container.ask(&["run", "--bundle", bundle, &container.id]);
        assert_eq!(ran.code, 125, "{stage}: {}", ran.stderr);
    }
}

#[test]
fn one_that_fails_at_the_end_is_told_and_the_others_run() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let file = place.path("last");
    let poststop = vec![hook("exit 3"), hook(&format!("touch {}", file.display()))];
    let container = managed(&place, &["true"], Hooks { poststop, ..Hooks::default() });
    container.create();
    container.start();
    container.wait_for("stopped");
    let ran = container.ask(&["delete", &container.id]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: could not run hook '/bin/sh' (/hooks/poststop/0)"));
    assert!(file.exists());
}

#[test]
fn one_that_takes_too_long_is_killed() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let slow = Hook { timeout: Some(1), ..hook("echo waiting; exec sleep 50") };
    let container =
        managed(&place, &["true"], Hooks { create_runtime: vec![slow], ..Hooks::default() });
    let bundle = container.bundle.to_str().unwrap();
    let ran = container.run(&["create", "--bundle", bundle, &container.id]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("more than 1 seconds and was killed: waiting"), "{}", ran.stderr);
}

#[test]
fn one_that_talks_without_end_or_leaves_others_behind_does_no_harm() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    for script in ["head -c 5000000 /dev/zero; exit 3", "sleep 5 & exit 3"] {
        let hooks = Hooks { prestart: vec![hook(script)], ..Hooks::default() };
        let container = managed(&place, &["true"], hooks);
        let bundle = container.bundle.to_str().unwrap();
        let started = std::time::Instant::now();
        let ran = container.run(&["create", "--bundle", bundle, &container.id]);
        assert_eq!(ran.code, 1, "{script}");
        assert!(ran.stderr.contains("exited with 3"), "{script}");
        assert!(ran.stderr.len() < 10_000, "{script}: {} bytes", ran.stderr.len());
        assert!(started.elapsed().as_secs() < 4, "{script}: others are not waited for");
    }
}
