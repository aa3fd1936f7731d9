use serde::Deserialize;

use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-replicas-single",
        "A service stops when one node does",
        cofferdam_finding::Severity::Info,
        "A Deployment or StatefulSet has fewer than two replicas. (An autoscaler may see to \
         more; where replicas is left out, nothing is said.)",
        "While its only pod is moved, updated or restarted, nobody answers.",
        "Set replicas to two or more, or leave it to an autoscaler.",
    ),
    look,
};

#[derive(Deserialize)]
struct Scaled {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    replicas: Option<i64>,
}

/// How many pods are asked for, where that is said.
pub(super) fn replicas(subject: &Subject<'_, '_>) -> Option<i64> {
    let object = subject.workload.object;
    if !matches!(object.kind.as_str(), "Deployment" | "StatefulSet") {
        return None;
    }
    object.view::<Scaled>().ok()?.spec.replicas
}

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    match replicas(subject) {
        // None at all is switched off.
        Some(1) => vec![Observed::new("spec.replicas".into(), "1", "2 or more")],
        _ => Vec::new(),
    }
}
