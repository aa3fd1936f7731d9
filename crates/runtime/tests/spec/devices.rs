//! Device nodes, and which devices may be used.

use std::{
    fs,
    os::{fd::AsFd, unix::fs::FileTypeExt},
    path::{Path, PathBuf},
    process::Command,
};

use cofferdam_runtime::cgroup::Layout;
use cofferdam_sys::device_filter::{EVERYTHING, Kind, READ, Rule, attach, program};
use serde_json::json;

use crate::bundle::{Bundle, Ran};

#[test]
fn nodes_are_made_as_asked() {
    let Some(bundle) = Bundle::new() else { return };
    let bundle = bundle.with(json!({"linux": {"devices": [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o600, "uid": 1, "gid": 2},
        {"path": "/dev/deep/disk", "type": "b", "major": 7, "minor": 3, "fileMode": 0o640},
        {"path": "/dev/pipe", "type": "p", "fileMode": 0o777},
        {"path": "/other/place", "type": "u", "major": 1, "minor": 3}
    ]}}));
    let out = bundle.output(
        "stat -c '%A %u:%g %t:%T %n' /dev/fuse /dev/deep/disk /dev/pipe /other/place /dev/null \
         /dev/tty; for link in fd stdin stdout stderr ptmx; do readlink /dev/$link; done",
    );
    let wanted = "\
crw------- 1:2 a:e5 /dev/fuse
brw-r----- 0:0 7:3 /dev/deep/disk
prwxrwxrwx 0:0 0:0 /dev/pipe
crw-rw-rw- 0:0 1:3 /other/place
crw-rw-rw- 0:0 1:3 /dev/null
crw-rw-rw- 0:0 5:0 /dev/tty
/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n";
    assert_eq!(out, wanted);
    fs::remove_dir_all(bundle.root().join("other")).unwrap();
}

#[test]
fn in_a_user_namespace_this_machines_devices_are_mounted() {
    let Some(bundle) = Bundle::new() else { return };
    let bundle = bundle.own_ids();
    assert_eq!(
        bundle.output("echo x > /dev/null; head -c 3 /dev/zero | wc -c; ls /dev/full"),
        "3\n/dev/full\n"
    );
    let bundle = bundle.with(json!({"linux": {"devices": [
        {"path": "/dev/null2", "type": "c", "major": 1, "minor": 3}]}}));
    // By its number, where it has another name.
    assert_eq!(bundle.output("cat /dev/null2; echo x > /dev/null2; echo ok"), "ok\n");
    let bundle = bundle.with(json!({"linux": {"devices": [
        {"path": "/dev/nothing", "type": "c", "major": 240, "minor": 77}]}}));
    assert!(bundle.refusal().contains("/dev/nothing"));
}

#[test]
fn an_image_does_not_choose_what_a_device_is() {
    let Some(mut bundle) = Bundle::new() else { return };
    // Without a file system of its own at /dev the image's directory is used.
    bundle.config["mounts"]
        .as_array_mut()
        .unwrap()
        .retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
    let dev = bundle.root().join("dev");
    fs::create_dir(&dev).unwrap();
    assert!(
        Command::new("mknod")
            .arg(dev.join("null"))
            .args(["c", "1", "5"])
            .status()
            .unwrap()
            .success()
    );
    assert!(bundle.refusal().contains("/dev/null"));
    fs::remove_file(dev.join("null")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dev.join("null")).unwrap();
    assert!(bundle.refusal().contains("/dev/null"));
    fs::remove_file(dev.join("null")).unwrap();
    assert_eq!(bundle.output("echo x > /dev/null; echo ok"), "ok\n");
    assert!(fs::metadata(dev.join("null")).unwrap().file_type().is_char_device());
}

/// A script that tries to use devices by nodes of its own.
const TRY: &str = "cd /tmp; try() { mknod $1 $2 $3 $4 && { eval \"$5 $1\" 2>/dev/null && echo $1 yes || echo $1 no; }; }
    try mem c 1 1 'head -c 1 > /dev/null <'; try kmsg c 1 11 'true <'; try fuse c 10 229 'true <'
    try zero c 1 5 'true <'; try disk b 254 0 'true <'";

fn clean(bundle: &Bundle) {
    for name in ["mem", "kmsg", "fuse", "zero", "disk"] {
        let _ = fs::remove_file(bundle.root().join("tmp").join(name));
    }
}

#[test]
fn only_devices_that_are_allowed_can_be_opened() {
    let Some(bundle) = Bundle::new() else { return };
    if matches!(Layout::detect(), Layout::Absent) || !Path::new("/dev/fuse").exists() {
        eprintln!("skipped: no control groups, or no /dev/fuse");
        return;
    }
    let bundle = bundle.with(json!({"linux": {"resources": {"devices": [
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "r"}]}}}));
    let ran = bundle.run(TRY);
    assert_eq!(ran.out, "mem no\nkmsg no\nfuse yes\nzero yes\ndisk no\n", "{}", ran.err);
    clean(&bundle);
    // Without a word about devices they are forbidden too.
    let bundle = bundle.with(json!({"linux": {"resources": {"devices": null}}}));
    let ran = bundle.run(TRY);
    assert_eq!(ran.out, "mem no\nkmsg no\nfuse no\nzero yes\ndisk no\n", "{}", ran.err);
    clean(&bundle);
    let bundle = bundle.with(json!({"linux": {"resources": {"devices": [
        {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "x"}]}}}));
    assert!(bundle.refusal().contains("/linux/resources/devices: rule 0: 'x'"));
}

/// A cgroup v2 directory that goes away with the test.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_program_controls_devices_on_cgroup_v2() {
    let Some(_) = Bundle::new() else { return };
    let mounted = match Layout::detect() {
        Layout::Unified { .. } => PathBuf::from("/sys/fs/cgroup"),
        Layout::Split { unified: Some(tree), .. } => tree.mounted,
        _ => {
            eprintln!("skipped: no cgroup v2");
            return;
        }
    };
    let group = Group(mounted.join(format!("cofferdam-device-{}", std::process::id())));
    fs::create_dir(&group.0).unwrap();
    let rule = |allow, minor, access| {
        let (kind, major) = (Some(Kind::Character), Some(1));
        Rule { allow, kind, major, minor, access }
    };
    // Everything of major 1 but null, which can be read only.
    let rules =
        [rule(true, None, EVERYTHING), rule(false, Some(3), EVERYTHING), rule(true, Some(3), READ)];
    let directory = fs::File::open(&group.0).unwrap();
    match attach(directory.as_fd(), &program(&rules)) {
        Err(rustix::io::Errno::PERM) => {
            eprintln!("skipped: BPF is not for this user");
            return;
        }
        result => result.unwrap(),
    }
    let script =
        "echo $$ > $0/cgroup.procs; (: < /dev/null) && echo read; (: > /dev/null) && echo wrote
        (: < /dev/zero) && echo zero; (: < /dev/tty) && echo tty; true";
    let mut command = Command::new("sh");
    let ran = Ran::of(command.args(["-c", script]).arg(&group.0));
    assert_eq!(ran.out, "read\nzero\n", "{}", ran.err);
}
