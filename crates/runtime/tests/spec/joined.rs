//! Namespaces that are joined by path.

use serde_json::{Value, json};

use crate::bundle::{Bundle, has};

const KINDS: [(&str, &str); 8] = [
    ("user", "user"),
    ("mount", "mnt"),
    ("pid", "pid"),
    ("network", "net"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("cgroup", "cgroup"),
    ("time", "time"),
];

fn namespace(process: u32, name: &str) -> String {
    let link = std::fs::read_link(format!("/proc/{process}/ns/{name}")).unwrap();
    link.to_str().unwrap().to_owned()
}

/// A bundle that joins these namespaces of a process and makes the others.
fn joining(process: u32, joined: &[&str], others: &[&str]) -> Bundle {
    let of = |(kind, name): &(&str, &str)| {
        if joined.contains(kind) {
            Some(json!({"type": kind, "path": format!("/proc/{process}/ns/{name}")}))
        } else {
            others.contains(kind).then(|| json!({"type": kind}))
        }
    };
    let namespaces: Vec<Value> = KINDS.iter().filter_map(of).collect();
    let mut bundle = Bundle::new().unwrap();
    bundle.change(json!({"linux": {"namespaces": namespaces}, "hostname": null}));
    bundle
}

#[test]
fn each_kind_is_joined_and_the_others_are_made() {
    let Some(mut first) = Bundle::new() else { return };
    let clocks = has("time namespaces", "/proc/self/timens_offsets", "");
    if clocks {
        first.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "time"}));
    }
    let (_running, process) = first.start("true");
    let others = ["pid", "network", "ipc", "uts", "mount", "cgroup", "time"];
    for (kind, name) in KINDS.iter().filter(|(kind, _)| *kind != "user") {
        if *kind == "time" && !clocks {
            continue;
        }
        let others = others.into_iter().filter(|other| other != kind);
        let others: Vec<_> = others.filter(|other| clocks || *other != "time").collect();
        let bundle = joining(process, &[kind], &others);
        let own = if *kind == "pid" { "self" } else { "1" };
        let ran =
            bundle.run(&format!("readlink /proc/{own}/ns/{name}; readlink /proc/self/ns/uts"));
        assert_eq!(ran.code, 0, "{kind}: {}", ran.err);
        let lines: Vec<_> = ran.out.lines().collect();
        assert_eq!(lines[0], namespace(process, name), "{kind}");
        assert_eq!(lines[1] == namespace(process, "uts"), *kind == "uts", "{kind}");
    }
}

#[test]
fn a_user_namespace_is_joined_with_what_belongs_to_it() {
    let Some(first) = Bundle::new() else { return };
    let first = first.own_ids();
    let (_running, process) = first.start("true");
    for joined in [&["user"][..], &["user", "network", "ipc", "uts"], &["user", "pid", "network"]] {
        let others = ["pid", "network", "ipc", "uts", "mount", "cgroup"];
        let others: Vec<_> = others.into_iter().filter(|other| !joined.contains(other)).collect();
        let bundle = joining(process, joined, &others);
        // Only the root itself has to belong to the container.
        let bundle = bundle.own_root();
        let script: String = joined
            .iter()
            .map(|kind| KINDS.iter().find(|(k, _)| k == kind).unwrap().1)
            .map(|name| format!("readlink /proc/self/ns/{name}; "))
            .collect();
        let ran = bundle.run(&format!("{script} cat /proc/self/uid_map; id -u; cat /dev/null"));
        assert_eq!(ran.code, 0, "{joined:?}: {}", ran.err);
        for kind in joined {
            let name = KINDS.iter().find(|(k, _)| k == kind).unwrap().1;
            assert!(ran.out.contains(&namespace(process, name)), "{joined:?}: {}", ran.out);
        }
        assert!(ran.out.ends_with("\n0\n"), "{}", ran.out);
    }
}

#[test]
fn what_is_no_namespace_of_its_kind_is_refused() {
    let Some(_) = Bundle::new() else { return };
    let others = ["pid", "ipc", "uts", "mount", "cgroup"];
    for path in ["/etc/passwd", "/proc/self/ns/ipc", "/missing"] {
        let mut bundle = joining(1, &[], &others);
        let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.push(json!({"type": "network", "path": path}));
        assert!(bundle.refusal().contains(path), "{path}");
    }
}

#[test]
fn parameters_are_not_set_in_the_machines_own_namespace() {
    let Some(_) = Bundle::new() else { return };
    let mut bundle = joining(1, &[], &["pid", "ipc", "uts", "mount", "cgroup"]);
    let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.push(json!({"type": "network", "path": "/proc/self/ns/net"}));
    let before = std::fs::read_to_string("/proc/sys/net/ipv4/ip_default_ttl").unwrap();
    bundle.change(json!({"linux": {"sysctl": {"net.ipv4.ip_default_ttl": "99"}}}));
    let error = bundle.refusal();
    assert!(
        error.contains("/linux/sysctl") && error.contains("machine's own 'network'"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv4/ip_default_ttl").unwrap(), before);
}
