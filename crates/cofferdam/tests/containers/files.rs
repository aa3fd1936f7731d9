//! Volumes, directories of this machine, memory, devices.

use std::{fs, os::unix::fs::MetadataExt as _};

use crate::machine::Machine;

#[test]
fn a_volume_outlives_containers_with_different_ids() {
    let Some(machine) = Machine::new() else { return };
    let write = "echo kept > /data/file; echo $(stat -c %u /data/file); cat /proc/self/uid_map";
    let first = machine.detached(&["-v", "store:/data"], &format!("{write}; sleep 1000"));
    crate::machine::until("it has written", || first.logs().lines().count() == 2);
    let read = "cat /data/file; echo $(stat -c %u /data/file); cat /proc/self/uid_map";
    let (status, text) = machine.shell(&["-v", "store:/data:ro"], read);
    assert_eq!(status, 0, "{text}");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(&lines[..2], ["kept", "0"], "it belongs to root inside, as it did");
    assert_ne!(first.logs().lines().nth(1), text.lines().nth(2), "no two share their ids");
    let file = machine.path().join("data/volumes/store/file");
    assert_eq!(fs::metadata(&file).unwrap().uid(), 0);
    let (status, text) = machine.shell(&["-v", "store:/data:ro"], "echo x > /data/file");
    assert!(status != 0 && text.contains("Read-only"), "{text}");
    let list = machine.ok(&["volume", "ls"]);
    assert!(list.contains("store") && list.contains(&first.name), "{list}");
    let (status, text) = machine.run(&["volume", "rm", "store"]);
    assert!(status == 2 && text.contains(&first.name), "{text}");
    machine.ok(&["rm", "--force", &first.name]);
    assert_eq!(machine.ok(&["volume", "rm", "store"]), "store\n");
    assert!(!file.exists());
}

#[test]
fn a_new_volume_belongs_to_the_containers_user() {
    let Some(machine) = Machine::new() else { return };
    let script = "touch /data/x && stat -c %u:%g /data /data/x";
    let options = ["-u", "app", "-v", "of-app:/data"];
    assert_eq!(machine.shell(&options, script), (0, "1000:1000\n1000:1000\n".into()));
}

#[test]
fn directories_files_memory_and_devices_are_shown_as_asked_for() {
    let Some(machine) = Machine::new() else { return };
    fs::create_dir(machine.path().join("src")).unwrap();
    fs::write(machine.path().join("src/file"), "text\n").unwrap();
    for (options, script, wanted) in [
        (&["-v", "./src:/x"][..], "cat /x/file; echo new > /x/new; stat -c %u /x/new", "text\n0\n"),
        (&["-v", "./src/file:/etc/given:ro"], "cat /etc/given", "text\n"),
        (
            &["--mount", "type=bind,source=./src,target=/x,readonly"],
            "touch /x/y || echo no",
            "no\n",
        ),
        (&["-v", "./src:/x:noexec"], "grep -o ' /x .*noexec' /proc/mounts | head -c 3", " /x"),
        (&["-v", "./src:/x"], "grep ' /x ' /proc/mounts | grep -c nosuid,nodev", "1\n"),
        (&["--tmpfs", "/t:size=64k"], "cat /dev/zero > /t/x 2>/dev/null || echo full", "full\n"),
        (
            &["--device", "/dev/zero:/dev/mine"],
            "head -c 3 /dev/mine > /tmp/z; stat -c %s /tmp/z",
            "3\n",
        ),
        (&["-v", "./src:/a/b", "--tmpfs", "/a"], "ls /a/b", "file\nnew\n"),
    ] {
        let (status, text) = machine.shell(options, script);
        let text = text.replace("touch: /x/y: Read-only file system\n", "");
        assert_eq!((status, text.as_str()), (0, wanted), "{options:?}");
    }
    assert_eq!(fs::metadata(machine.path().join("src/new")).unwrap().uid(), 0);
}

#[test]
fn what_rules_the_machine_is_refused() {
    let Some(machine) = Machine::new() else { return };
    let socket = machine.path().join("docker.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::os::unix::fs::symlink("/etc", machine.path().join("link")).unwrap();
    fs::create_dir(machine.path().join("data")).unwrap();
    for volume in [
        "/:/x",
        "/proc:/x",
        "/sys:/x:ro",
        "/dev:/x",
        "/etc:/x:ro",
        "./link:/x",
        "./docker.sock:/x",
        "./data:/x",
        "/usr:/x",
        "./absent:/x",
        "../../../../proc/self:/x",
    ] {
        let (status, text) = machine.shell(&["-v", volume], "true");
        assert!(status == 125 && text.starts_with("error: could not show"), "{volume}: {text}");
        assert!(text.contains("\nhint: "), "{volume}: {text}");
    }
    for device in ["/dev/mem", "/dev/kmsg", "/dev/absent"] {
        assert_eq!(machine.shell(&["--device", device], "true").0, 125, "{device}");
    }
}
