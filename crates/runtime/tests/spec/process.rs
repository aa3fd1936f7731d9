//! What the program's process is like.

use serde_json::json;

use crate::bundle::{Bundle, has};

#[test]
fn capabilities_are_exactly_those_of_the_five_sets() {
    let Some(bundle) = Bundle::new() else { return };
    let bundle = bundle.with(json!({"process": {
        "user": {"uid": 5, "gid": 6, "additionalGids": [7, 8]},
        "capabilities": {
            "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
            "permitted": ["CAP_CHOWN", "CAP_KILL"],
            "effective": ["CAP_CHOWN"],
            "inheritable": ["CAP_CHOWN"],
            "ambient": ["CAP_CHOWN"]
        }
    }}));
    let out = bundle.output("grep -E 'Cap|Groups|NoNew' /proc/self/status; id");
    // After execve of an ordinary program what is ambient is what is left.
    for line in [
        "CapInh:\t0000000000000001",
        "CapPrm:\t0000000000000001",
        "CapEff:\t0000000000000001",
        "CapBnd:\t0000000000002021",
        "CapAmb:\t0000000000000001",
        "Groups:\t7 8 ",
        "NoNewPrivs:\t1",
        "uid=5 gid=6 groups=7,8",
    ] {
        assert!(out.lines().any(|other| other == line), "{line}: {out}");
    }
}

#[test]
fn limits_are_lowered_and_never_silently_left() {
    let Some(bundle) = Bundle::new() else { return };
    let limit =
        |kind: &str, soft: u64, hard: u64| json!({"type": kind, "soft": soft, "hard": hard});
    let lowered = bundle.with(json!({"process": {"rlimits": [
        limit("RLIMIT_NOFILE", 100, 200), limit("RLIMIT_CORE", 0, 0)]}}));
    let out = lowered.output("grep -E 'open files|core' /proc/self/limits");
    let words: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0][4..6], ["0", "0"]);
    assert_eq!(words[1][3..5], ["100", "200"]);
    let raised = lowered.with(json!({"process": {"rlimits": [
        limit("RLIMIT_NOFILE", 1 << 40, 1 << 40)]}}));
    let ran = raised.run("ulimit -n");
    // Beyond what this machine allows at all, with or without the capability.
    assert_eq!(ran.code, 125, "{}", ran.out);
    assert!(ran.err.contains("RLIMIT_NOFILE"), "{}", ran.err);
    let own = rustix::process::getrlimit(rustix::process::Resource::Memlock).maximum;
    let mut bundle = Bundle::new().unwrap();
    if let Some(own) = own {
        bundle.change(
            json!({"process": {"rlimits": [limit("RLIMIT_MEMLOCK", own + 4096, own + 4096)]}}),
        );
        let ran = bundle.run("true");
        let capable = ran.code == 0;
        assert!(capable || ran.err.contains("CAP_SYS_RESOURCE"), "{}", ran.err);
    }
}

#[test]
fn scheduling_is_as_asked() {
    let Some(bundle) = Bundle::new() else { return };
    let bundle = bundle.with(json!({
        "process": {
            "scheduler": {"policy": "SCHED_BATCH", "nice": 7},
            "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
            "oomScoreAdj": 300
        },
        "linux": {"personality": {"domain": "LINUX32"}}
    }));
    let out = bundle.output(
        "awk '{print $19, $41}' /proc/self/stat; ionice -p $$; cat /proc/self/oom_score_adj; uname -m",
    );
    // What the kernel says to whoever asks for 32 bits; some have no other answer.
    let machine = std::process::Command::new("setarch").args(["linux32", "uname", "-m"]).output();
    let machine = machine.map(|output| String::from_utf8(output.stdout).unwrap());
    let machine = machine.as_deref().map_or("i686", str::trim);
    assert_eq!(out, format!("7 3\nbest-effort: prio 6\n300\n{machine}\n"));
    let bundle = Bundle::new().unwrap();
    let bundle = bundle.with(json!({"process": {"scheduler": {"policy": "SCHED_NONE"}}}));
    assert!(bundle.refusal().contains("/process/scheduler/policy: 'SCHED_NONE'"));
}

#[test]
fn an_oom_score_that_only_privileges_could_lower_is_an_error() {
    let Some(bundle) = Bundle::new() else { return };
    let bundle = bundle.with(json!({"process": {"oomScoreAdj": -500}}));
    let ran = bundle.run("cat /proc/self/oom_score_adj");
    assert!(ran.out == "-500\n" || ran.err.contains("CAP_SYS_RESOURCE"), "{ran:?}");
}

#[test]
fn memory_comes_from_the_nodes_that_are_asked_for() {
    let Some(bundle) = Bundle::new() else { return };
    let policy = json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]});
    let bundle = bundle.with(json!({"linux": {"memoryPolicy": policy}}));
    let ran = bundle.run("grep -c 'bind=static:0' /proc/self/numa_maps");
    if ran.err.contains("Function not implemented") {
        eprintln!("skipped: this kernel has no NUMA");
        return;
    }
    assert!(ran.code == 0 && ran.out.trim().parse::<u32>().unwrap() > 0, "{ran:?}");
    let bundle = bundle.with(json!({"linux": {"memoryPolicy": {"nodes": "1000"}}}));
    assert!(bundle.refusal().contains("/linux/memoryPolicy"));
}

#[test]
fn names_clocks_and_parameters_are_the_containers_own() {
    let Some(bundle) = Bundle::new() else { return };
    if !has("time namespaces", "/proc/self/timens_offsets", "") {
        return;
    }
    let mut bundle = bundle.with(json!({
        "domainname": "example.org",
        "linux": {
            "timeOffsets": {"boottime": {"secs": 1_000_000}, "monotonic": {"secs": 5, "nanosecs": 7}},
            "sysctl": {"net.ipv4.ip_forward": "1", "kernel.shmmax": "4096",
                "net/ipv4/conf/lo/forwarding": "1"}
        }
    }));
    bundle.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "time"}));
    let before = std::fs::read_to_string("/proc/sys/kernel/shmmax").unwrap();
    let out = bundle.output(
        "hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward \
         /proc/sys/kernel/shmmax /proc/self/timens_offsets; cut -d. -f1 /proc/uptime",
    );
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[..4], ["inside", "example.org", "1", "4096"]);
    let numbers: Vec<_> =
        lines[4..6].iter().map(|l| l.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(numbers, [vec!["monotonic", "5", "7"], vec!["boottime", "1000000", "0"]]);
    assert!(lines[6].parse::<u64>().unwrap() > 1_000_000);
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/shmmax").unwrap(), before);
    // In a user namespace as well.
    let bundle = Bundle::new().unwrap().own_ids();
    let bundle = bundle.with(json!({"linux": {"sysctl": {"net.ipv4.ip_forward": "1"}}}));
    assert_eq!(bundle.output("cat /proc/sys/net/ipv4/ip_forward"), "1\n");
}

#[test]
fn what_this_kernel_lacks_is_an_error_that_names_both() {
    let Some(_) = Bundle::new() else { return };
    let is_there = |path: &str| std::path::Path::new(path).exists();
    let landlock = r#"{"ruleset": {"handledAccessFs": ["make_dir"]}}"#;
    for (what, there, change) in [
        (
            "AppArmor",
            is_there("/sys/kernel/security/apparmor"),
            json!({"process": {"apparmorProfile": "docker-default"}}),
        ),
        (
            "SELinux",
            is_there("/sys/fs/selinux/enforce"),
            json!({"process": {"selinuxLabel": "a:b:c:s0"}}),
        ),
        (
            "SELinux",
            is_there("/sys/fs/selinux/enforce"),
            json!({"linux": {"mountLabel": "a:b:c:s0"}}),
        ),
        ("resctrl", is_there("/sys/fs/resctrl/schemata"), json!({"linux": {"intelRdt": {}}})),
        (
            "Landlock",
            cofferdam_sys::landlock::version().is_ok(),
            json!({"annotations": {"dev.cofferdam.landlock": landlock}}),
        ),
    ] {
        if there {
            eprintln!("skipped: this kernel has {what}");
            continue;
        }
        let field = what.to_owned();
        let error = Bundle::new().unwrap().with(change).refusal();
        assert!(error.contains(&field), "{what}: {error}");
    }
}

#[test]
fn landlock_holds_where_the_kernel_has_it() {
    let Some(bundle) = Bundle::new() else { return };
    if cofferdam_sys::landlock::version().is_err() {
        eprintln!("skipped: this kernel has no Landlock");
        return;
    }
    let landlock = json!({"ruleset": {"handledAccessFs": ["make_dir"]}, "rules": {
        "pathBeneath": [{"allowedAccess": ["make_dir"], "paths": ["/tmp"]}]}});
    let bundle = bundle.with(json!({"linux": {"landlock": landlock}}));
    let out = bundle.output("mkdir /tmp/x && echo made; mkdir /etc/x 2>/dev/null || echo refused");
    assert_eq!(out, "made\nrefused\n");
}

#[test]
fn an_apparmor_profile_confines_where_the_kernel_has_it() {
    const PROFILE: &str = "profile cofferdam-test flags=(attach_disconnected, mediate_deleted) {
        file, capability, network, signal, ptrace, mount, umount, deny /tmp/denied w, }";
    let Some(bundle) = Bundle::new() else { return };
    if !has("AppArmor", "/sys/module/apparmor/parameters/enabled", "Y") {
        return;
    }
    let file = bundle.path("profile");
    std::fs::write(&file, PROFILE).unwrap();
    let parser = |action| {
        let mut command = std::process::Command::new("apparmor_parser");
        command.args(["--skip-cache", action]).arg(&file).output()
    };
    let Ok(loaded) = parser("--replace") else {
        eprintln!("skipped: no apparmor_parser");
        return;
    };
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    for (own_ids, no_new_privileges) in [(false, true), (false, false), (true, true)] {
        let mut bundle = Bundle::new().unwrap();
        if own_ids {
            bundle = bundle.own_ids();
        }
        let bundle = bundle.with(json!({"process": {
            "apparmorProfile": "cofferdam-test", "noNewPrivileges": no_new_privileges}}));
        let out = bundle.output(
            "cat /proc/self/attr/current; touch /tmp/allowed && echo made
             touch /tmp/denied 2>/dev/null || echo refused",
        );
        assert_eq!(out, "cofferdam-test (enforce)\nmade\nrefused\n");
    }
    let bundle = Bundle::new().unwrap();
    let bundle = bundle.with(json!({"process": {"apparmorProfile": "no-such-profile"}}));
    assert!(bundle.refusal().contains("no-such-profile"));
    assert!(parser("--remove").unwrap().status.success());
}

#[test]
fn odd_users_are_refused() {
    let Some(_) = Bundle::new() else { return };
    for (user, field) in [
        (json!({"uid": u32::MAX}), "/process/user/uid"),
        (json!({"gid": u32::MAX}), "/process/user/gid"),
        (json!({"additionalGids": [u32::MAX]}), "/process/user/additionalGids"),
    ] {
        let bundle = Bundle::new().unwrap().with(json!({"process": {"user": user}}));
        assert!(bundle.refusal().contains(field));
    }
}
