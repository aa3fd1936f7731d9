//! Evidence that was changed in one place each, compared with the plan of a real configuration.

use cofferdam_oci::runtime::Spec;

use super::*;
use crate::{
    cgroup::Layout,
    explain::{
        Cgroup, Filters, IdRange, KINDS, Limit, Limits, Namespace, Network, parse_limits,
        parse_membership, parse_mounts, parse_status,
    },
};

const SPEC: &str = r#"{
    "ociVersion": "1.2.0",
    "process": {
        "args": ["sleep", "1"], "cwd": "/", "user": {"uid": 0, "gid": 0},
        "noNewPrivileges": true, "oomScoreAdj": 100,
        "capabilities": {
            "bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]
    },
    "root": {"path": "rootfs", "readonly": true},
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
        {"destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "ro"]}
    ],
    "linux": {
        "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "user"}, {"type": "network"}],
        "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
        "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
        "maskedPaths": ["/proc/keys"],
        "readonlyPaths": ["/proc/sys"],
        "seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}]}
    }
}"#;

const MOUNTS: &str = "\
10 9 0:50 / / ro,relatime - ext4 /dev/sda rw
11 10 0:51 / /proc rw,nosuid - proc proc rw
12 11 0:51 /sys /proc/sys ro,nosuid - proc proc rw
13 11 0:6 /null /proc/keys rw,nosuid - devtmpfs devtmpfs rw
14 10 0:52 / /data ro - ext4 /dev/sdb rw
15 14 0:53 / /data/below rw - ext4 /dev/sdc rw
";

const STATUS: &str = "Uid:\t100000\t100000\t100000\t100000
Gid:\t100000\t100000\t100000\t100000
Groups:\t 
CapInh:\t0000000000000000
CapPrm:\t0000000000000020
CapEff:\t0000000000000020
CapBnd:\t0000000000000020
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
";

fn known<T>(fact: T) -> Seen<T> {
    Seen::Known(fact)
}

fn plan() -> Plan {
    let spec = Spec::parse(SPEC.as_bytes()).unwrap();
    let facts = Facts { user: 0, group: 0, nested: true, systemd: false, cgroups: Layout::Absent };
    Plan::new("c".parse().unwrap(), &spec, std::path::Path::new("/bundle"), &facts).unwrap()
}

fn observation(plan: &Plan, pid: u32) -> Observation {
    let made = ["mnt", "pid", "user", "net"];
    let namespaces = KINDS.map(|kind| Namespace {
        kind,
        inode: known(if made.contains(&kind) { 70 } else { 9 }),
        own: known(9),
        init: known(9),
    });
    let unlimited = || known(Limit::Unlimited);
    let limits = Limits { pids: unlimited(), memory: unlimited(), cpu: unlimited() };
    let ids = vec![IdRange { inside: 0, outside: 100_000, length: 65536 }];
    let program = plan.filter.as_ref().unwrap().program.clone();
    let lengths = vec![program.instructions().len()];
    Observation {
        pid,
        status: known(parse_status(STATUS)),
        namespaces: namespaces.to_vec(),
        uid_map: known(ids.clone()),
        gid_map: known(ids),
        mounts: known(parse_mounts(MOUNTS)),
        cgroup: known(Cgroup { memberships: parse_membership("0::/c"), limits }),
        network: Network {
            interfaces: known(vec!["lo".to_owned()]),
            ipv4_default: known(Vec::new()),
            ipv6_default: known(Vec::new()),
        },
        security_label: known(None),
        security_modules: known(Vec::new()),
        limits: known(parse_limits("Max open files            64                   64    files\n")),
        oom_score_adjustment: known(100),
        filters: known(Filters { lengths, probes: Vec::new(), programs: vec![program] }),
    }
}

fn evidence(plan: &Plan) -> Evidence {
    let member = |pid| Member {
        observation: observation(plan, pid),
        name: "sleep".into(),
        outside: Vec::new(),
    };
    let place = |path: &str, mount, is_directory| Place {
        path: path.into(),
        found: known(Some(There {
            mount,
            is_mount_root: Some(true),
            is_directory,
            is_null: path == "/proc/keys",
        })),
    };
    Evidence {
        processes: vec![member(20), member(21)],
        places: vec![
            place("/", 10, true),
            place("/proc", 11, true),
            place("/proc/sys", 12, true),
            place("/proc/keys", 13, false),
            place("/data", 14, true),
        ],
        peers: vec!["shared:7".into()],
        settings: vec![Setting {
            file: "/sys/fs/cgroup/c/pids.max".into(),
            expected: Expected::Value("64".into()),
            found: known("64".into()),
        }],
        ..Evidence::default()
    }
}

type Change = fn(&mut Evidence);

fn found(change: Change) -> Findings {
    let plan = plan();
    let mut evidence = evidence(&plan);
    change(&mut evidence);
    compare(&plan, &evidence)
}

fn status(evidence: &mut Evidence, line: &str) {
    let name = line.split(':').next().unwrap();
    let lines: String = STATUS
        .lines()
        .map(|old| if old.split(':').next() == Some(name) { line } else { old })
        .map(|line| format!("{line}\n"))
        .collect();
    evidence.processes[1].observation.status = known(parse_status(&lines));
}

fn mounts(evidence: &mut Evidence, change: impl Fn(&str) -> String) {
    evidence.processes[0].observation.mounts = known(parse_mounts(&change(MOUNTS)));
}

fn namespace(evidence: &mut Evidence, kind: &str, inode: u64) {
    let all = &mut evidence.processes[1].observation.namespaces;
    all.iter_mut().find(|n| n.kind == kind).unwrap().inode = known(inode);
}

#[test]
fn evidence_as_planned_differs_nowhere() {
    let findings = found(|_| {});
    assert_eq!(findings.differences, []);
    assert_eq!(findings.gaps, []);
}

#[test]
fn each_difference_is_found_alone() {
    use Severity::{Critical, High, Low, Medium};
    let cases: [(&str, Severity, Change); 25] = [
        ("network namespace", High, |e| namespace(e, "net", 9)),
        ("mount namespace", Critical, |e| namespace(e, "mnt", 9)),
        ("process namespace", Low, |e| namespace(e, "pid", 71)),
        ("unprivileged identity", Critical, |e| status(e, "Uid:\t100000\t0\t100000\t100000")),
        ("unprivileged identity", High, |e| status(e, "Uid:\t99999\t100000\t100000\t100000")),
        ("user namespace", Critical, |e| {
            let ids = vec![IdRange { inside: 0, outside: 100_000, length: 65537 }];
            e.processes[0].observation.gid_map = known(ids);
        }),
        ("capabilities dropped", High, |e| status(e, "CapBnd:\t0000000000000021")),
        ("capabilities dropped", Low, |e| status(e, "CapAmb:\t0000000000000020")),
        ("capabilities dropped", High, |e| status(e, "CapInh:\t0000000000000001")),
        ("no new privileges", High, |e| status(e, "NoNewPrivs:\t0")),
        ("system call filter", High, |e| status(e, "Seccomp:\t0")),
        ("system call filter", High, |e| {
            let none = Filters { lengths: vec![1], probes: Vec::new(), programs: Vec::new() };
            e.processes[1].observation.filters = known(none);
        }),
        ("resource limits", Medium, |e| {
            let text = "Max open files            64                   65    files\n";
            e.processes[1].observation.limits = known(parse_limits(text));
        }),
        ("out-of-memory score", Low, |e| {
            e.processes[1].observation.oom_score_adjustment = known(-1);
        }),
        ("control group", High, |e| e.processes[1].outside.push("/sys/fs/cgroup/c".into())),
        ("control group", Medium, |e| e.settings[0].found = known("max".into())),
        ("process namespace", Medium, |e| e.strangers.push((30, "gdb".into()))),
        ("image kept unchanged", Medium, |e| mounts(e, |m| m.replace(" / ro,", " / rw,"))),
        ("kernel files hidden", High, |e| {
            e.places[3].found = known(Some(There {
                mount: 11,
                is_mount_root: Some(false),
                is_directory: false,
                is_null: false,
            }));
        }),
        ("kernel settings read-only", High, |e| {
            mounts(e, |m| m.replace("/proc/sys ro", "/proc/sys rw"));
        }),
        ("mount namespace", Medium, |e| e.places[4].found = known(None)),
        ("mount namespace", Medium, |e| mounts(e, |m| m.replace("/data ro", "/data rw"))),
        ("mount namespace", Medium, |e| mounts(e, |m| m.replace("/proc rw,nosuid", "/proc rw"))),
        ("mount namespace", Medium, |e| {
            mounts(e, |m| format!("{m}16 10 0:60 / /tmp rw - tmpfs x rw\n"));
        }),
        ("mount namespace", High, |e| {
            mounts(e, |m| m.replace("/data/below rw -", "/data/below rw shared:7 -"));
        }),
    ];
    for (index, (layer, severity, change)) in cases.into_iter().enumerate() {
        let findings = found(change);
        let told: Vec<_> = findings.differences.iter().map(|d| (d.layer, d.severity)).collect();
        assert_eq!(told, [(layer, severity)], "case {index}: {findings:?}");
        assert_eq!(findings.gaps, [], "case {index}");
    }
}

#[test]
fn what_a_program_may_do_itself_is_none() {
    let cases: [Change; 5] = [
        |e| status(e, "CapBnd:\t0000000000000000"),
        |e| status(e, "Uid:\t100005\t100005\t100005\t100005"),
        |e| e.processes[1].observation.oom_score_adjustment = known(500),
        |e| {
            let text = "Max open files            64                   10    files\n";
            e.processes[1].observation.limits = known(parse_limits(text));
        },
        |e| mounts(e, |m| m.replace("/data/below rw -", "/data/below rw shared:9 -")),
    ];
    for (index, change) in cases.into_iter().enumerate() {
        assert_eq!(found(change).differences, [], "case {index}");
    }
}

#[test]
fn what_could_not_be_read_is_a_gap_and_no_difference() {
    let cases: [(&str, Change); 6] = [
        ("system call filter", |e| {
            e.processes[1].observation.filters = Seen::Unknown("no right".into());
        }),
        ("mount namespace", |e| e.processes[0].observation.mounts = Seen::Unknown("no".into())),
        ("control group", |e| e.settings[0].found = Seen::Unknown("no".into())),
        ("kernel files hidden", |e| e.places[3].found = Seen::Unknown("no".into())),
        ("resource limits", |e| e.processes[1].observation.limits = Seen::Unknown("no".into())),
        ("processes", |e| e.unseen.push("no".into())),
    ];
    for (layer, change) in cases {
        let findings = found(change);
        assert_eq!(findings.differences, [], "{layer}");
        assert!(findings.gaps.iter().any(|gap| gap.layer == layer), "{layer}: {findings:?}");
    }
}

#[test]
fn names_of_the_container_reach_no_terminal_as_they_are() {
    let plan = plan();
    let mut evidence = evidence(&plan);
    evidence.processes[1].name = "\x1b[2J\nevil".into();
    evidence.strangers.push((31, "\x1b]0;x\x07".into()));
    let findings = compare(&plan, &evidence);
    let report = Report {
        schema_version: 1,
        id: "c".into(),
        status: "running",
        processes: evidence
            .processes
            .into_iter()
            .map(|member| Process {
                pid: member.observation.pid,
                name: member.name,
                layers: layers(&member.observation, &[]),
                observation: member.observation,
            })
            .collect(),
        differences: findings.differences,
        unknown: findings.gaps,
        untold: untold(&plan),
        hidden: 0,
    };
    let text = render(&report, 80, false);
    assert!(text.contains("evil") && text.contains("1 difference from"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(text.contains("all layers as the first process has them"), "{text}");
}
