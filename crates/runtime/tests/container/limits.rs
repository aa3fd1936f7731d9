//! Limits of tasks, memory and disk.

use cofferdam_runtime::cgroup::Layout;

use crate::machine::{Caller, Place, callers};

/// Control groups of containers whose runtime a test has killed.
pub(crate) fn remove_remnants() {
    let begin = format!("cofferdam-test-{}-", std::process::id());
    for directory in Layout::detect().own_directories() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&begin) {
                let _ = std::fs::remove_dir(entry.path());
            }
        }
    }
}

#[test]
fn a_fork_bomb_is_contained() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        // Bounded even without a limit: 200 sleeping processes of 2 seconds.
        let script =
            "i=0; while [ $i -lt 200 ]; do sleep 2 & i=$((i+1)); done 2>/dev/null; echo survived";
        let mut request = place.request(&["sh", "-c", script]);
        let mut spec = place.spec(&caller, &request);
        let limit = Some(cofferdam_oci::runtime::Pids { limit: Some(40) });
        spec.linux.as_mut().unwrap().resources.as_mut().unwrap().pids = limit;
        let output = place.command(&caller, &spec).output().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(
            !out.contains("survived") || err.contains("fork"),
            "{}: {out} {err}",
            caller.name()
        );
        assert_ne!(output.status.code(), Some(0), "{}: {out} {err}", caller.name());
        request.tasks = Some(40);
        let spec = place.spec(&caller, &request);
        let output = place.command(&caller, &spec).output().unwrap();
        if matches!(caller, Caller::Root) {
            assert_eq!(output.status.code(), Some(2), "busybox cannot fork");
        } else if output.status.code() == Some(125) {
            // A limit that was asked for is not given up.
            let err = String::from_utf8(output.stderr).unwrap();
            assert!(err.contains("/linux/resources"), "{err}");
        }
    }
}

#[test]
fn memory_is_limited() {
    let Some(place) = Place::new() else { return };
    if !matches!(Layout::detect(), Layout::Split { .. } | Layout::Unified { .. }) {
        eprintln!("skipped: no cgroups here");
        return;
    }
    for caller in callers().into_iter().filter(|caller| matches!(caller, Caller::Root)) {
        // 64 MiB into the shared memory of a container that may have 16.
        let script = "dd if=/dev/zero of=/dev/shm/x bs=1M count=60; echo survived";
        let mut request = place.request(&["sh", "-c", script]);
        request.memory = Some(16 << 20);
        let ran = place.run(&caller, &request);
        assert!(!ran.stdout.contains("survived") || !ran.stderr.contains("60.0MB"), "{ran:?}");
        let left = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        assert!(!left.contains("cofferdam-test"));
    }
}

#[test]
fn the_throw_away_layer_is_bounded() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let mut request = place.request(&["dd", "if=/dev/zero", "of=/x", "bs=1M", "count=20"]);
        request.root_size = Some(4 << 20);
        let ran = place.run(&caller, &request);
        assert!(ran.stderr.contains("No space left"), "{}: {}", caller.name(), ran.stderr);
    }
}

#[test]
fn no_control_group_is_left_behind() {
    let Some(place) = Place::new() else { return };
    let layout = Layout::detect();
    if !matches!(layout, Layout::Split { .. }) {
        eprintln!("skipped: the test knows where groups are on cgroup v1 only");
        return;
    }
    let mut request = place.request(&["true"]);
    request.memory = Some(64 << 20);
    request.processors = Some(500);
    for caller in callers().into_iter().filter(|caller| matches!(caller, Caller::Root)) {
        let spec = place.spec(&caller, &request);
        let command = place.command(&caller, &spec);
        let id = command.get_args().last().unwrap().to_string_lossy().into_owned();
        assert_eq!({ command }.output().unwrap().status.code(), Some(0));
        for group in layout.own_directories() {
            let group = group.join(format!("cofferdam-{id}"));
            assert!(!group.exists(), "{}", group.display());
        }
    }
}
