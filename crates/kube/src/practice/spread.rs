use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-replicas-together",
        "All replicas may be on one node",
        cofferdam_finding::Severity::Info,
        "A Deployment or StatefulSet with several replicas has neither a podAntiAffinity nor a \
         topologySpreadConstraint.",
        "The scheduler may put them all on one node, with which they go.",
        "Set topologySpreadConstraints over kubernetes.io/hostname, or a podAntiAffinity.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let spec = &subject.workload.spec;
    let is_spread = !spec.topology_spread_constraints.is_empty()
        || spec.affinity.as_ref().is_some_and(|affinity| {
            affinity.get("podAntiAffinity").is_some_and(|anti| !anti.is_null())
        });
    match super::replicas::replicas(subject) {
        Some(count) if count > 1 && !is_spread => {
            let field = subject.pod.field("topologySpreadConstraints");
            vec![Observed::new(field, "unset", "a constraint")]
        }
        _ => Vec::new(),
    }
}
