//! Configurations and archives that were made to be taken for something else: too long for where
//! they are passed on (CVE-2021-43784), with properties for systemd (CVE-2022-0811,
//! CVE-2024-3154), checkpoints (CVE-2024-8676).

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::{
    bundle::{Bundle, Ran},
    filesystem::prizes,
    machine::{Caller, Place},
    managed::{Managed, as_engines_do},
};

/// What does not fit is refused; nothing of it wraps around or is cut.
#[test]
fn what_is_too_long_is_refused() {
    let Some(_) = Bundle::new() else { return };
    let before = prizes();
    let long = "a".repeat(70_000);
    let maps = |count: u32| {
        let map = (0..count).map(|n| json!({"containerID": n, "hostID": 100_000 + n, "size": 1}));
        Value::Array(map.collect())
    };
    let mount = |options: Vec<String>| json!({"mounts": [{"destination": "/mnt", "type": "tmpfs", "options": options}]});
    let cases = [
        json!({"hostname": long}),
        json!({"domainname": long}),
        json!({"root": {"path": long}}),
        json!({"process": {"cwd": format!("/{long}")}}),
        json!({"linux": {"cgroupsPath": format!("/{long}")}}),
        json!({"linux": {"maskedPaths": [format!("/{long}")]}}),
        json!({"linux": {"readonlyPaths": [format!("/{long}")]}}),
        json!({"linux": {"namespaces": [
            {"type": "mount"}, {"type": "network", "path": format!("/{long}")}]}}),
        json!({"linux": {"namespaces": [{"type": "mount"}, {"type": "user"}],
            "uidMappings": maps(341), "gidMappings": maps(341)}}),
        json!({"linux": {"sysctl": {format!("net.{long}"): "1"}}}),
        json!({"linux": {"devices": [
            {"path": format!("/dev/{long}"), "type": "c", "major": 1, "minor": 3}]}}),
        mount(vec![format!("size={long}")]),
        mount((0..20_000).map(|n| format!("option{n}=1")).collect()),
        json!({"process": {"apparmorProfile": long}}),
        json!({"process": {"selinuxLabel": long}}),
    ];
    for case in cases {
        let bundle = Bundle::new().unwrap().with(case.clone());
        let ran = bundle.run("echo ran");
        let shown: String = case.to_string().chars().take(60).collect();
        assert_eq!((ran.code, ran.out.as_str()), (125, ""), "{shown}");
        assert!(ran.err.len() < 200_000, "{shown}: {}", ran.err.len());
    }
    // More arguments than the kernel takes: execve says so.
    let bundle = Bundle::new().unwrap();
    let bundle = bundle.with(json!({"process": {"args": ["echo", "x".repeat(3 << 20)]}}));
    let ran = bundle.run("");
    assert_eq!((ran.code, ran.out.as_str()), (126, ""), "{}", ran.err);
    assert_eq!(prizes(), before);
}

#[test]
fn files_that_are_no_configuration_are_refused() {
    let Some(bundle) = Bundle::new() else { return };
    let runs = |content: &[u8]| {
        let mut command = bundle.command("echo ran");
        fs::write(bundle.path("config.json"), content).unwrap();
        Ran::of(&mut command)
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let large = format!("{{\"ociVersion\": \"{}\"}}", "1".repeat(9 << 20));
    for content in ["", "{", "[]", "null", &deep, &large, "{\"ociVersion\": \"1.2.0\"}\u{0}"] {
        let ran = runs(content.as_bytes());
        assert_eq!((ran.code, ran.out.as_str()), (125, ""), "{:.40}", content);
        assert!(ran.err.contains("config.json"), "{}", ran.err);
    }
}

/// What CRI-O once passed on to systemd: none of it is run, nor does it make a unit.
#[test]
fn properties_for_systemd_do_nothing() {
    let Some(bundle) = Bundle::new() else { return };
    let mark = bundle.path("mark");
    let before = prizes();
    let touch = format!("[('/usr/bin/touch', ['touch', '{}'], false)]", mark.display());
    let mut bundle = Bundle::new().unwrap();
    bundle.change(json!({"annotations": {
        "org.systemd.property.ExecStartPre": touch,
        "org.systemd.property.ExecStart": touch,
        "org.systemd.property.User": "'root'",
        "org.systemd.property.DeviceAllow": "[('/dev/sda', 'rwm')]",
        "org.systemd.property.x\nExecStart": touch
    }}));
    assert_eq!(bundle.output("echo ran"), "ran\n");
    if !std::path::Path::new("/run/systemd/system").is_dir() {
        let mut command = bundle.command_with(&["--systemd-cgroup"], "echo ran");
        let ran = Ran::of(&mut command);
        assert_eq!((ran.code, ran.out.as_str()), (125, ""), "{}", ran.err);
    }
    assert!(!mark.exists());
    assert_eq!(prizes(), before);
}

/// A checkpoint is a program with all its memory, and a list of files to open and to write.
#[test]
fn a_hostile_checkpoint_is_not_restored() {
    let Some(place) = Place::new() else { return };
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: not root");
        return;
    }
    let victim = place.path("victim");
    fs::write(&victim, "victim").unwrap();
    let images = place.path("checkpoint");
    fs::create_dir(&images).unwrap();
    for name in ["inventory.img", "pstree.img", "core-1.img", "files.img", "descriptors.json"] {
        symlink(&victim, images.join(name)).unwrap();
    }
    symlink("/", images.join("rootfs")).unwrap();
    let container = Managed::new(&place, &Caller::Root, &as_engines_do(&place, &["true"]));
    let (bundle, images) = (container.bundle.to_str().unwrap(), images.to_str().unwrap());
    let command =
        ["restore", "--bundle", bundle, "--image-path", images, "--detach", &container.id];
    let ran = container.run(&command);
    assert_ne!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(fs::read_to_string(victim).unwrap(), "victim");
}
