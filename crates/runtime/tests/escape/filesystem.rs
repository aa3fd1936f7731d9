//! Roots, volumes and files of /proc that were made to have the runtime mount, mask or write
//! somewhere else: CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2025-52881
//! (something that passes for /proc), CVE-2025-31133, CVE-2025-52565 (devices that are links), CVE-2026-41579,
//! CVE-2026-47766 (/dev itself a link), CVE-2022-0811 (parameters in parameters).

use std::{fs, os::unix::fs::symlink, path::Path};

use serde_json::{Value, json};

use crate::bundle::{Bundle, Ran};

/// Files of this machine that attacks are after.
pub(crate) const PRIZES: [&str; 3] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/net/ipv4/ip_default_ttl",
];

pub(crate) fn prizes() -> Vec<String> {
    PRIZES.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

pub(crate) fn bind(source: &Path, destination: &str) -> Value {
    json!({"destination": destination, "type": "bind", "source": source, "options": ["rbind", "rw"]})
}

#[test]
fn nothing_passes_for_proc() {
    let Some(bundle) = Bundle::new() else { return };
    let before = prizes();
    let fake = bundle.path("fake");
    fs::create_dir_all(fake.join("sys/net/ipv4")).unwrap();
    fs::create_dir_all(fake.join("self/attr")).unwrap();
    fs::write(fake.join("sys/net/ipv4/ip_default_ttl"), "fake").unwrap();
    fs::write(fake.join("self/attr/exec"), "fake").unwrap();
    fs::write(fake.join("file"), "fake").unwrap();
    let tmpfs = json!({"destination": "/proc", "type": "tmpfs"});
    for mount in [
        bind(&fake, "/proc"),
        tmpfs,
        bind(&fake, "/proc/sys"),
        bind(&fake, "/proc/self"),
        bind(&fake.join("file"), "/proc/self/attr/exec"),
        bind(&fake.join("file"), "/proc/sysrq-trigger"),
        bind(&fake, "/proc/cpuinfo"),
        json!({"destination": "/proc/sys", "type": "tmpfs"}),
    ] {
        let mut bundle = Bundle::new().unwrap();
        bundle.change(json!({"linux": {"sysctl": {"net.ipv4.ip_default_ttl": "33"}}}));
        bundle.mount(mount.clone());
        let error = bundle.refusal();
        assert!(error.contains("/proc"), "{mount}: {error}");
    }
    // What engines show in place of the machine's is let through.
    let mut bundle = Bundle::new().unwrap();
    bundle.mount(bind(&fake.join("file"), "/proc/cpuinfo"));
    assert_eq!(bundle.output("cat /proc/cpuinfo"), "fake");
    assert_eq!(fs::read_to_string(fake.join("sys/net/ipv4/ip_default_ttl")).unwrap(), "fake");
    assert_eq!(prizes(), before);
}

#[test]
fn parameters_are_not_written_to_a_directory_of_the_image() {
    let Some(mut bundle) = Bundle::new() else { return };
    // An image with a /proc of its own, in a container that mounts none.
    bundle.config["mounts"].as_array_mut().unwrap().retain(|mount| mount["destination"] != "/proc");
    let fake = bundle.root().join("proc/sys/net/ipv4");
    fs::create_dir_all(&fake).unwrap();
    fs::write(fake.join("ip_default_ttl"), "fake").unwrap();
    symlink(PRIZES[0], fake.join("ip_forward")).unwrap();
    let before = prizes();
    for name in ["net.ipv4.ip_default_ttl", "net.ipv4.ip_forward"] {
        let bundle = &mut bundle;
        bundle.change(json!({"linux": {"sysctl": {name: "1"}}}));
        assert_eq!(bundle.output("echo ran"), "ran\n", "{name}");
    }
    assert_eq!(fs::read_to_string(fake.join("ip_default_ttl")).unwrap(), "fake");
    assert_eq!(prizes(), before);
}

#[test]
fn parameters_carry_no_others_with_them() {
    let Some(_) = Bundle::new() else { return };
    let before = prizes();
    for (name, value) in [
        ("kernel.shm_rmid_forced", "1+kernel.core_pattern=|/bin/evil"),
        ("kernel.shm_rmid_forced", "1\nkernel.core_pattern=|/bin/evil"),
        ("kernel.shm_rmid_forced=1+kernel.core_pattern", "|/bin/evil"),
        ("net/../kernel/core_pattern", "|/bin/evil"),
        ("net.ipv4/../../kernel/core_pattern", "|/bin/evil"),
        ("kernel.core_pattern", "|/bin/evil"),
        ("kernel.hostname", "evil"),
    ] {
        let bundle = Bundle::new().unwrap();
        let bundle = bundle.with(json!({"linux": {"sysctl": {name: value}}}));
        bundle.refusal();
    }
    assert_eq!(prizes(), before);
}

#[test]
fn what_is_masked_is_masked_by_this_machines_null() {
    let Some(bundle) = Bundle::new() else { return };
    let before = prizes();
    // A volume at /dev whose null is a link to what steers the machine, or another device.
    let volume = bundle.path("volume");
    fs::create_dir(&volume).unwrap();
    fs::write(bundle.root().join("etc/secret"), "secret").unwrap();
    for target in ["../proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/etc/secret"] {
        let _ = fs::remove_file(volume.join("null"));
        symlink(target, volume.join("null")).unwrap();
        let mut changed = Bundle::new().unwrap();
        fs::write(changed.root().join("etc/secret"), "secret").unwrap();
        changed.config["mounts"]
            .as_array_mut()
            .unwrap()
            .retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
        changed.mount(bind(&volume, "/dev"));
        changed.change(json!({"linux": {"maskedPaths": ["/etc/secret"]}}));
        let ran =
            changed.run("cat /etc/secret; stat -c '%t:%T' /etc/secret; echo evil > /etc/secret");
        assert_eq!((ran.code, ran.out.as_str()), (0, "1:3\n"), "{target}: {}", ran.err);
    }
    assert_eq!(prizes(), before);
}

#[test]
fn a_terminal_is_not_put_where_a_link_leads() {
    let Some(bundle) = Bundle::new() else { return };
    let before = prizes();
    let (volume, victim) = (bundle.path("volume"), bundle.path("victim"));
    fs::create_dir(&volume).unwrap();
    fs::write(&victim, "victim").unwrap();
    for target in
        [victim.to_str().unwrap(), "../proc/sysrq-trigger", "/proc/sys/kernel/core_pattern"]
    {
        let _ = fs::remove_file(volume.join("console"));
        symlink(target, volume.join("console")).unwrap();
        let mut changed = Bundle::new().unwrap();
        let mounts = changed.config["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| mount["destination"] != "/dev");
        mounts.insert(1, bind(&volume, "/dev"));
        fs::create_dir_all(volume.join("pts")).unwrap();
        changed.change(json!({"process": {"terminal": true}}));
        let ran = changed.run("echo evil > /dev/console; echo ran");
        assert!(ran.code == 125 && ran.err.contains("/dev/console"), "{target}: {ran:?}");
    }
    assert_eq!(fs::read_to_string(victim).unwrap(), "victim");
    assert_eq!(prizes(), before);
}

#[test]
fn a_dev_that_is_a_link_gets_no_devices() {
    let Some(bundle) = Bundle::new() else { return };
    let outside = bundle.path("outside");
    fs::create_dir(&outside).unwrap();
    let up = format!("../../../../../../..{}", outside.display());
    for target in [outside.to_str().unwrap(), up.as_str(), "/tmp", "tmp"] {
        // With a file system in memory there, or the image's directory itself.
        for with_mount in [true, false] {
            let mut changed = Bundle::new().unwrap();
            if !with_mount {
                changed.config["mounts"]
                    .as_array_mut()
                    .unwrap()
                    .retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
            }
            changed.change(json!({"linux": {"devices": [
                {"path": "/dev/deep/fuse", "type": "c", "major": 10, "minor": 229}]}}));
            symlink(target, changed.root().join("dev")).unwrap();
            let error = changed.refusal();
            assert!(error.contains("/dev"), "{target}: {error}");
            assert_eq!(fs::read_dir(changed.root().join("tmp")).unwrap().count(), 0);
        }
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn destinations_lead_through_links_into_the_root_alone() {
    let Some(bundle) = Bundle::new() else { return };
    let outside = bundle.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(bundle.path("file"), "volume").unwrap();
    let up = format!("../../../../../../../..{}", outside.display());
    for target in [outside.to_str().unwrap(), &up, "/proc/self/root/..", "/proc/1/cwd", "loop"] {
        let mut changed = Bundle::new().unwrap();
        symlink(target, changed.root().join("loop")).unwrap();
        changed.mount(bind(&bundle.path("file"), "/loop/new/file"));
        changed.mount(json!({"destination": "/loop/memory", "type": "tmpfs"}));
        // Refused, or made below the root at the same path.
        let _ = changed.run("true");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{target}");
    }
}

/// Where this machine's own /proc is covered in part, what is written goes to procfs all the same.
#[test]
fn what_covers_proc_on_this_machine_is_not_written_to() {
    let Some(bundle) = Bundle::new() else { return };
    let fake = bundle.path("fake");
    fs::create_dir_all(fake.join("net/ipv4")).unwrap();
    let file = fake.join("net/ipv4/ip_default_ttl");
    fs::write(&file, "fake").unwrap();
    let bundle = bundle.own_ids().with(json!({
        "process": {"oomScoreAdj": 500},
        "linux": {"sysctl": {"net.ipv4.ip_default_ttl": "33"}}
    }));
    let inner = bundle.command("cat /proc/self/oom_score_adj /proc/self/uid_map");
    let covered = format!("mount --bind {} /proc/sys && exec \"$0\" \"$@\"", fake.display());
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--", "sh", "-c", &covered]).arg(inner.get_program());
    command.args(inner.get_args()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let ran = Ran::of(&mut command);
    if ran.err.starts_with("unshare") || ran.err.starts_with("mount") {
        eprintln!("skipped: {}", ran.err);
        return;
    }
    // The container's own /proc may be refused, as this machine's is covered.
    assert!(ran.code == 0 || ran.code == 125, "{ran:?}");
    if ran.code == 0 {
        assert!(ran.out.starts_with("500\n"), "{ran:?}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "fake");
}
