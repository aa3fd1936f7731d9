use super::{Check, Level, Observed, Pod, rule};

pub(super) static CHECK: Check = Check {
    id: "hostNamespaces",
    level: Level::Baseline,
    versions: &[(0, check)],
    overrides: &[],
    rule: rule(
        "kube-host-namespaces",
        "A pod shares namespaces with its node",
        cofferdam_finding::Severity::High,
        "A pod sets hostNetwork, hostPID or hostIPC to true.",
        "In the node's network it reaches the kubelet and what listens on localhost only, and \
         network policies do not hold for it; in its process namespace it sees the environment of \
         every process and can signal or trace those of its user; in its IPC namespace it reads \
         shared memory.",
        "Remove the field. A node agent that needs it belongs in a namespace of its own, to which \
         few people have access.",
    ),
};

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    let spec = pod.spec;
    [("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)]
        .into_iter()
        .filter(|(_, shared)| *shared)
        .map(|(field, _)| Observed::new(pod.field(field), "true", "false"))
        .collect()
}
