use super::{Check, Level, Observed, Pod, rule};
use crate::api::HostAction;

pub(super) static CHECK: Check = Check {
    id: "hostProbesAndHostLifecycle",
    level: Level::Baseline,
    versions: &[(34, check)],
    overrides: &[],
    rule: rule(
        "kube-probe-host",
        "A probe or lifecycle hook names a host",
        cofferdam_finding::Severity::Medium,
        "A probe or a lifecycle hook of a container sets host for httpGet or tcpSocket.",
        "The kubelet connects to that host from the node's network: a pod's author can reach \
         what only nodes reach, past network policies.",
        "Remove host: the pod itself is probed.",
    ),
};

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in pod.containers() {
        let mut look = |place: &str, action: Option<&HostAction>| {
            if let Some(action) = action.filter(|action| !action.host.is_empty()) {
                seen.push(Observed::new(format!("{path}.{place}.host"), &action.host, ""));
            }
        };
        let probes = [
            ("livenessProbe", &container.inner.liveness_probe),
            ("readinessProbe", &container.inner.readiness_probe),
            ("startupProbe", &container.inner.startup_probe),
        ];
        for (name, probe) in probes {
            let Some(probe) = probe else { continue };
            look(&format!("{name}.httpGet"), probe.http_get.as_ref());
            look(&format!("{name}.tcpSocket"), probe.tcp_socket.as_ref());
        }
        let Some(lifecycle) = &container.inner.lifecycle else { continue };
        for (name, hook) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)]
        {
            let Some(hook) = hook else { continue };
            look(&format!("lifecycle.{name}.httpGet"), hook.http_get.as_ref());
            look(&format!("lifecycle.{name}.tcpSocket"), hook.tcp_socket.as_ref());
        }
    }
    seen
}
