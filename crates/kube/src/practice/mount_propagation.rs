use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-mount-propagation",
        "A container mounts file systems on its node",
        cofferdam_finding::Severity::High,
        "A volumeMount sets mountPropagation to Bidirectional.",
        "What the container mounts there appears on the node and in other containers that have \
         the volume. Only privileged containers can have it.",
        "Use HostToContainer, or none. A storage driver that needs it belongs in a namespace of \
         its own.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in subject.pod.containers() {
        for mount in &container.inner.volume_mounts {
            if mount.mount_propagation.as_deref() == Some("Bidirectional") {
                let field = format!("{path}.volumeMounts[{}].mountPropagation", mount.name);
                seen.push(Observed::new(field, "Bidirectional", "None"));
            }
        }
    }
    seen
}
