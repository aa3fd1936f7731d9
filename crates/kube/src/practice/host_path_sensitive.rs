use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-host-path-sensitive",
        "A pod mounts what its node lives from",
        cofferdam_finding::Severity::Critical,
        "A hostPath volume is the root of the node, or a folder with its configuration, its \
         devices, its kernel's settings, the kubelet's state, other containers or the cluster's \
         database.",
        "Who can read there has the credentials of the node and of every pod on it; who can \
         write there is root on the node.",
        "Remove the volume. A node agent mounts the one folder that it needs, read-only.",
    ),
    look,
};

/// What a node lives from; folders below count where nothing else is said of them.
const SENSITIVE: [&str; 18] = [
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib/modules",
    "/opt/cni",
    "/proc",
    "/root",
    "/run/secrets",
    "/sys",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/lib/rancher",
    "/var/run/secrets",
];

/// Files below them that programs need, and that say nothing of value.
const HARMLESS: [&str; 7] = [
    "/etc/localtime",
    "/etc/machine-id",
    "/etc/os-release",
    "/etc/ssl/certs",
    "/etc/timezone",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
];

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let volumes = subject.workload.spec.volumes.iter();
    volumes
        .filter_map(|volume| {
            let path = volume.host_path()?.path;
            let field = subject.pod.field(&format!("volumes[{}].hostPath.path", volume.name));
            is_sensitive(path).then(|| Observed::new(field, path, ""))
        })
        .collect()
}

/// `..` leads anywhere, and what holds a sensitive folder is one.
fn is_sensitive(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let is_within = |path: &str, folder: &str| {
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if path.split('/').any(|part| part == "..") {
        return true;
    }
    if HARMLESS.iter().any(|folder| is_within(path, folder)) {
        return false;
    }
    SENSITIVE.iter().any(|folder| is_within(path, folder) || is_within(folder, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_sensitive_folder_is_one() {
        for (path, sensitive) in [
            ("/", true),
            ("", true),
            ("/etc", true),
            ("/etc/kubernetes/", true),
            ("/etcetera", false),
            ("/var", true),
            ("/var/lib", true),
            ("/var/log", false),
            ("/data/../etc", true),
            ("/etc/localtime", false),
            ("/data", false),
        ] {
            assert_eq!(is_sensitive(path), sensitive, "{path}");
        }
    }
}
