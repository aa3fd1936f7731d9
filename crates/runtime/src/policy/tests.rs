use serde_json::{Value, json};

use super::*;

fn policy(rules: &Value) -> Policy {
    let mut all = json!({"version": 1});
    for (key, value) in rules.as_object().unwrap() {
        all[key] = value.clone();
    }
    Policy::parse(all.to_string().as_bytes(), Path::new("p.json")).unwrap()
}

fn spec(change: &Value) -> Spec {
    let mut all = json!({
        "ociVersion": "1.3.0",
        "process": {"cwd": "/", "user": {"uid": 1000}, "noNewPrivileges": true,
            "capabilities": {"bounding": ["CAP_KILL"]}},
        "root": {"path": "r", "readonly": true},
        "mounts": [],
        "linux": {
            "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "mount"}, {"type": "ipc"},
                {"type": "uts"}, {"type": "cgroup"}],
            "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"},
            "maskedPaths": ["/proc/kcore", "/sys/firmware"],
            "resources": {"memory": {"limit": 1}, "pids": {"limit": 1}, "cpu": {"quota": 1}}
        }
    });
    merge(&mut all, change);
    Spec::parse(all.to_string().as_bytes()).unwrap()
}

fn merge(into: &mut Value, change: &Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, change) => *into = change.clone(),
    }
}

/// Rule and field of each violation.
fn found(rules: &Value, change: &Value) -> Vec<String> {
    let violations = policy(rules).check(&spec(change), Path::new("/bundle"));
    violations.iter().map(|v| format!("{} {}", v.rule, v.field)).collect()
}

fn strict() -> Value {
    json!({
        "comment": "all of them",
        "privileged": "deny",
        "engineSockets": "deny",
        "hooks": "deny",
        "allowedHostNamespaces": [],
        "allowedCapabilities": ["CAP_KILL"],
        "allowedMountSources": ["/usr"],
        "deniedMountSources": ["/usr/sbin"],
        "readonlyMountSources": ["/usr"],
        "allowedDevices": ["/dev/fuse"],
        "allowedSysctls": ["net.*"],
        "requireSeccomp": true,
        "requireUserNamespace": "root",
        "requireNoNewPrivileges": true,
        "requireReadonlyRoot": true,
        "requireMaskedPaths": true,
        "requireLimits": ["memory", "pids", "cpu"]
    })
}

#[test]
fn a_modest_container_passes_every_rule() {
    assert_eq!(found(&strict(), &json!({})), [""; 0]);
}

#[test]
fn each_rule_names_itself_and_the_field() {
    let all = &cofferdam_sys::capability::NAMES[..];
    let bind = |source: &str, options: &[&str]| {
        json!({"mounts": [{
        "destination": "/x", "type": "bind", "source": source, "options": options}]})
    };
    let table = [
        (
            "privileged",
            json!({"process": {"capabilities": {"bounding": all}}}),
            "privileged /process/capabilities",
        ),
        (
            "privileged",
            json!({"linux": {"resources": {"devices": [{"allow": true}]}}}),
            "privileged /linux/resources/devices",
        ),
        ("engineSockets", bind("/run/docker.sock", &["bind"]), "engineSockets /mounts/0/source"),
        ("engineSockets", bind("/", &["rbind"]), "engineSockets /mounts/0/source"),
        ("hooks", json!({"hooks": {"poststop": [{"path": "/x"}]}}), "hooks /hooks"),
        (
            "allowedHostNamespaces",
            json!({"linux": {"namespaces": [{"type": "pid"}, {"type": "mount"},
            {"type": "ipc"}, {"type": "uts"}, {"type": "cgroup"}]}}),
            "allowedHostNamespaces /linux/namespaces",
        ),
        (
            "allowedHostNamespaces",
            json!({"linux": {"namespaces": [{"type": "pid"}, {"type": "mount"},
            {"type": "ipc"}, {"type": "uts"}, {"type": "cgroup"},
            {"type": "network", "path": "/proc/self/ns/net"}]}}),
            "allowedHostNamespaces /linux/namespaces",
        ),
        (
            "allowedCapabilities",
            json!({"process": {"capabilities": {"ambient": ["CAP_SYS_ADMIN"]}}}),
            "allowedCapabilities /process/capabilities/ambient",
        ),
        (
            "allowedMountSources",
            bind("/etc", &["bind", "ro"]),
            "allowedMountSources /mounts/0/source",
        ),
        (
            "allowedMountSources",
            bind("../usr/../etc", &["bind", "ro"]),
            "allowedMountSources /mounts/0/source",
        ),
        // A link of this machine that leads out of what is allowed.
        (
            "allowedMountSources",
            bind("/proc/self/root", &["bind", "ro"]),
            "allowedMountSources /mounts/0/source",
        ),
        (
            "deniedMountSources",
            bind("/usr", &["bind", "ro"]),
            "deniedMountSources /mounts/0/source",
        ),
        (
            "deniedMountSources",
            bind("/usr/sbin/x", &["bind", "ro"]),
            "deniedMountSources /mounts/0/source",
        ),
        (
            "readonlyMountSources",
            bind("/usr/bin", &["bind"]),
            "readonlyMountSources /mounts/0/source",
        ),
        (
            "readonlyMountSources",
            bind("/usr/bin", &["rbind", "ro"]),
            "readonlyMountSources /mounts/0/source",
        ),
        (
            "allowedDevices",
            json!({"linux": {"devices": [{"path": "/dev/mem", "type": "c"}]}}),
            "allowedDevices /linux/devices/0/path",
        ),
        (
            "allowedSysctls",
            json!({"linux": {"sysctl": {"kernel/shmmax": "1"}}}),
            "allowedSysctls /linux/sysctl/kernel/shmmax",
        ),
        ("requireSeccomp", json!({"linux": {"seccomp": null}}), "requireSeccomp /linux/seccomp"),
        (
            "requireSeccomp",
            json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}}),
            "requireSeccomp /linux/seccomp/defaultAction",
        ),
        (
            "requireUserNamespace",
            json!({"process": {"user": {"uid": 0}}}),
            "requireUserNamespace /process/user/uid",
        ),
        (
            "requireNoNewPrivileges",
            json!({"process": {"noNewPrivileges": false}}),
            "requireNoNewPrivileges /process/noNewPrivileges",
        ),
        (
            "requireReadonlyRoot",
            json!({"root": {"readonly": false}}),
            "requireReadonlyRoot /root/readonly",
        ),
        (
            "requireMaskedPaths",
            json!({"linux": {"maskedPaths": ["/proc/kcore"]}}),
            "requireMaskedPaths /linux/maskedPaths",
        ),
        (
            "requireLimits",
            json!({"linux": {"resources": {"pids": {"limit": -1}}}}),
            "requireLimits /linux/resources/pids/limit",
        ),
    ];
    for (rule, change, wanted) in table {
        let one = json!({rule: strict()[rule]});
        assert_eq!(found(&one, &change), [wanted], "{rule}");
        // Nothing is refused that no rule is about.
        assert_eq!(found(&json!({}), &change), [""; 0], "{rule}");
    }
}

#[test]
fn a_user_namespace_of_the_containers_own_satisfies() {
    let maps = json!([{"containerID": 0, "hostID": 1_000_000, "size": 65536}]);
    let change = json!({"process": {"user": {"uid": 0}}, "linux": {"uidMappings": maps, "namespaces": [
        {"type": "user"}, {"type": "pid"}, {"type": "network"}, {"type": "mount"}, {"type": "ipc"},
        {"type": "uts"}, {"type": "cgroup"}]}});
    assert_eq!(found(&json!({"requireUserNamespace": "all"}), &change), [""; 0]);
    assert_eq!(found(&json!({"requireUserNamespace": "all"}), &json!({})).len(), 1);
}

#[test]
fn what_is_not_understood_as_a_whole_is_refused() {
    for json in [
        "",
        "{}",
        r#"{"version": 2}"#,
        r#"{"version": 1, "privilegd": "deny"}"#,
        r#"{"version": 1, "privileged": "no"}"#,
        r#"{"version": 1, "allowedMountSources": ["srv"]}"#,
        r#"{"version": 1, "allowedHostNamespaces": ["net"]}"#,
    ] {
        assert!(Policy::parse(json.as_bytes(), Path::new("p")).is_err(), "{json}");
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..128)) {
        let _ = Policy::parse(&bytes, Path::new("p"));
    }
}
