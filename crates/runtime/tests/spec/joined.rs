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

/// Where something is mounted, as a process sees it, without what changes by itself.
fn mounts(process: &str) -> String {
    std::fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap()
}

/// Waits until a container has made a file in its root.
fn wait_for(bundle: &Bundle, file: &str) {
    let file = bundle.root().join(file);
    let started = std::time::Instant::now();
    while !file.exists() {
        assert!(started.elapsed() < std::time::Duration::from_secs(30), "{}", file.display());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn without_a_mount_namespace_of_its_own_nobody_sees_its_mounts() {
    let Some(_) = Bundle::new() else { return };
    let volume = tempfile::tempdir().unwrap();
    std::fs::write(volume.path().join("file"), "shared").unwrap();
    for others in [&[][..], &["pid", "network", "ipc", "uts", "cgroup"]] {
        let mut bundle = joining(1, &[], others);
        bundle.change(json!({"linux": {
            "maskedPaths": ["/etc/hidden"], "readonlyPaths": ["/proc/sys"], "resources": null
        }}));
        bundle.mount(json!({
            "destination": "/mnt", "type": "bind", "source": volume.path(), "options": ["rbind", "ro"]
        }));
        std::fs::write(bundle.root().join("etc/hidden"), "hidden").unwrap();
        let before = mounts("self");
        let (mut running, process) = bundle.start(
            "readlink /proc/self/ns/mnt; cat /mnt/file; echo; wc -c < /etc/hidden
             touch /mnt/new 2>/dev/null || echo read-only; echo 1 2>/dev/null > /proc/sys/net/ipv4/ip_forward || echo protected
             ls -d /dev/pts/ptmx; pwd; touch /made; exec >/dev/null",
        );
        wait_for(&bundle, "made");
        assert_eq!(namespace(process, "mnt"), namespace(std::process::id(), "mnt"));
        // Other tests mount things of their own; nothing of this bundle is among them.
        let name = bundle.path("");
        let name = name.to_str().unwrap();
        assert!(!mounts("self").contains(name), "{}", mounts("self"));
        assert!(
            before
                .lines()
                .filter(|l| l.contains(" / / "))
                .eq(mounts("self").lines().filter(|l| l.contains(" / / ")))
        );
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        let mut out = String::new();
        std::io::Read::read_to_string(&mut running.0.stdout.take().unwrap(), &mut out).unwrap();
        let own = namespace(std::process::id(), "mnt");
        assert_eq!(
            out,
            format!("{own}\nshared\n0\nread-only\nprotected\n/dev/pts/ptmx\n/\n"),
            "{others:?}"
        );
    }
}

#[test]
fn a_mount_namespace_that_is_joined_stays_as_it_was() {
    let Some(first) = Bundle::new() else { return };
    let (_running, process) = first.start("touch /made");
    wait_for(&first, "made");
    let before = mounts(&process.to_string());
    let others = ["pid", "network", "ipc", "uts", "cgroup"];
    let mut bundle = joining(process, &["mount"], &others);
    std::fs::write(bundle.root().join("etc/own"), "own").unwrap();
    bundle.mount(json!({"destination": "/mnt", "type": "tmpfs"}));
    let ran = bundle.run("cat /etc/own; readlink /proc/self/ns/mnt");
    assert_eq!(ran.out, format!("own{}\n", namespace(process, "mnt")), "{}", ran.err);
    assert_eq!(mounts(&process.to_string()), before);
}

#[test]
fn what_cannot_be_copied_needs_a_mount_namespace_of_its_own() {
    let Some(_) = Bundle::new() else { return };
    let mut bundle = joining(1, &[], &["pid"]);
    bundle.mount(json!({"destination": "/mnt", "type": "tmpfs", "options": ["unbindable"]}));
    let error = bundle.refusal();
    assert!(error.contains("unbindable"), "{error}");
    let mut bundle = joining(1, &[], &["pid", "user"]);
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
    bundle.change(json!({"linux": {"uidMappings": map, "gidMappings": map}}));
    assert!(bundle.refusal().contains("/linux/namespaces"));
}
