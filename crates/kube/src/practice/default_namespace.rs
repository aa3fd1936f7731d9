use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-default-namespace",
        "A workload is in the namespace default",
        cofferdam_finding::Severity::Low,
        "An object says metadata.namespace: default. (A manifest that leaves it open says nothing.)",
        "Policies, quotas, roles and Pod Security levels are set by namespace; in default whoever \
         forgets to name one is beside it.",
        "Give the application a namespace of its own.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let is_default = subject.workload.object.namespace.as_deref() == Some("default");
    let seen = || Observed::new("metadata.namespace".into(), "default", "one of its own");
    if is_default { vec![seen()] } else { Vec::new() }
}
