use super::{Check, Level, Observed, Pod, rule};

const BASELINE_ID: &str = "capabilities_baseline";

pub(super) static BASELINE: Check = Check {
    id: BASELINE_ID,
    level: Level::Baseline,
    versions: &[(0, baseline)],
    overrides: &[],
    rule: rule(
        "kube-capabilities-added",
        "A container adds capabilities",
        cofferdam_finding::Severity::High,
        "A container adds a capability that is not in the default set of container runtimes.",
        "Many capabilities are as good as root on the node: SYS_ADMIN mounts, SYS_MODULE loads \
         kernel code, SYS_PTRACE takes over processes, DAC_READ_SEARCH reads any file, NET_RAW \
         forges packets.",
        "Remove the capability from securityContext.capabilities.add.",
    ),
};

pub(super) static RESTRICTED: Check = Check {
    id: "capabilities_restricted",
    level: Level::Restricted,
    versions: &[(22, restricted), (25, unless_windows)],
    overrides: &[BASELINE_ID],
    rule: rule(
        "kube-capabilities-kept",
        "A container does not drop all capabilities",
        cofferdam_finding::Severity::Medium,
        "A container does not drop ALL capabilities, or adds another than NET_BIND_SERVICE.",
        "The default set lets root in the container change owners, users and network, which is \
         where many escapes begin. Most programs need none of it.",
        "Set securityContext.capabilities.drop to [ALL]; add NET_BIND_SERVICE alone, and only for \
         ports below 1024.",
    ),
};

const DEFAULT: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn baseline(pod: &Pod<'_>) -> Vec<Observed> {
    added_beyond(pod, &DEFAULT)
}

fn unless_windows(pod: &Pod<'_>) -> Vec<Observed> {
    if pod.spec.is_windows() { Vec::new() } else { restricted(pod) }
}

fn restricted(pod: &Pod<'_>) -> Vec<Observed> {
    let keeps = pod.containers().filter_map(|(path, container)| {
        let dropped = container.security().capabilities.as_ref().map(|caps| caps.drop.as_slice());
        let dropped = dropped.unwrap_or_default();
        let drops_all = dropped.iter().any(|capability| capability == "ALL");
        let field = path + ".securityContext.capabilities.drop";
        (!drops_all).then(|| Observed::new(field, list(dropped), "[ALL]"))
    });
    keeps.chain(added_beyond(pod, &["NET_BIND_SERVICE"])).collect()
}

fn added_beyond(pod: &Pod<'_>, allowed: &[&str]) -> Vec<Observed> {
    let containers = pod.containers();
    containers
        .filter_map(|(path, container)| {
            let added = &container.security().capabilities.as_ref()?.add;
            let is_bad = |name: &&String| !allowed.contains(&name.as_str());
            let bad: Vec<String> = added.iter().filter(is_bad).cloned().collect();
            let field = path + ".securityContext.capabilities.add";
            (!bad.is_empty()).then(|| Observed::new(field, list(&bad), ""))
        })
        .collect()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "unset".into() } else { format!("[{}]", names.join(", ")) }
}
