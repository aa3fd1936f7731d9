use super::{Check, Level, Observed, Pod, rule};

pub(super) static CHECK: Check = Check {
    id: "hostPorts",
    level: Level::Baseline,
    versions: &[(0, check)],
    overrides: &[],
    rule: rule(
        "kube-host-port",
        "A container takes a port of its node",
        cofferdam_finding::Severity::Medium,
        "A port of a container has a hostPort.",
        "It is reachable at the node's addresses, past services and often past network policies, \
         and can take the place of a service of the node.",
        "Remove hostPort and use a Service.",
    ),
};

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in pod.containers() {
        for port in container.inner.ports.iter().filter(|port| port.host_port != 0) {
            let field = format!("{path}.ports[{}].hostPort", port.container_port);
            seen.push(Observed::new(field, port.host_port.to_string(), ""));
        }
    }
    seen
}
