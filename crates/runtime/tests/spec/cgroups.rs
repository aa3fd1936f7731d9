//! Control groups: limits, and what a container sees of them.

use cofferdam_runtime::cgroup::Layout;
use serde_json::json;

use crate::bundle::Bundle;

/// A bundle whose container sees its control groups; `None` where the test knows none.
fn seeing() -> Option<Bundle> {
    let mut bundle = Bundle::new()?;
    if !matches!(Layout::detect(), Layout::Split { .. }) {
        eprintln!("skipped: the test knows the files of cgroup v1, and of v2 beside it");
        return None;
    }
    bundle.mount(json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
        "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}));
    bundle.change(
        json!({"linux": {"cgroupsPath": format!("/cofferdam-test/{}", std::process::id())}}),
    );
    Some(bundle)
}

#[test]
fn limits_are_in_force_in_every_tree() {
    let Some(bundle) = seeing() else { return };
    let bundle = bundle.with(json!({"linux": {
        "cgroupsPath": format!("/cofferdam-test/limits-{}", std::process::id()),
        "resources": {
            "pids": {"limit": 77},
            "memory": {"limit": 33_554_432, "reservation": 16_777_216, "swap": 33_554_432,
                "swappiness": 10, "disableOOMKiller": false, "useHierarchy": true},
            "cpu": {"shares": 512, "quota": 20_000, "period": 50_000, "burst": 1000, "cpus": "0",
                "mems": "0"},
            "blockIO": {"weight": 300, "throttleReadBpsDevice": []}
        }
    }}));
    let out = bundle.output(
        "cd /sys/fs/cgroup; for file in pids/pids.max memory/memory.limit_in_bytes \
         memory/memory.soft_limit_in_bytes memory/memory.memsw.limit_in_bytes \
         memory/memory.swappiness cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us \
         cpu/cpu.cfs_burst_us cpuset/cpuset.cpus cpuset/cpuset.mems; do cat $file; done
         cat blkio/blkio.weight 2>/dev/null || cat blkio/blkio.bfq.weight",
    );
    let wanted = "77\n33554432\n16777216\n33554432\n10\n512\n20000\n50000\n1000\n0\n0\n";
    let weight = out.strip_prefix(wanted).unwrap_or_else(|| panic!("{out}"));
    assert!(weight == "300\n" || weight == "default 300\n", "{weight}");
}

#[test]
fn disks_are_throttled() {
    let Some(mut bundle) = seeing() else { return };
    let Ok(number) = std::fs::read_to_string("/sys/class/block/vda/dev") else {
        eprintln!("skipped: no disk 'vda' that could be throttled");
        return;
    };
    let (major, minor) = number.trim().split_once(':').unwrap();
    let (major, minor): (i64, i64) = (major.parse().unwrap(), minor.parse().unwrap());
    let rate = |rate: u64| json!([{"major": major, "minor": minor, "rate": rate}]);
    bundle.change(json!({"linux": {
    "cgroupsPath": format!("/cofferdam-test/disks-{}", std::process::id()),
    "resources": {"blockIO": {
        "throttleReadBpsDevice": rate(1_000_000), "throttleWriteBpsDevice": rate(2_000_000),
        "throttleReadIOPSDevice": rate(30), "throttleWriteIOPSDevice": rate(40)
    }}}}));
    let out = bundle.output("cat /sys/fs/cgroup/blkio/blkio.throttle.*_device");
    for wanted in ["1000000", "2000000", "30", "40"] {
        assert!(out.lines().any(|line| line == format!("{major}:{minor} {wanted}")), "{out}");
    }
}

#[test]
fn what_only_version_2_has_beside_version_1_is_used_there() {
    let Some(mut bundle) = seeing() else { return };
    bundle.change(json!({"linux": {
        "cgroupsPath": format!("/cofferdam-test/hybrid-{}", std::process::id()),
        "resources": {"unified": {"cgroup.max.depth": "3"}}}}));
    let unified = matches!(Layout::detect(), Layout::Split { unified: Some(_), .. });
    if !unified {
        assert!(bundle.refusal().contains("/linux/resources/unified"));
        return;
    }
    assert_eq!(bundle.output("cat /sys/fs/cgroup/unified/cgroup.max.depth"), "3\n");
    if Layout::detect().version_of("hugetlb") == Some(cofferdam_runtime::cgroup::Version::V2) {
        bundle.change(json!({"linux": {"resources": {
            "hugepageLimits": [{"pageSize": "2MB", "limit": 4_194_304}]}}}));
        assert_eq!(bundle.output("cat /sys/fs/cgroup/unified/hugetlb.2MB.max"), "4194304\n");
    }
}

#[test]
fn a_container_sees_its_own_groups_alone() {
    let Some(bundle) = seeing() else { return };
    for own_ids in [false, true] {
        let mut bundle = seeing().unwrap();
        if own_ids {
            bundle = bundle.own_ids();
        }
        bundle.change(json!({"linux": {
            "cgroupsPath": format!("/cofferdam-test/view-{own_ids}-{}", std::process::id()),
            "resources": {"pids": {"limit": 55}}}}));
        let out = bundle.output(
            "cat /sys/fs/cgroup/pids/pids.max /proc/self/cgroup
             test -e /sys/fs/cgroup/pids/release_agent || echo 'no agent'
             mkdir /sys/fs/cgroup/pids/x 2>/dev/null || echo refused
             echo 1 2>/dev/null > /sys/fs/cgroup/pids/pids.max || echo refused
             ls /sys/fs/cgroup/pids | grep -c cofferdam; true",
        );
        assert!(
            out.starts_with("55\n") && out.ends_with("no agent\nrefused\nrefused\n0\n"),
            "{out}"
        );
        // In its own namespace it is at the root of every tree.
        let paths = out.lines().filter(|line| line.contains(':'));
        assert!(paths.into_iter().all(|line| line.ends_with(":/")), "{out}");
    }
    drop(bundle);
}

#[test]
fn the_new_kind_of_tree_can_be_asked_for_alone() {
    let Some(mut bundle) = Bundle::new() else { return };
    let there =
        matches!(Layout::detect(), Layout::Unified { .. } | Layout::Split { unified: Some(_), .. });
    bundle.mount(json!({"destination": "/sys/fs/cgroup", "type": "cgroup2", "options": ["ro"]}));
    if !there {
        assert!(bundle.refusal().contains("cgroup v2"));
        return;
    }
    let out = bundle.output("ls /sys/fs/cgroup; cat /sys/fs/cgroup/cgroup.procs");
    assert!(out.contains("cgroup.events") && out.contains("\n1\n"), "{out}");
}

#[test]
fn groups_and_those_made_above_them_go_away() {
    let Some(bundle) = seeing() else { return };
    let name = format!("cofferdam-gone-{}", std::process::id());
    let path = format!("/{name}/deep/group");
    let mut bundle = bundle.with(json!({"linux": {"cgroupsPath": path}}));
    assert_eq!(bundle.output("echo ran"), "ran\n");
    // Also when it cannot be started: by a limit, in the child, and by its program.
    for change in [
        json!({"linux": {"resources": {"pids": {"limit": 10}, "cpu": {"cpus": "4000"}}}}),
        json!({"root": {"path": "missing"}, "linux": {"resources": {"cpu": null}}}),
        json!({"root": {"path": "rootfs"}, "process": {"args": ["/missing"]}}),
    ] {
        bundle.change(change);
        assert_ne!(bundle.run("").code, 0);
    }
    let Layout::Split { trees, unified } = Layout::detect() else { return };
    for tree in trees.iter().chain(&unified) {
        let left = tree.mounted.join(&name).join("deep/group");
        assert!(!left.exists(), "{}", left.display());
        // Parents of containers that ran are left for the next, as by others' runtimes.
        let _ = std::fs::remove_dir(tree.mounted.join(&name).join("deep"));
        let _ = std::fs::remove_dir(tree.mounted.join(&name));
    }
}

#[test]
fn a_group_that_somebody_uses_is_not_taken() {
    let Some(bundle) = seeing() else { return };
    let path = format!("/cofferdam-test/taken-{}", std::process::id());
    let bundle = bundle.with(json!({"linux": {"cgroupsPath": path}}));
    let (running, _) = bundle.start("true");
    let error = bundle.refusal();
    assert!(error.contains("cgroup is not empty"), "{error}");
    // Nor one that has such a group in it.
    let above = bundle.with(json!({"linux": {"cgroupsPath": "/cofferdam-test"}}));
    let error = above.refusal();
    assert!(error.contains("cgroup is not empty"), "{error}");
    drop(running);
}

#[test]
fn a_frozen_group_is_not_entered() {
    let Some(mut bundle) = Bundle::new() else { return };
    let (mounted, file, frozen, thawed) = match Layout::detect() {
        Layout::Unified { .. } => ("/sys/fs/cgroup".into(), "cgroup.freeze", "1", "0"),
        Layout::Split { trees, .. } => match trees.into_iter().find(|tree| tree.has("freezer")) {
            Some(tree) => (tree.mounted, "freezer.state", "FROZEN", "THAWED"),
            None => {
                eprintln!("skipped: no control groups that can be frozen");
                return;
            }
        },
        Layout::Absent => {
            eprintln!("skipped: no control groups");
            return;
        }
    };
    let name = format!("cofferdam-test-frozen-{}", std::process::id());
    let group = mounted.join(&name);
    std::fs::create_dir(&group).unwrap();
    std::fs::write(group.join(file), frozen).unwrap();
    bundle.change(json!({"linux": {"cgroupsPath": format!("/{name}")}}));
    let error = bundle.refusal();
    std::fs::write(group.join(file), thawed).unwrap();
    // It is somebody else's, and stays.
    std::fs::remove_dir(&group).unwrap();
    assert!(error.contains("cgroup unexpectedly frozen"), "{error}");
}
