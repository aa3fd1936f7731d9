//! What of the machine could be steered from a container that engines make: its control groups
//! (CVE-2023-25809, release_agent), core_pattern, sysrq, and files by handle.

use std::{fs, os::unix::fs::chown, process::Command};

use cofferdam_runtime::cgroup::Layout;
use serde_json::json;

use crate::bundle::{Bundle, Ran};

/// What every engine puts into its configurations.
fn as_engines_do(bundle: &mut Bundle) {
    bundle.change(json!({"linux": {
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    }}));
}

#[test]
fn the_machine_is_not_steered_by_files() {
    let Some(mut bundle) = Bundle::new() else { return };
    as_engines_do(&mut bundle);
    let rw =
        json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["nosuid", "rw"]});
    if !matches!(Layout::detect(), Layout::Absent) {
        bundle.mount(rw);
    }
    let before = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let script = "try() { if echo \"$2\" 2>/dev/null > \"$1\"; then echo \"WROTE $1\"; fi; }
        try /proc/sys/kernel/core_pattern '|/evil'; try /proc/sysrq-trigger h
        try /proc/sys/kernel/modprobe /evil; try /sys/kernel/uevent_helper /evil
        for tree in /sys/fs/cgroup/*; do
            [ -e $tree/release_agent ] && echo AGENT $tree; try $tree/release_agent /evil
        done
        mount -t cgroup -o pids x /tmp 2>/dev/null && echo MOUNTED
        mount -t proc x /tmp 2>/dev/null && echo MOUNTED
        umount /proc/sys 2>/dev/null && echo UNMOUNTED; mount -o remount,rw /proc/sys 2>/dev/null && echo RW
        echo over";
    // On v1 files that are not there cannot be made in a tree either.
    assert_eq!(bundle.run(script).out, "over\n");
    assert_eq!(fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap(), before);
}

#[test]
fn without_a_group_of_its_own_a_container_only_reads() {
    let Some(mut bundle) = Bundle::new() else { return };
    if matches!(Layout::detect(), Layout::Absent) {
        eprintln!("skipped: no control groups");
        return;
    }
    const NOBODY: u32 = 65534;
    // An ordinary user's container, in the user's own control groups.
    let map = json!([{"containerID": 0, "hostID": NOBODY, "size": 1}]);
    bundle.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
    bundle.change(json!({
        "process": {"capabilities": null},
        "linux": {"uidMappings": map, "gidMappings": map, "resources": null}
    }));
    let mounts = bundle.config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["destination"] != "/dev/pts");
    bundle.mount(
        json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["nosuid", "rw"]}),
    );
    let owner = format!("{NOBODY}:{NOBODY}");
    let given = Command::new("chown").args(["-hR", &owner]).arg(bundle.root()).status();
    assert!(given.unwrap().success());
    chown(bundle.path(""), Some(NOBODY), Some(NOBODY)).unwrap();
    // Copied to where that user may read it.
    let runtime = bundle.path("runtime");
    fs::copy(env!("CARGO_BIN_EXE_cofferdam-runtime"), &runtime).unwrap();
    let inner = bundle.command(
        "cd /sys/fs/cgroup; ls > /dev/null && echo seen
         for file in */cgroup.procs; do (echo $$ > $file) 2>/dev/null && echo WROTE $file; done
         for tree in *; do mkdir $tree/x 2>/dev/null && echo MADE $tree; done; true; echo over",
    );
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(runtime);
    // Without the time-out and the program that it runs.
    command
        .args(inner.get_args().skip(5))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/");
    let ran = Ran::of(&mut command);
    assert_eq!((ran.code, ran.out.as_str()), (0, "seen\nover\n"), "{}", ran.err);
}
