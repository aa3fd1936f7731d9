use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-probe-missing",
        "A container has no probe",
        cofferdam_finding::Severity::Info,
        "A container of a Deployment, StatefulSet or DaemonSet has neither a readiness nor a \
         liveness probe.",
        "A program that hangs goes on getting requests.",
        "Set readinessProbe, and livenessProbe where a restart helps.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let kind = subject.workload.object.kind.as_str();
    if !matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet") {
        return Vec::new();
    }
    // Init containers are done before anybody asks.
    let containers = subject.pod.containers().filter(|(path, _)| path.contains(".containers["));
    containers
        .filter(|(_, container)| {
            container.inner.readiness_probe.is_none() && container.inner.liveness_probe.is_none()
        })
        .map(|(path, _)| Observed::new(path + ".readinessProbe", "unset", "a probe"))
        .collect()
}
