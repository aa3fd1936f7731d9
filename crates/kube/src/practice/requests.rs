use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-requests-missing",
        "A container does not say what it needs",
        cofferdam_finding::Severity::Info,
        "A container has no request (nor a limit, which counts as one) for memory or for \
         processors. (A limit range of the namespace may set them.)",
        "The scheduler puts it where there is no room, and it is among the first that the node \
         throws out.",
        "Set resources.requests.cpu and resources.requests.memory.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in subject.pod.containers() {
        // Ephemeral containers cannot have any.
        if path.contains(".ephemeralContainers[") {
            continue;
        }
        let resources = &container.inner.resources;
        for name in ["cpu", "memory"] {
            if !resources.requests.contains_key(name) && !resources.limits.contains_key(name) {
                let field = format!("{path}.resources.requests.{name}");
                seen.push(Observed::new(field, "unset", "a request"));
            }
        }
    }
    seen
}
