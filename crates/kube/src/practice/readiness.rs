use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-readiness-missing",
        "A container gets requests before it is ready",
        cofferdam_finding::Severity::Info,
        "A container of a Deployment, StatefulSet or DaemonSet that has ports has no readiness \
         probe (and has another probe; without any, another rule tells).",
        "Services send requests to it from the moment on in which its process is there, also \
         while it starts and when it is overloaded.",
        "Set readinessProbe.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let kind = subject.workload.object.kind.as_str();
    if !matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet") {
        return Vec::new();
    }
    let containers = subject.pod.containers().filter(|(path, _)| path.contains(".containers["));
    containers
        .filter(|(_, container)| {
            let inner = container.inner;
            inner.readiness_probe.is_none()
                && inner.liveness_probe.is_some()
                && !inner.ports.is_empty()
        })
        .map(|(path, _)| Observed::new(path + ".readinessProbe", "unset", "a probe"))
        .collect()
}
