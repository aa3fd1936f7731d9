//! Root file systems in a directory: only what is asked for is opened, and nothing outside.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use cofferdam_image::{Error, Interest, Limits, OpenOptions, Reading, Source, Target, open, read};

fn reading_within(root: &Path, limits: &Limits) -> Reading {
    let source = open(&Target::Directory(root.into()), &OpenOptions::default()).unwrap();
    assert!(matches!(source, Source::Directory(_)));
    let interest = Interest {
        files: ["etc/os-release", "/var/lib/dpkg/status", "absent/file"].map(str::to_owned).into(),
        directories: ["var/lib/dpkg/status.d", "absent"].map(str::to_owned).into(),
        ..Interest::default()
    };
    read(&source, &interest, limits, None, &()).unwrap()
}

fn reading(root: &Path) -> Reading {
    reading_within(root, &Limits::default())
}

/// A root with a package database, and a file beside it that must not be reached.
fn root() -> tempfile::TempDir {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("root");
    fs::create_dir_all(root.join("var/lib/dpkg/status.d/inner")).unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::create_dir_all(root.join("usr/lib")).unwrap();
    fs::write(root.join("var/lib/dpkg/status"), "status").unwrap();
    fs::write(root.join("var/lib/dpkg/status.d/inner/a"), "a").unwrap();
    fs::write(root.join("usr/lib/os-release"), "ID=x").unwrap();
    symlink("../usr/lib/os-release", root.join("etc/os-release")).unwrap();
    fs::write(temporary.path().join("secret"), "secret").unwrap();
    temporary
}

#[test]
fn reads_what_is_asked_for() {
    let temporary = root();
    let reading = reading(&temporary.path().join("root"));
    assert_eq!(reading.skipped, []);
    assert_eq!(&**reading.tree.file("etc/os-release").unwrap().0, b"ID=x");
    assert_eq!(&**reading.tree.file("var/lib/dpkg/status").unwrap().0, b"status");
    let below: Vec<_> = reading.tree.files_below("var/lib/dpkg/status.d").collect();
    assert_eq!(below.len(), 1);
    assert_eq!(below[0].0, "var/lib/dpkg/status.d/inner/a");
}

#[test]
fn a_file_that_is_reached_in_two_ways_is_there_once() {
    let temporary = root();
    let root = temporary.path().join("root");
    fs::rename(root.join("var/lib/dpkg"), root.join("usr/lib/dpkg")).unwrap();
    symlink("/usr/lib/dpkg", root.join("var/lib/dpkg")).unwrap();
    let reading = reading(&root);
    assert_eq!(&**reading.tree.file("var/lib/dpkg/status").unwrap().0, b"status");
    let below: Vec<_> = reading.tree.files_below("var/lib/dpkg/status.d").collect();
    assert_eq!(below[0].0, "usr/lib/dpkg/status.d/inner/a");
}

#[test]
fn no_link_leads_out_of_the_root() {
    for target in ["../../secret", "../../../../../../secret", "/../secret", "/secret"] {
        let temporary = root();
        let root = temporary.path().join("root");
        fs::remove_file(root.join("etc/os-release")).unwrap();
        symlink(target, root.join("etc/os-release")).unwrap();
        assert_eq!(reading(&root).tree.file("etc/os-release"), None, "{target}");
    }
    // Nor by its full path on the host, nor through a directory.
    let temporary = root();
    let root = temporary.path().join("root");
    fs::remove_file(root.join("etc/os-release")).unwrap();
    symlink(temporary.path().join("secret"), root.join("etc/os-release")).unwrap();
    fs::remove_dir_all(root.join("var/lib/dpkg")).unwrap();
    symlink("../../..", root.join("var/lib/dpkg")).unwrap();
    fs::write(temporary.path().join("status"), "outside").unwrap();
    let reading = reading(&root);
    assert_eq!(reading.tree.file("etc/os-release"), None);
    assert_eq!(reading.tree.file("var/lib/dpkg/status"), None);
}

#[test]
fn loops_pipes_devices_and_large_files_are_told() {
    let temporary = root();
    let root = temporary.path().join("root");
    fs::remove_file(root.join("etc/os-release")).unwrap();
    symlink("os-release", root.join("etc/os-release")).unwrap();
    fs::remove_file(root.join("var/lib/dpkg/status")).unwrap();
    let pipe = root.join("var/lib/dpkg/status");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(root.join("var/lib/dpkg/status.d/big"), [b'x'; 100]).unwrap();
    let reading = reading_within(&root, &Limits { file: 99, ..Limits::default() });
    let told: Vec<_> =
        reading.skipped.iter().map(|s| (s.object.as_str(), s.why.as_str())).collect();
    assert_eq!(
        told,
        [
            ("etc/os-release", "too many links in a row lead to it"),
            ("var/lib/dpkg/status", "it is not a regular file"),
            ("var/lib/dpkg/status.d/big", "it has 100 bytes, and 99 are kept at most"),
        ]
    );
}

#[test]
fn what_may_not_be_read_is_told() {
    if rustix::process::geteuid().is_root() {
        println!("skipped: root may read everything");
        return;
    }
    let temporary = root();
    let root = temporary.path().join("root");
    let status = root.join("var/lib/dpkg/status");
    fs::set_permissions(&status, fs::Permissions::from_mode(0o000)).unwrap();
    let reading = reading(&root);
    assert_eq!(reading.skipped.len(), 1);
    assert_eq!(reading.skipped[0].object, "/var/lib/dpkg/status");
}

#[test]
fn directories_without_end_are_left_off() {
    let temporary = root();
    let root = temporary.path().join("root");
    let mut deep = root.join("var/lib/dpkg/status.d");
    for _ in 0..80 {
        deep.push("d");
        fs::create_dir(&deep).unwrap();
    }
    let reading = reading(&root);
    assert_eq!(reading.skipped.len(), 1);
    assert_eq!(reading.skipped[0].why, "it is 64 directories deep");
}

#[test]
fn a_root_that_is_not_there_is_an_error() {
    for path in ["/nowhere/at/all", "/etc/passwd"] {
        let error = open(&Target::Directory(path.into()), &OpenOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Io { action: "open directory", .. }), "{error}");
    }
}
