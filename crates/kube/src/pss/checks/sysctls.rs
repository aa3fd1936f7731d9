use super::{Check, Level, Observed, Pod, rule};

pub(super) static CHECK: Check = Check {
    id: "sysctls",
    level: Level::Baseline,
    versions: &[(0, v0), (27, v27), (29, v29), (32, v32), (37, v37)],
    overrides: &[],
    rule: rule(
        "kube-sysctl",
        "A pod sets an unsafe kernel parameter",
        cofferdam_finding::Severity::Medium,
        "A pod sets a sysctl that is not one of those that Kubernetes calls safe in the version \
         of the standard.",
        "Parameters that are not confined to the pod change the node for everybody on it; others \
         can exhaust its kernel memory.",
        "Remove it, or set it on the nodes that need it.",
    ),
};

/// Safe parameters, with the minor version from which they are.
const SAFE: [(&str, u32); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

fn v0(pod: &Pod<'_>) -> Vec<Observed> {
    check(pod, 0)
}

fn v27(pod: &Pod<'_>) -> Vec<Observed> {
    check(pod, 27)
}

fn v29(pod: &Pod<'_>) -> Vec<Observed> {
    check(pod, 29)
}

fn v32(pod: &Pod<'_>) -> Vec<Observed> {
    check(pod, 32)
}

fn v37(pod: &Pod<'_>) -> Vec<Observed> {
    check(pod, 37)
}

fn check(pod: &Pod<'_>, minor: u32) -> Vec<Observed> {
    let is_safe = |name: &str| SAFE.iter().any(|(safe, from)| *safe == name && *from <= minor);
    let sysctls = pod.security().sysctls.iter().filter(|sysctl| !is_safe(&sysctl.name));
    let field = |name: &str| pod.field(&format!("securityContext.sysctls[{name}]"));
    sysctls.map(|sysctl| Observed::new(field(&sysctl.name), &sysctl.value, "")).collect()
}
