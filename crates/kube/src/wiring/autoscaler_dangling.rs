use serde_json::Value;

use super::{Seen, Wiring, World, rule};
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-autoscaler-dangling",
        "An autoscaler scales nothing",
        cofferdam_finding::Severity::Low,
        cofferdam_finding::Topic::Configuration,
        "A HorizontalPodAutoscaler names a workload that is not in its namespace, though other \
         workloads are.",
        "What should grow under load does not.",
        "Correct spec.scaleTargetRef, or remove the autoscaler.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in world.snapshot.of("autoscaling", "HorizontalPodAutoscaler") {
        let Ok(value) = serde_json::from_str::<Value>(&object.body) else { continue };
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let (kind, name) = (text("/spec/scaleTargetRef/kind"), text("/spec/scaleTargetRef/name"));
        let namespace = object.namespace_or_default();
        let is_ours = matches!(kind, "Deployment" | "StatefulSet" | "ReplicaSet");
        let is_there = || {
            let mut all = world.workloads_in(namespace);
            all.any(|one| one.object.kind == kind && one.object.name == name)
        };
        if is_ours && world.has_workloads(namespace) && !is_there() {
            let saw = format!("{kind} {name}");
            seen.push((object, Observed::new("spec.scaleTargetRef".into(), saw, "a workload")));
        }
    }
    seen
}
