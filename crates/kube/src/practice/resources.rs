use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-memory-unlimited",
        "A container may use all memory of its node",
        cofferdam_finding::Severity::Low,
        "A container has no limits.memory. (A limit range of the namespace may set one.)",
        "One container that grows, by a defect or on purpose, takes the memory of all others on \
         the node, and the kernel kills some of them.",
        "Set resources.limits.memory, and requests for memory and CPU.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let containers = subject.pod.containers();
    containers
        // Ephemeral containers cannot have any.
        .filter(|(path, _)| !path.contains(".ephemeralContainers["))
        .filter(|(_, container)| !container.inner.resources.limits.contains_key("memory"))
        .map(|(path, _)| Observed::new(path + ".resources.limits.memory", "unset", "a limit"))
        .collect()
}
