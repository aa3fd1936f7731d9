//! A configuration to begin with, which people change to their needs: a shell in a terminal, as
//! confined as an ordinary program can be without knowing it.

use std::collections::BTreeMap;

use cofferdam_oci::runtime::{
    Capabilities, DeviceRule, IdMapping, Linux, Mount, Namespace, NamespaceType, Process,
    Resources, Rlimit, Root, Spec, User, VERSION,
};

/// Capabilities that a shell's user expects of root.
const CAPABILITIES: [&str; 3] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

/// The configuration; `own` is the user and group that become root inside, for whoever is not.
#[must_use]
pub fn configuration(own: Option<(u32, u32)>) -> Spec {
    Spec {
        oci_version: VERSION.into(),
        process: Some(process()),
        root: Some(Root { path: "rootfs".into(), readonly: true }),
        hostname: "cofferdam".into(),
        mounts: mounts(own.is_some()),
        linux: Some(linux(own)),
        ..empty()
    }
}

fn empty() -> Spec {
    Spec { annotations: BTreeMap::new(), ..Spec::default() }
}

fn process() -> Process {
    let names = || CAPABILITIES.map(str::to_owned).to_vec();
    Process {
        terminal: true,
        user: User::default(),
        args: vec!["sh".into()],
        env: vec![
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
            "TERM=xterm".into(),
        ],
        cwd: "/".into(),
        capabilities: Some(Capabilities {
            bounding: names(),
            effective: names(),
            permitted: names(),
            ..Capabilities::default()
        }),
        rlimits: vec![Rlimit { kind: "RLIMIT_NOFILE".into(), hard: 1024, soft: 1024 }],
        no_new_privileges: true,
        ..Process::default()
    }
}

fn mounts(rootless: bool) -> Vec<Mount> {
    let mount = |destination: &str, kind: &str, source: &str, options: &[&str]| Mount {
        destination: destination.into(),
        kind: kind.into(),
        source: source.into(),
        options: options.iter().map(ToString::to_string).collect(),
        ..Mount::default()
    };
    let mut terminals = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    if !rootless {
        // The group of terminals, which is not mapped where only one id is.
        terminals.push("gid=5");
    }
    vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", &terminals),
        mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ]
}

fn linux(own: Option<(u32, u32)>) -> Linux {
    let mut kinds = vec![
        NamespaceType::Pid,
        NamespaceType::Network,
        NamespaceType::Ipc,
        NamespaceType::Uts,
        NamespaceType::Mount,
        NamespaceType::Cgroup,
    ];
    if own.is_some() {
        kinds.push(NamespaceType::User);
    }
    let map = |id: Option<u32>| {
        id.map(|host_id| IdMapping { container_id: 0, host_id, size: 1 }).into_iter().collect()
    };
    let nothing = DeviceRule { access: "rwm".into(), ..DeviceRule::default() };
    Linux {
        namespaces: kinds.into_iter().map(|kind| Namespace { kind, path: String::new() }).collect(),
        uid_mappings: map(own.map(|own| own.0)),
        gid_mappings: map(own.map(|own| own.1)),
        // A user who is not root has no cgroup of devices, nor any device to be kept from.
        resources: own
            .is_none()
            .then(|| Resources { devices: vec![nothing], ..Resources::default() }),
        seccomp: Some(crate::profile::strict()),
        masked_paths: strings(&[
            "/proc/acpi",
            "/proc/asound",
            "/proc/interrupts",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/sched_debug",
            "/proc/scsi",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/sys/devices/virtual/powercap",
            "/sys/firmware",
        ]),
        readonly_paths: strings(&[
            "/proc/bus",
            "/proc/fs",
            "/proc/irq",
            "/proc/sys",
            "/proc/sysrq-trigger",
        ]),
        ..Linux::default()
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_configuration_that_can_be_planned() {
        for (own, user) in [(None, 0), (Some((1000, 1000)), 1000)] {
            let json = serde_json::to_vec(&configuration(own)).unwrap();
            let spec = Spec::parse(&json).unwrap();
            assert!(spec.unknown_keys(&json).unwrap().is_empty());
            let cgroups = crate::cgroup::Layout::detect();
            let facts =
                crate::facts::Facts { user, group: user, nested: false, systemd: false, cgroups };
            let id = "c".parse().unwrap();
            let plan = crate::plan::Plan::new(id, &spec, "/bundle".as_ref(), &facts);
            // Without the tree of devices, as in a sandbox, only that may be refused.
            if let Err(error) = plan {
                assert!(error.to_string().contains("/linux/resources"), "{error}");
            }
        }
    }
}
