//! What is kept of containers, forged or out of date: no process and no file of this machine may
//! be taken for a container's.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::{
    machine::{Caller, Place, callers},
    managed::{Managed, as_engines_do},
};

/// Somebody else's process.
struct Bystander(Child);

impl Bystander {
    fn new() -> Self {
        Self(Command::new("sleep").arg("100").stdout(Stdio::null()).spawn().unwrap())
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stopped(place: &Place) -> (Managed<'_>, PathBuf) {
    let container = Managed::new(place, &Caller::Root, &as_engines_do(place, &["true"]));
    container.create();
    container.start();
    container.wait_for("stopped");
    let file = container.state().join(&container.id).join("state.json");
    (container, file)
}

fn change(file: &PathBuf, change: impl FnOnce(&mut serde_json::Value)) {
    let mut state: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    change(&mut state);
    fs::write(file, state.to_string()).unwrap();
}

#[test]
fn a_process_that_has_the_number_of_a_containers_is_left_alone() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let (container, file) = stopped(&place);
    let mut bystander = Bystander::new();
    change(&file, |state| state["init"]["pid"] = bystander.0.id().into());
    assert_eq!(container.status(), "stopped");
    assert_eq!(container.ask(&["kill", &container.id, "KILL"]).code, 1);
    assert_eq!(container.exec("true").code, 125);
    assert_eq!(container.ask(&["pause", &container.id]).code, 1);
    container.must(&["delete", "--force", &container.id]);
    assert!(bystander.lives());
}

#[test]
fn a_forged_state_moves_nothing_outside() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let victim = place.path("victim");
    fs::create_dir(&victim).unwrap();
    let forgeries: [(&str, serde_json::Value); 7] = [
        ("cgroups", serde_json::json!([victim])),
        ("cgroups", serde_json::json!(["/sys/fs/cgroup"])),
        ("cgroups", serde_json::json!(["/sys/fs/cgroup/../../..", victim])),
        ("init", serde_json::json!({"pid": 1, "start_time": 0})),
        ("init", serde_json::json!({"pid": -1, "start_time": 0})),
        ("id", "../../etc".into()),
        ("version", serde_json::json!("1")),
    ];
    for (field, value) in forgeries {
        let (container, file) = stopped(&place);
        let before = fs::read(&file).unwrap();
        change(&file, |state| state[field] = value.clone());
        for command in ["state", "kill", "start", "delete", "resume"] {
            let ran = container.ask(&[command, &container.id]);
            assert_eq!(ran.code, 1, "{command} with {field} {value}");
            assert!(ran.stderr.contains("state file"), "{command} {field}: {}", ran.stderr);
        }
        let listed = container.ask(&["list"]);
        assert_eq!(listed.code, 0);
        assert!(listed.stderr.contains("warning"), "{field}: {}", listed.stderr);
        assert!(victim.is_dir());
        fs::write(&file, before).unwrap();
    }
}

#[test]
fn broken_states_are_told_by_name() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let (container, file) = stopped(&place);
    let good = fs::read(&file).unwrap();
    for broken in [&b""[..], b"{", b"null", b"[]", &[0xff; 100], &good[..good.len() / 2]] {
        fs::write(&file, broken).unwrap();
        let ran = container.ask(&["state", &container.id]);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains(file.to_str().unwrap()), "{}", ran.stderr);
    }
    fs::remove_file(&file).unwrap();
    symlink("/dev/zero", &file).unwrap();
    assert_eq!(container.ask(&["state", &container.id]).code, 1);
    fs::remove_file(&file).unwrap();
    fs::write(&file, good).unwrap();
}

#[test]
fn directories_that_others_can_write_to_are_not_used() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let (container, _) = stopped(&place);
    let directory = container.state().join(&container.id);
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o777)).unwrap();
    let ran = container.ask(&["state", &container.id]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("not this user's alone"), "{}", ran.stderr);
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o700)).unwrap();
    let root = container.state();
    fs::set_permissions(&root, PermissionsExt::from_mode(0o777)).unwrap();
    let ran = container.ask(&["state", &container.id]);
    assert!(ran.stderr.contains("everybody may write to it"), "{}", ran.stderr);
    fs::set_permissions(&root, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn names_lead_nowhere_else() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let (container, _) = stopped(&place);
    for name in ["..", ".", "../x", "a/b", "/etc", "", "a\nb"] {
        for command in ["state", "delete", "kill", "start", "exec"] {
            let ran = container.ask(&[command, "--", name, "true"]);
            assert_ne!(ran.code, 0, "{command} {name:?}");
        }
    }
    assert!(container.state().is_dir());
}
