//! Root file systems that were made to fool the runtime.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::machine::{Place, callers};

/// Everything in a directory: path, type and size. What an attack on the machine would change.
fn listing(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            found.push(format!(
                "{} {:?} {}",
                entry.path().display(),
                metadata.file_type(),
                metadata.len()
            ));
            if metadata.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn links_in_place_of_vital_directories_are_refused() {
    let Some(place) = Place::new() else { return };
    let target = place.path("target");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("file"), "x").unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&target, fs::Permissions::from_mode(0o777)).unwrap();
    let outside = format!("../../../../../../..{}", target.display());
    for vital in ["proc", "sys", "dev"] {
        for to in
            [target.to_str().unwrap(), outside.as_str(), "/etc", "etc", "/proc/self/root", vital]
        {
            symlink(to, place.root().join(vital)).unwrap();
            let before = listing(&target);
            for caller in callers() {
                let ran = place.shell(&caller, "echo ran");
                assert_eq!(
                    (ran.code, ran.stdout.as_str()),
                    (125, ""),
                    "{}: /{vital} to {to}",
                    caller.name()
                );
                assert!(ran.stderr.contains(&format!("/{vital}")), "{}", ran.stderr);
            }
            assert_eq!(listing(&target), before, "/{vital} to {to}");
            fs::remove_file(place.root().join(vital)).unwrap();
        }
    }
}

#[test]
fn files_in_place_of_vital_directories_are_refused() {
    let Some(place) = Place::new() else { return };
    for vital in ["proc", "sys", "dev"] {
        fs::write(place.root().join(vital), "x").unwrap();
        for caller in callers() {
            let ran = place.shell(&caller, "echo ran");
            assert_eq!((ran.code, ran.stdout.as_str()), (125, ""), "{}: /{vital}", caller.name());
        }
        fs::remove_file(place.root().join(vital)).unwrap();
    }
}

#[test]
fn an_image_with_a_dev_of_its_own_does_not_supply_devices() {
    let Some(place) = Place::new() else { return };
    fs::create_dir(place.root().join("dev")).unwrap();
    for name in ["null", "pts", "shm", "console", "ptmx"] {
        symlink(place.path("secret"), place.root().join("dev").join(name)).unwrap();
    }
    for caller in callers() {
        let ran = place.shell(
            &caller,
            "echo x > /dev/null; cat /dev/null; ls -l /dev/null /dev/full | grep -c '^c'",
        );
        assert_eq!(ran.stdout, "2\n", "{}: {}", caller.name(), ran.stderr);
    }
    assert_eq!(fs::read_to_string(place.path("secret")).unwrap(), "the secret of this machine");
}

#[test]
fn the_working_directory_stays_inside() {
    let Some(place) = Place::new() else { return };
    symlink("/proc/self/fd/3", place.root().join("leak")).unwrap();
    symlink(place.directory.path(), place.root().join("absolute")).unwrap();
    for caller in callers() {
        for directory in ["/leak", "/proc/self/fd/7", "/absolute", "/../../..", "/proc/1/cwd"] {
            let mut request = place.request(&["sh", "-c", "cat secret ../secret ../../secret; ls"]);
            request.directory = Some(directory.into());
            let ran = place.run(&caller, &request);
            assert!(
                !ran.stdout.contains("secret"),
                "{}: {directory}: {}",
                caller.name(),
                ran.stdout
            );
        }
    }
}
