use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-host-path-writable",
        "A container can write to a path of its node",
        cofferdam_finding::Severity::High,
        "A container mounts a hostPath volume without readOnly: true.",
        "What it writes there stays on the node when it is gone, is read by whatever reads that \
         path, and leads out of the container where that is a program, a configuration or a \
         link.",
        "Set readOnly: true in volumeMounts, or use an emptyDir or a persistent volume.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let volumes = &subject.workload.spec.volumes;
    let is_host = |name: &str| {
        volumes.iter().any(|volume| volume.name == name && volume.host_path().is_some())
    };
    let mut seen = Vec::new();
    for (path, container) in subject.pod.containers() {
        for mount in &container.inner.volume_mounts {
            if !mount.read_only && is_host(&mount.name) {
                let field = format!("{path}.volumeMounts[{}].readOnly", mount.name);
                seen.push(Observed::new(field, "unset", "true"));
            }
        }
    }
    seen
}
