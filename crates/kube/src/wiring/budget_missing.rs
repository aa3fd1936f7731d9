use std::collections::HashMap;

use serde::Deserialize;

use super::{Seen, Wiring, World, rule};
use crate::api::LabelSelector;
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-budget-missing",
        "All replicas may be taken away at once",
        cofferdam_finding::Severity::Info,
        cofferdam_finding::Topic::Configuration,
        "A Deployment or StatefulSet with several replicas is in no PodDisruptionBudget, though \
         its namespace has one or the workload is in a cluster's dump.",
        "When nodes are emptied, all of its pods may go at the same time.",
        "Add a PodDisruptionBudget with minAvailable or maxUnavailable.",
    ),
    look,
};

#[derive(Deserialize)]
struct Scaled {
    spec: Replicas,
}

#[derive(Deserialize)]
struct Replicas {
    replicas: Option<i64>,
}

#[derive(Deserialize)]
struct Budget {
    spec: Selecting,
}

#[derive(Deserialize)]
struct Selecting {
    selector: Option<LabelSelector>,
}

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut budgets: HashMap<&str, Vec<LabelSelector>> = HashMap::new();
    for object in world.snapshot.of("policy", "PodDisruptionBudget") {
        let Ok(Budget { spec: Selecting { selector: Some(selector) } }) = object.view() else {
            continue;
        };
        budgets.entry(object.namespace_or_default()).or_default().push(selector);
    }
    let mut seen = Vec::new();
    for workload in world.workloads {
        let object = workload.object;
        if !matches!(object.kind.as_str(), "Deployment" | "StatefulSet") {
            continue;
        }
        let Ok(Scaled { spec: Replicas { replicas: Some(2..) } }) = object.view() else { continue };
        let mut own = budgets.get(workload.namespace()).into_iter().flatten();
        let is_covered =
            own.any(|selector| selector.selects(&workload.metadata.labels) == Some(true));
        if !is_covered {
            let wanted = "a PodDisruptionBudget";
            seen.push((object, Observed::new("spec.replicas".into(), "2 or more", wanted)));
        }
    }
    seen
}
