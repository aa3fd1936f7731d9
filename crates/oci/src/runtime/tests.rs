use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(value: &serde_json::Value) -> Result<Spec, SpecError> {
    Spec::parse(value.to_string().as_bytes())
}

#[test]
fn reads_what_engines_write_and_loses_nothing() {
    let value = json!({
        "ociVersion": "1.2.0",
        "process": {
            "terminal": true, "consoleSize": {"height": 24, "width": 80},
            "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [3, 4]},
            "args": ["sh"], "env": ["A=b"], "cwd": "/",
            "capabilities": {"bounding": ["CAP_KILL"]},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": u64::MAX, "soft": 1024}],
            "noNewPrivileges": true, "oomScoreAdj": -5,
            "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
            "execCPUAffinity": {"initial": "0", "final": "0-1"}
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "h",
        "mounts": [{
            "destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "ro"],
            "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
            "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]
        }],
        "hooks": {"createRuntime": [{"path": "/bin/true", "timeout": 5}]},
        "annotations": {"a": "b"},
        "linux": {
            "namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}],
            "resources": {
                "devices": [{"allow": false, "access": "rwm"}],
                "memory": {"limit": 1024, "disableOOMKiller": true, "kernelTCP": 1},
                "cpu": {"quota": -1, "period": 100_000, "cpus": "0"},
                "pids": {"limit": 10},
                "blockIO": {"throttleReadIOPSDevice": [{"major": 8, "minor": 1, "rate": 2}]},
                "unified": {"memory.high": "1M"}
            },
            "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}],
            "seccomp": {
                "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
                "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
                "syscalls": [{
                    "names": ["clone"], "action": "SCMP_ACT_ALLOW",
                    "args": [{"index": 0, "value": 2_114_060_288u32, "op": "SCMP_CMP_MASKED_EQ"}]
                }]
            },
            "rootfsPropagation": "slave",
            "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
            "personality": {"domain": "LINUX"},
            "timeOffsets": {"monotonic": {"secs": -3}}
        }
    });
    let spec = parse(&value).unwrap();
    assert_eq!(spec.unknown_keys(value.to_string().as_bytes()).unwrap(), Vec::<String>::new());
    assert_eq!(serde_json::to_value(&spec).unwrap(), value);
}

#[test]
fn nulls_read_as_absent() {
    let spec = parse(&json!({
        "ociVersion": "1.0.2", "mounts": null, "annotations": null, "hooks": null,
        "process": {"cwd": "/", "args": null, "env": null, "user": {"additionalGids": null}},
        "linux": {"namespaces": null, "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": null}}
    }))
    .unwrap();
    assert!(spec.mounts.is_empty());
    assert!(spec.process.unwrap().args.is_empty());
}

#[test]
fn wrong_shapes_are_errors_that_name_the_field() {
    for (value, wanted) in [
        (json!({}), "ociVersion"),
        (json!({"ociVersion": "1.0.0", "process": {}}), "cwd"),
        (json!({"ociVersion": "1.0.0", "root": {"readonly": true}}), "path"),
        (json!({"ociVersion": "1.0.0", "mounts": [{"type": "proc"}]}), "destination"),
        (
            json!({"ociVersion": "1.0.0", "linux": {"uidMappings": [{"containerID": 0, "size": 1}]}}),
            "hostID",
        ),
        (
            json!({"ociVersion": "1.0.0", "linux": {"uidMappings": [{"containerID": -1, "hostID": 1, "size": 1}]}}),
            "-1",
        ),
        (json!({"ociVersion": "1.0.0", "linux": {"namespaces": [{"type": "pidd"}]}}), "pidd"),
        (
            json!({"ociVersion": "1.0.0", "process": {"cwd": "/", "user": {"uid": 4_294_967_296u64}}}),
            "4294967296",
        ),
    ] {
        let SpecError::Parse(source) = parse(&value).unwrap_err() else { panic!("{value}") };
        assert!(source.to_string().contains(wanted), "{source} should name {wanted}");
    }
}

#[test]
fn only_version_one_is_taken() {
    for (version, taken) in [
        ("1.0.0", true),
        ("1.0.2-dev", true),
        ("1.3.0+build", true),
        ("2.0.0", false),
        ("1", false),
        ("1.x.0", false),
        ("1.0.0.0", false),
        ("", false),
    ] {
        assert_eq!(parse(&json!({"ociVersion": version})).is_ok(), taken, "{version}");
    }
}

#[test]
fn unknown_keys_are_found_at_every_depth() {
    let value = json!({
        "ociVersion": "1.0.0", "extra": 1,
        "process": {"cwd": "/", "noNewPrivilege": true, "args": []},
        "mounts": [{"destination": "/a"}, {"destination": "/b", "opts": ["ro"]}],
        "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["a"], "action": "SCMP_ACT_LOG", "comment": "why"}]}}
    });
    let found = parse(&value).unwrap().unknown_keys(value.to_string().as_bytes()).unwrap();
    assert_eq!(
        found,
        [
            "/extra",
            "/linux/seccomp/syscalls/0/comment",
            "/mounts/1/opts",
            "/process/noNewPrivilege"
        ]
    );
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = Spec::parse(&bytes);
    }

    #[test]
    fn names_round_trip(index in 0..Architecture::ALL.len()) {
        let name = Architecture::ALL[index];
        let json = serde_json::to_string(&name).unwrap();
        prop_assert_eq!(&json, &format!("\"{name}\""));
        prop_assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), name);
    }
}
