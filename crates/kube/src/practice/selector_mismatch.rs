use serde::Deserialize;

use super::{Practice, Subject, rule};
use crate::{api::LabelSelector, pss::Observed};

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-selector-mismatch",
        "A workload does not select its own pods",
        cofferdam_finding::Severity::Medium,
        "The selector of a workload does not match the labels of its template.",
        "No server takes it: what the manifest describes does not run.",
        "Give the template the labels that spec.selector asks for.",
    ),
    look,
};

#[derive(Deserialize)]
struct Selecting {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    selector: Option<LabelSelector>,
}

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let workload = subject.workload;
    let kind = workload.object.kind.as_str();
    let is_apps = workload.object.group == "apps";
    if !is_apps || !matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") {
        return Vec::new();
    }
    let Ok(Selecting { spec: Spec { selector: Some(selector) } }) = workload.object.view() else {
        return Vec::new();
    };
    match selector.selects(&workload.metadata.labels) {
        Some(false) => {
            let wanted = "labels of the template";
            vec![Observed::new("spec.selector".into(), "labels that no pod has", wanted)]
        }
        _ => Vec::new(),
    }
}
