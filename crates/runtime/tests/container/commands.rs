//! Containers from `create` to `delete`.

use std::fs;

use crate::{
    machine::{Caller, Place, callers},
    managed::{Managed, as_engines_do},
};

const SLEEP: [&str; 3] = ["sh", "-c", "echo runs; exec sleep 60"];

#[test]
fn a_container_goes_from_created_to_stopped() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container = Managed::new(&place, &caller, &place.spec(&caller, &place.request(&SLEEP)));
        let (id, name) = (container.id.as_str(), caller.name());
        container.create();
        let told = container.told();
        assert_eq!(told["status"], "created", "{name}");
        assert_eq!(told["bundle"], container.bundle.to_str().unwrap());
        assert_eq!(container.output(), "", "{name}: nothing of it runs yet");
        let pid = told["pid"].as_i64().unwrap();
        assert!(fs::exists(format!("/proc/{pid}")).unwrap());

        container.start();
        assert_eq!(container.status(), "running", "{name}");
        let again = container.ask(&["start", id]);
        assert_eq!(again.code, 1, "{name}");
        assert!(again.stderr.contains("running already"), "{}", again.stderr);
        let early = container.ask(&["delete", id]);
        assert_eq!(early.code, 1, "{name}");
        assert!(early.stderr.contains("not stopped"), "{}", early.stderr);

        container.must(&["kill", id, "KILL"]);
        container.wait_for("stopped");
        assert_eq!(container.told()["pid"], 0, "{name}");
        let late = container.ask(&["kill", id, "KILL"]);
        assert_eq!(late.code, 1);
        assert!(late.stderr.contains("container not running"), "{}", late.stderr);
        assert_eq!(container.output(), "runs\n", "{name}");
        container.must(&["delete", id]);
        let gone = container.ask(&["state", id]);
        assert_eq!(gone.code, 1, "{name}");
        assert!(gone.stderr.contains("does not exist"), "{}", gone.stderr);
        assert_eq!(fs::read_dir(container.state()).unwrap().count(), 0, "{name}: remnants");
        assert_eq!(container.ask(&["delete", id]).code, 1, "{name}");
        container.must(&["delete", "--force", id]);
    }
    crate::limits::remove_remnants();
}

/// Whether a process has ended, though nobody may have asked yet how.
fn has_ended(pid: i64) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.is_empty() || state.contains(") Z ")
}

#[test]
fn a_name_is_taken_once() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container = Managed::new(&place, &caller, &place.spec(&caller, &place.request(&SLEEP)));
        container.create();
        let bundle = container.bundle.to_str().unwrap();
        let second = container.run(&["create", "--bundle", bundle, &container.id]);
        assert_eq!(second.code, 1, "{}", caller.name());
        assert!(second.stderr.contains("a container of this name exists"), "{}", second.stderr);
        assert_eq!(container.status(), "created", "the first is as it was");
    }
}

#[test]
fn a_created_container_can_be_deleted() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container = Managed::new(&place, &caller, &place.spec(&caller, &place.request(&SLEEP)));
        container.create();
        let pid = container.told()["pid"].as_i64().unwrap();
        container.must(&["delete", &container.id]);
        assert!(has_ended(pid), "{}", caller.name());
    }
}

#[test]
fn create_finds_out_that_there_is_no_program() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        for (program, wanted) in [
            ("missing", "executable file not found in $PATH"),
            ("/missing", "no such file or directory"),
            ("/etc/passwd", "permission denied"),
        ] {
            let spec = place.spec(&caller, &place.request(&[program]));
            let container = Managed::new(&place, &caller, &spec);
            let bundle = container.bundle.to_str().unwrap();
            let ran = container.run(&["create", "--bundle", bundle, &container.id]);
            assert_eq!(ran.code, 1, "{}: {program}", caller.name());
            assert!(ran.stderr.contains(wanted), "{program}: {}", ran.stderr);
            assert_eq!(container.ask(&["state", &container.id]).code, 1);
            assert_eq!(fs::read_dir(container.state()).unwrap().count(), 0, "{program}: remnants");
        }
    }
}

#[test]
fn start_hears_that_the_program_does_not_run() {
    let Some(place) = Place::new() else { return };
    // An executable file of no format that the kernel knows.
    fs::write(place.root().join("bin/odd"), "\0\0\0\0").unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(place.root().join("bin/odd"), PermissionsExt::from_mode(0o755)).unwrap();
    for caller in callers() {
        let container =
            Managed::new(&place, &caller, &place.spec(&caller, &place.request(&["odd"])));
        container.create();
        let ran = container.ask(&["start", &container.id]);
        assert_eq!(ran.code, 1, "{}", caller.name());
        assert!(ran.stderr.contains("could not run 'odd'"), "{}", ran.stderr);
        container.must(&["delete", &container.id]);
    }
}

/// Without `no_new_privs` the filter is in force before the container's process is ready.
#[test]
fn a_filter_may_refuse_what_the_runtime_itself_uses() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let mut spec = as_engines_do(&place, &["sh", "-c", "echo runs; exec sleep 60"]);
    spec.process.as_mut().unwrap().no_new_privileges = false;
    spec.linux.as_mut().unwrap().seccomp = serde_json::from_value(serde_json::json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{
            "names": ["close_range", "sendmsg", "faccessat2", "poll", "ppoll", "clone3", "fcntl"],
            "action": "SCMP_ACT_ERRNO",
        }],
    }))
    .unwrap();
    let container = Managed::new(&place, &Caller::Root, &spec);
    container.create();
    container.start();
    container.wait_for_output("runs");
    assert_eq!(container.exec("echo hello").stdout, "hello\n");
}

#[test]
fn signals_have_names_and_numbers() {
    let Some(place) = Place::new() else { return };
    let script = "trap 'echo got; exit 0' USR1; echo ready; while :; do sleep 0.05; done";
    for caller in callers() {
        for signal in ["SIGUSR1", "usr1", "10"] {
            let spec = place.spec(&caller, &place.request(&["sh", "-c", script]));
            let container = Managed::new(&place, &caller, &spec);
            container.create();
            container.start();
            container.wait_for_output("ready");
            container.must(&["kill", &container.id, signal]);
            container.wait_for("stopped");
            assert!(container.output().contains("got"), "{}: {signal}", caller.name());
        }
    }
}

#[test]
fn a_detached_container_lives_on() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container = Managed::new(&place, &caller, &place.spec(&caller, &place.request(&SLEEP)));
        let bundle = container.bundle.to_str().unwrap();
        let file = container.bundle.join("pid");
        let pid_file = file.to_str().unwrap();
        container.must(&["run", "--detach", "--pid-file", pid_file, "-b", bundle, &container.id]);
        let told = container.told();
        assert_eq!(told["status"], "running", "{}", caller.name());
        assert_eq!(fs::read_to_string(&file).unwrap(), told["pid"].to_string());
        let quiet = container.must(&["list", "--quiet"]);
        assert_eq!(quiet, format!("{}\n", container.id));
        let listed: serde_json::Value =
            serde_json::from_str(&container.must(&["list", "--format", "json"])).unwrap();
        for key in ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"] {
            assert!(listed[0].get(key).is_some(), "no {key} in {listed}");
        }
        let failed =
            Managed::new(&place, &caller, &place.spec(&caller, &place.request(&["missing"])));
        let bundle = failed.bundle.to_str().unwrap();
        assert_eq!(failed.run(&["run", "--detach", "-b", bundle, &failed.id]).code, 127);
    }
}

#[test]
fn a_paused_container_stands_still() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let script = "while :; do echo tick; sleep 0.02; done";
    let caller = Caller::Root;
    let container = Managed::new(&place, &caller, &as_engines_do(&place, &["sh", "-c", script]));
    let id = container.id.as_str();
    container.create();
    container.start();
    let paused = container.ask(&["pause", id]);
    if paused.stderr.contains("freezer") {
        eprintln!("skipped: no cgroup with a freezer: {}", paused.stderr);
        return;
    }
    assert_eq!(container.status(), "paused");
    let before = container.output();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(container.output(), before);
    let refused = container.exec("true");
    assert_eq!(refused.code, 125);
    assert!(refused.stderr.contains("paused"), "{}", refused.stderr);
    container.must(&["resume", id]);
    assert_eq!(container.status(), "running");
    assert_eq!(container.ask(&["resume", id]).code, 1);
    // Killing what is frozen works at once.
    container.must(&["pause", id]);
    container.must(&["kill", id, "KILL"]);
    container.wait_for("stopped");
    container.must(&["delete", id]);
}

#[test]
fn its_processes_usage_and_limits_are_told_and_changed() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let caller = Caller::Root;
    let spec = as_engines_do(&place, &["sh", "-c", "sleep 60 & sleep 60"]);
    let container = Managed::new(&place, &caller, &spec);
    let id = container.id.as_str();
    container.create();
    container.start();
    let listed = || -> Vec<i64> {
        serde_json::from_str(&container.must(&["ps", "--format", "json", id])).unwrap()
    };
    let started = std::time::Instant::now();
    while listed().len() < 2 && started.elapsed().as_secs() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(listed().len(), 2, "{:?}", listed());
    assert!(listed().contains(&container.told()["pid"].as_i64().unwrap()));
    let table = container.must(&["ps", id]);
    assert_eq!(table.lines().count(), 3, "{table}");

    let event: serde_json::Value =
        serde_json::from_str(&container.must(&["events", "--stats", id])).unwrap();
    assert_eq!((&event["type"], &event["id"]), (&"stats".into(), &id.into()));
    if event["data"]["pids"].get("current").is_none() {
        eprintln!("skipped: no pids controller, so no limit of it can be changed");
        return;
    }
    assert_eq!(event["data"]["pids"]["current"], 2, "{event}");
    assert!(event["data"]["memory"]["usage"]["limit"].is_u64(), "{event}");
    container.must(&["update", "--pids-limit", "7", id]);
    let limit = || -> serde_json::Value {
        let event = container.must(&["events", "--stats", id]);
        serde_json::from_str::<serde_json::Value>(&event).unwrap()["data"]["pids"]["limit"].clone()
    };
    assert_eq!(limit(), 7);
    let file = container.bundle.join("limits");
    fs::write(&file, r#"{"pids": {"limit": 9}}"#).unwrap();
    container.must(&["update", "-r", file.to_str().unwrap(), id]);
    assert_eq!(limit(), 9);
    let wrong = container.ask(&["update", "--memory", "much", id]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("'much' for --memory"), "{}", wrong.stderr);
}

#[test]
fn what_a_container_leaves_without_a_pid_namespace_is_ended() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let caller = Caller::Root;
    let mut spec = as_engines_do(&place, &["sh", "-c", "sleep 61 & exec sleep 60"]);
    let linux = spec.linux.as_mut().unwrap();
    linux.namespaces.retain(|n| n.kind != cofferdam_oci::runtime::NamespaceType::Pid);
    let container = Managed::new(&place, &caller, &spec);
    container.create();
    container.start();
    let pids = || -> Vec<i64> {
        let listed = container.must(&["ps", "-f", "json", &container.id]);
        serde_json::from_str(&listed).unwrap()
    };
    for _ in 0..500 {
        if pids().len() >= 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(pids().len(), 2, "{} {}", container.status(), container.output());
    let all = pids();
    container.must(&["delete", "--force", &container.id]);
    for pid in all {
        assert!(has_ended(pid), "{pid} lives on");
    }
}

#[test]
fn errors_are_told_to_engines_in_their_file() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container = Managed::new(&place, &caller, &place.spec(&caller, &place.request(&SLEEP)));
        let file = container.bundle.join("log");
        let log = file.to_str().unwrap();
        let ran = container.ask(&["--log", log, "--log-format", "json", "start", "nobody"]);
        assert_eq!(ran.code, 1);
        let line: serde_json::Value =
            serde_json::from_str(fs::read_to_string(&file).unwrap().trim()).unwrap();
        assert_eq!(line["level"], "error");
        assert!(line["msg"].as_str().unwrap().contains("container does not exist"), "{line}");
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        let ran = container.ask(&["--systemd-cgroup", "list"]);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains("systemd"), "{}", ran.stderr);
        let ran = container.ask(&["checkpoint", &container.id]);
        assert_eq!(ran.code, 1);
    }
}

#[test]
fn a_written_configuration_runs() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container = Managed::new(&place, &caller, &place.spec(&caller, &place.request(&SLEEP)));
        let bundle = container.bundle.to_str().unwrap();
        let file = container.bundle.join("config.json");
        let kept = container.ask(&["spec", "--bundle", bundle]);
        assert_eq!(kept.code, 1, "{}: an existing one is not replaced", caller.name());
        fs::remove_file(&file).unwrap();
        let rootless: &[&str] = if matches!(caller, Caller::Root) { &[] } else { &["--rootless"] };
        container.must(&[&["spec", "--bundle", bundle][..], rootless].concat());
        std::os::unix::fs::symlink(place.root(), container.bundle.join("rootfs")).unwrap();
        let mut spec: serde_json::Value =
            serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        spec["process"]["args"] = serde_json::json!(["sh", "-c", "id -u; touch /x || echo ro"]);
        spec["process"]["terminal"] = false.into();
        fs::write(&file, spec.to_string()).unwrap();
        let ran = container.ask(&["run", "--bundle", bundle, &container.id]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (0, "0\nro\n"),
            "{}: {}",
            caller.name(),
            ran.stderr
        );
    }
}

#[test]
fn features_are_told_as_the_specification_has_them() {
    let Some(place) = Place::new() else { return };
    if callers().is_empty() {
        return;
    }
    let output = place.runtime(&Caller::Root).arg("features").output().unwrap();
    let features: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(features["ociVersionMax"], "1.3.0");
    assert_eq!(features["hooks"].as_array().unwrap().len(), 6);
    assert!(features["mountOptions"].as_array().unwrap().contains(&"rro".into()));
    assert!(features["linux"]["seccomp"]["actions"].as_array().unwrap().len() > 5);
}

#[test]
fn failures_end_with_runcs_codes_or_podmans() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container =
            Managed::new(&place, &caller, &place.spec(&caller, &place.request(&["sleep", "60"])));
        container.create();
        container.start();
        let mut spec = place.spec(&caller, &place.request(&["/does/not/exist"]));
        let missing = Managed::new(&place, &caller, &spec);
        spec.process.as_mut().unwrap().args = vec!["/etc/passwd".into()];
        let odd = Managed::new(&place, &caller, &spec);
        let run = |container: &Managed<'_>, whose: &str| {
            let bundle = container.bundle.to_str().unwrap();
            container.ask(&["--exit-codes", whose, "run", "--bundle", bundle, &container.id]).code
        };
        let exec = |whose: &str, program: &str| {
            container.ask(&["--exit-codes", whose, "exec", &container.id, program]).code
        };
        let name = caller.name();
        assert_eq!([run(&missing, "podman"), run(&odd, "podman")], [127, 126], "{name}");
        assert_eq!([run(&missing, "runc"), run(&odd, "runc")], [1, 1], "{name}");
        assert_eq!([exec("podman", "nonesuch"), exec("podman", "true")], [127, 0], "{name}");
        assert_eq!([exec("runc", "nonesuch"), exec("runc", "true")], [255, 0], "{name}");
        let nobody = container.ask(&["--exit-codes", "runc", "exec", "nobody", "true"]);
        assert_eq!(nobody.code, 255, "{}", nobody.stderr);
        assert_eq!(container.ask(&["--exit-codes", "crun", "list"]).code, 1);
    }
}
