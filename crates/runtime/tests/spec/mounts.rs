//! Mounts and their options.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    process::Command,
};

use serde_json::{Value, json};

use crate::bundle::{Bundle, Ran};

fn bind(source: &str, options: &[&str]) -> Value {
    json!({"destination": "/mnt", "type": "bind", "source": source, "options": options})
}

/// Whether a mount table's line for this place has an option.
fn has(mountinfo: &str, place: &str, option: &str) -> bool {
    let line = mountinfo.lines().find(|line| line.split(' ').nth(4) == Some(place));
    let line = line.unwrap_or_else(|| panic!("nothing is mounted at {place}:\n{mountinfo}"));
    line.split(' ').nth(5).unwrap().split(',').any(|other| other == option)
}

#[test]
fn attributes_are_of_the_mount_or_of_all_below() {
    let Some(bundle) = Bundle::new() else { return };
    // A mount with one below it, in a mount namespace that ends with the shell.
    let source = bundle.path("source");
    fs::create_dir(&source).unwrap();
    let prepare = format!(
        "mount -t tmpfs one {0} && mkdir {0}/below && mount -t tmpfs two {0}/below && exec \"$@\"",
        source.display()
    );
    for (options, own, below) in [
        (&["rbind", "ro", "nosuid"][..], &["ro", "nosuid"][..], &["rw"][..]),
        (&["rbind", "rro", "rnoexec"], &["ro", "noexec"], &["ro", "noexec"]),
        (&["rbind", "rro", "rw"], &["rw"], &["ro"]),
        (
            &["rbind", "nodev", "noatime", "nodiratime"],
            &["nodev", "noatime", "nodiratime"],
            &["rw"],
        ),
        (&["rbind", "rnosymfollow", "nosymfollow"], &["nosymfollow"], &["nosymfollow"]),
    ] {
        let mut changed = Bundle::new().unwrap();
        changed.mount(bind(source.to_str().unwrap(), options));
        let inner = changed.command("cat /proc/self/mountinfo");
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &prepare, "sh"]);
        command.arg(inner.get_program()).args(inner.get_args());
        let ran = Ran::of(&mut command);
        assert_eq!(ran.code, 0, "{options:?}: {}", ran.err);
        for option in own {
            assert!(has(&ran.out, "/mnt", option), "{options:?}: {}", ran.out);
        }
        for option in below {
            assert!(has(&ran.out, "/mnt/below", option), "{options:?}: {}", ran.out);
        }
    }
}

#[test]
fn a_plain_bind_leaves_what_is_mounted_below() {
    let Some(mut bundle) = Bundle::new() else { return };
    fs::create_dir(bundle.path("data")).unwrap();
    fs::write(bundle.path("data/file"), "content").unwrap();
    // Relative sources are below the bundle.
    bundle.mount(bind("data", &["bind", "ro"]));
    assert_eq!(
        bundle.output("cat /mnt/file; touch /mnt/x 2>/dev/null || echo refused"),
        "contentrefused\n"
    );
    // A file on a file that is not there yet.
    let mut bundle = Bundle::new().unwrap();
    fs::write(bundle.path("hosts"), "127.0.0.1 here").unwrap();
    bundle.mount(json!({"destination": "/etc/new/hosts", "source": "hosts", "options": ["rbind"]}));
    assert_eq!(bundle.output("cat /etc/new/hosts"), "127.0.0.1 here");
}

#[test]
fn propagation_is_as_asked() {
    let Some(_) = Bundle::new() else { return };
    // The machine mounts below the source while the container runs, and the container below its
    // own; what each then sees. All in a mount namespace that ends with the shell.
    let script = "mount --make-rprivate / && mount -t tmpfs -o mode=777 src $SRC && mount --make-shared $SRC &&
        mkdir -m 777 $SRC/host $SRC/inside && { \"$@\" & } && i=0 &&
        while [ ! -e $SRC/ready ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done
        mount -t tmpfs h $SRC/host && touch $SRC/host/seen $SRC/mounted
        i=0; while [ ! -e $SRC/done ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done
        test -e $SRC/inside/seen && echo 'outside sees it'; touch $SRC/over; wait";
    let inside = "touch /mnt/ready; i=0
        while [ ! -e /mnt/mounted ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done
        test -e /mnt/host/seen && echo 'inside sees it'
        mount -t tmpfs i /mnt/inside && touch /mnt/inside/seen; touch /mnt/done
        i=0; while [ ! -e /mnt/over ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done";
    for (options, wanted) in [
        (&["rbind"][..], ""),
        (&["rbind", "rprivate"], ""),
        (&["rbind", "rslave"], "inside sees it\n"),
        (&["rbind", "rshared"], "inside sees it\noutside sees it\n"),
    ] {
        for own_ids in [false, true] {
            // In a user namespace mounts of the machine can only come in.
            if own_ids && options.contains(&"rshared") {
                continue;
            }
            let mut bundle = Bundle::new().unwrap();
            if own_ids {
                bundle = bundle.own_ids();
            }
            let sets = json!(["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]);
            bundle.change(json!({"process": {"capabilities":
                {"bounding": sets, "effective": sets, "permitted": sets}}}));
            let source = bundle.path("source");
            fs::create_dir(&source).unwrap();
            bundle.mount(bind(source.to_str().unwrap(), options));
            let inner = bundle.command(inside);
            let mut command = Command::new("unshare");
            command.args(["-m", "sh", "-c", script, "sh"]).env("SRC", &source);
            command.arg(inner.get_program()).args(inner.get_args());
            let ran = Ran::of(&mut command);
            assert_eq!(ran.out, wanted, "{options:?} {own_ids}: {}", ran.err);
        }
    }
}

#[test]
fn the_root_has_the_propagation_that_is_asked_for() {
    let Some(_) = Bundle::new() else { return };
    for (name, wanted) in [
        ("private", ""),
        ("rprivate", ""),
        ("shared", "shared:"),
        ("rshared", "shared:"),
        ("slave", ""),
        ("unbindable", "unbindable"),
    ] {
        let bundle = Bundle::new().unwrap().with(json!({"linux": {"rootfsPropagation": name}}));
        let out = bundle.output("cat /proc/self/mountinfo");
        let line = out.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
        let optional = line.split(' ').nth(6).unwrap();
        let optional = if optional == "-" { "" } else { optional };
        assert!(
            optional.starts_with(wanted) && wanted.is_empty() == optional.is_empty(),
            "{name}: {line}"
        );
    }
}

#[test]
fn flags_of_file_systems_reach_them() {
    let Some(mut bundle) = Bundle::new() else { return };
    let options = ["sync", "dirsync", "lazytime", "noexec", "size=4k", "mode=0700"];
    bundle.mount(json!({"destination": "/mnt", "type": "tmpfs", "options": options}));
    bundle.mount(json!({"destination": "/old", "type": "tmpfs", "options": ["iversion", "ro"]}));
    let out = bundle.output("grep -E ' /(mnt|old) ' /proc/self/mountinfo; stat -c %a /mnt");
    for option in ["sync", "dirsync", "lazytime", "size=4k", "mode=700", "noexec"] {
        assert!(out.lines().next().unwrap().contains(option), "{option}: {out}");
    }
    assert!(has(&out, "/old", "ro") && out.ends_with("700\n"), "{out}");
}

#[test]
fn a_mount_can_be_changed_afterwards() {
    let Some(mut bundle) = Bundle::new() else { return };
    bundle.mount(json!({"destination": "/mnt", "type": "tmpfs", "options": ["size=8k"]}));
    bundle.mount(json!({"destination": "/mnt", "options": ["remount", "bind", "ro"]}));
    bundle.mount(json!({"destination": "/mnt", "type": "tmpfs", "options": ["remount", "size=16k", "noexec"]}));
    let out = bundle.output("cat /proc/self/mountinfo");
    assert!(has(&out, "/mnt", "ro") && has(&out, "/mnt", "noexec"), "{out}");
    assert!(out.contains("size=16k"), "{out}");
    // What is not mounted cannot be mounted again.
    let mut bundle = Bundle::new().unwrap();
    bundle.mount(json!({"destination": "/mnt", "options": ["remount", "bind", "ro"]}));
    assert!(bundle.refusal().contains("/mnt"));
}

#[test]
fn memory_begins_with_what_was_at_its_place() {
    let Some(mut bundle) = Bundle::new() else { return };
    let there = bundle.root().join("there");
    fs::create_dir_all(there.join("deep")).unwrap();
    fs::write(there.join("deep/file"), "content").unwrap();
    fs::set_permissions(there.join("deep/file"), fs::Permissions::from_mode(0o4711)).unwrap();
    chown(there.join("deep"), Some(5), Some(6)).unwrap();
    symlink("/etc/passwd", there.join("link")).unwrap();
    fs::set_permissions(&there, fs::Permissions::from_mode(0o750)).unwrap();
    let options = ["tmpcopyup", "ro", "size=64k"];
    bundle.mount(json!({"destination": "/there", "type": "tmpfs", "options": options}));
    let out = bundle.output(
        "cat /there/deep/file; echo; stat -c '%a %u:%g' /there /there/deep /there/deep/file
         readlink /there/link; touch /there/x 2>/dev/null || echo refused",
    );
    assert_eq!(out, "content\n750 0:0\n755 5:6\n4711 0:0\n/etc/passwd\nrefused\n");
    // What does not fit is an error, not a part.
    fs::write(there.join("large"), vec![1; 200_000]).unwrap();
    assert!(bundle.refusal().contains("/there"));
}

#[test]
fn the_ids_of_single_mounts_are_mapped() {
    let Some(mut bundle) = Bundle::new() else { return };
    let data = bundle.path("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("file"), "").unwrap();
    chown(&data, Some(1000), Some(1000)).unwrap();
    chown(data.join("file"), Some(1000), Some(1000)).unwrap();
    // On disk 1000, inside 0 (and 5 for the second).
    let map = |host: u32| {
        json!([{"containerID": 1000, "hostID": host, "size": 1},
            {"containerID": 2000, "hostID": 50, "size": 1}])
    };
    let mut mount = bind(data.to_str().unwrap(), &["rbind", "idmap"]);
    mount["uidMappings"] = map(0);
    mount["gidMappings"] = json!([{"containerID": 1000, "hostID": 5, "size": 1},
        {"containerID": 2000, "hostID": 0, "size": 1}]);
    bundle.mount(mount);
    let ran = bundle.run("stat -c %u:%g /mnt/file; touch /mnt/new; stat -c %u /mnt/new");
    if ran.err.contains("Invalid argument") {
        eprintln!("skipped: the file system of temporary files has no id maps");
        return;
    }
    assert_eq!((ran.code, ran.out.as_str()), (0, "0:5\n0\n"), "{}", ran.err);
    assert_eq!(fs::metadata(data.join("new")).unwrap().uid(), 1000);
    // Those of the container's user namespace, and recursively.
    let mut bundle = Bundle::new().unwrap().own_ids();
    chown(&data, Some(0), Some(0)).unwrap();
    chown(data.join("file"), Some(7), Some(7)).unwrap();
    bundle.mount(bind(data.to_str().unwrap(), &["rbind", "ridmap"]));
    assert_eq!(bundle.output("stat -c %u:%g /mnt /mnt/file"), "0:0\n7:7\n");
    let mut bundle = Bundle::new().unwrap();
    bundle.mount(bind(data.to_str().unwrap(), &["rbind", "idmap"]));
    assert!(bundle.refusal().contains("/mounts/4 (/mnt)"));
}

#[test]
fn options_longer_than_a_page_of_the_new_calls_are_taken() {
    let Some(mut bundle) = Bundle::new() else { return };
    if !crate::bundle::has("overlays", "/proc/filesystems", "\toverlay\n") {
        return;
    }
    let mut layers = Vec::new();
    for name in ["a", "b", "c"] {
        let layer = bundle.path(&format!("{}-{name}", "layer".repeat(30)));
        fs::create_dir(&layer).unwrap();
        fs::write(layer.join(name), "").unwrap();
        layers.push(layer.display().to_string());
    }
    let option = format!("lowerdir={}", layers.join(":"));
    assert!(option.len() > 400);
    bundle.mount(json!({"destination": "/mnt", "type": "overlay", "options": [option, "ro"]}));
    assert_eq!(bundle.output("ls /mnt"), "a\nb\nc\n");
}

#[test]
fn paths_are_masked_and_made_read_only() {
    let Some(bundle) = Bundle::new() else { return };
    fs::write(bundle.root().join("etc/secret"), "secret").unwrap();
    fs::create_dir(bundle.root().join("etc/keys")).unwrap();
    fs::write(bundle.root().join("etc/keys/key"), "secret").unwrap();
    let bundle = bundle.with(json!({"linux": {
        "maskedPaths": ["/etc/secret", "/etc/keys", "/nothing/here"],
        "readonlyPaths": ["/etc", "/nothing/either"]
    }}));
    let out = bundle.output(
        "cat /etc/secret; ls /etc/keys; touch /etc/x 2>/dev/null || echo refused
         test -e /nothing || echo 'not made'",
    );
    assert_eq!(out, "refused\nnot made\n");
}

#[test]
fn unknown_options_are_the_file_systems_to_refuse() {
    let Some(mut bundle) = Bundle::new() else { return };
    bundle.mount(json!({"destination": "/mnt", "type": "tmpfs", "options": ["sizes=4k"]}));
    assert!(bundle.refusal().contains("/mnt' of type 'tmpfs"));
}

#[test]
fn options_that_mean_nothing_for_a_bind_mount_are_left_out() {
    let Some(mut bundle) = Bundle::new() else { return };
    fs::write(bundle.path("file"), "content").unwrap();
    bundle.mount(json!({
        "destination": "/mnt/file", "type": "bind", "source": bundle.path("file"),
        "options": ["bind", "mode=0700", "ro", "size=1k"]
    }));
    let log = bundle.path("log");
    let options = ["--log", log.to_str().unwrap()];
    let ran =
        Ran::of(&mut bundle.command_with(&options, "cat /mnt/file; touch /mnt/file || echo ro"));
    assert_eq!((ran.code, ran.out.as_str()), (0, "contentro\n"), "{}", ran.err);
    let told = fs::read_to_string(&log).unwrap();
    assert!(told.contains("mode=0700, size=1k") && told.contains("/mnt/file"), "{told}");
    let ran = Ran::of(&mut bundle.command_with(&["--strict"], "echo ran"));
    assert_eq!((ran.code, ran.out.as_str()), (125, ""));
    assert!(ran.err.contains("mode=0700, size=1k mean nothing"), "{}", ran.err);
}

#[test]
fn a_file_system_in_memory_is_filled_before_it_is_read_only() {
    let Some(mut bundle) = Bundle::new() else { return };
    for mount in bundle.config["mounts"].as_array_mut().unwrap() {
        if mount["destination"] == "/dev" {
            mount["options"].as_array_mut().unwrap().push("ro".into());
        }
    }
    bundle.mount(json!({"destination": "/mnt", "type": "tmpfs", "options": ["ro"]}));
    bundle.mount(json!({"destination": "/mnt/deep/inside", "type": "tmpfs", "options": ["rw"]}));
    let out = bundle.output(
        "ls -d /dev/pts/ptmx /dev/null; touch /mnt/deep/inside/file && echo written
         for place in /dev /mnt /mnt/deep; do touch $place/file 2>/dev/null || echo $place; done",
    );
    assert_eq!(out, "/dev/null\n/dev/pts/ptmx\nwritten\n/dev\n/mnt\n/mnt/deep\n");
}
