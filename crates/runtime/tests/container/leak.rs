//! Many containers, eight at a time: when they are gone, nothing of them is left. 100 by default,
//! or as many as `COFFERDAM_LEAK_ROUNDS` says.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use cofferdam_oci::runtime::Spec;

use crate::{
    machine::{Caller, Place, callers},
    managed::{Managed, as_engines_do},
};

const AT_A_TIME: usize = 8;

fn rounds() -> usize {
    let asked = std::env::var("COFFERDAM_LEAK_ROUNDS").ok();
    asked.map_or(100, |text| text.parse().expect("COFFERDAM_LEAK_ROUNDS is a number"))
}

/// Lines of this machine's mount table about the test's directory.
fn mounts(place: &Place) -> Vec<String> {
    let own = place.directory.path().to_str().unwrap();
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().filter(|line| line.contains(own)).map(str::to_owned).collect()
}

/// Control groups that are named after one of the containers.
fn groups(names: &BTreeSet<String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.filter_map(Result::ok) {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if names.iter().any(|id| name.ends_with(id.as_str())) {
                found.push(entry.path());
            }
            waiting.push(entry.path());
        }
    }
    found
}

/// Processes that run below the test's directory, were called with it, or have a file of it open.
fn processes(place: &Place) -> Vec<String> {
    let own = place.directory.path();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let is_process = entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit());
        if !is_process || entry.file_name().to_string_lossy() == std::process::id().to_string() {
            continue;
        }
        let path = entry.path();
        let leads_here = |link: &Path| fs::read_link(link).is_ok_and(|to| to.starts_with(own));
        let command = fs::read(path.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        let open = fs::read_dir(path.join("fd")).into_iter().flatten().filter_map(Result::ok);
        if ["exe", "cwd", "root"].iter().any(|name| leads_here(&path.join(name)))
            || command.contains(own.to_str().unwrap())
            || open.into_iter().any(|file| leads_here(&file.path()))
        {
            found.push(format!("{} {command}", path.display()));
        }
    }
    found
}

/// Everything below a directory.
fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).unwrap().filter_map(Result::ok) {
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    found
}

/// Descriptors of this process that lead to the test's directory or to other processes.
fn descriptors(place: &Place) -> Vec<PathBuf> {
    let own = place.directory.path();
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    let targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.filter(|to| to.starts_with(own) || to.ends_with("anon_inode:[pidfd]")).collect()
}

/// Makes one container and does away with it, each time by other commands.
fn live(place: &Place, caller: &Caller, spec: &Spec, round: usize, names: &mut BTreeSet<String>) {
    let container = Managed::new(place, caller, spec);
    names.insert(container.id.clone());
    let bundle = container.bundle.to_str().unwrap().to_owned();
    let name = caller.name();
    match round % 3 {
        0 => {
            let ran = container.run(&["run", "--bundle", &bundle, &container.id]);
            assert_eq!(ran.code, 3, "{name}: {}", ran.stderr);
        }
        1 => {
            container.create();
            container.must(&["delete", "--force", &container.id]);
        }
        _ => {
            container.create();
            container.start();
            container.wait_for("stopped");
            container.must(&["delete", &container.id]);
        }
    }
    fs::remove_dir_all(&container.bundle).unwrap();
}

#[test]
fn nothing_is_left_of_many_containers() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let script = ["sh", "-c", "mkdir -p /tmp/x; sleep 9 & exit 3"];
        let mut spec = place.spec(&caller, &place.request(&script));
        if matches!(caller, Caller::Root) {
            spec = as_engines_do(&place, &script);
        }
        // What the first one makes for all that come after, is there before.
        let mut names = BTreeSet::new();
        live(&place, &caller, &spec, 0, &mut names);
        let before = files(place.directory.path());
        let next = AtomicUsize::new(0);
        // Root's are most; containers of users are made by the same code.
        let rounds = if matches!(caller, Caller::Root) { rounds() } else { rounds() / 10 };
        let all: Vec<BTreeSet<String>> = std::thread::scope(|scope| {
            let work = || {
                let mut names = BTreeSet::new();
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= rounds {
                        return names;
                    }
                    live(&place, &caller, &spec, round, &mut names);
                }
            };
            let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        names.extend(all.into_iter().flatten());
        assert_eq!(names.len(), rounds + 1);
        let name = caller.name();
        assert_eq!(mounts(&place), [""; 0], "{name}: mounts");
        assert_eq!(groups(&names), Vec::<PathBuf>::new(), "{name}: control groups");
        assert_eq!(processes(&place), [""; 0], "{name}: processes");
        assert_eq!(descriptors(&place), Vec::<PathBuf>::new(), "{name}: descriptors");
        let after = files(place.directory.path());
        let new: Vec<_> = after.difference(&before).collect();
        assert!(new.is_empty(), "{name}: files: {new:?}");
    }
}
