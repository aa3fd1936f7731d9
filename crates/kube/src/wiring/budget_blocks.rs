use serde_json::Value;

use super::{Seen, Wiring, World, rule};
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-budget-blocks",
        "Nodes cannot be emptied",
        cofferdam_finding::Severity::Low,
        cofferdam_finding::Topic::Configuration,
        "A PodDisruptionBudget has maxUnavailable: 0 or minAvailable: 100%.",
        "No node with such a pod can be drained: patches of nodes are put off, or forced past \
         the budget.",
        "Permit at least one pod to be away.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in world.snapshot.of("policy", "PodDisruptionBudget") {
        let Ok(value) = serde_json::from_str::<Value>(&object.body) else { continue };
        for (field, blocking) in
            [("maxUnavailable", ["0", "0%"]), ("minAvailable", ["100%", "100%"])]
        {
            let text = match value.get("spec").and_then(|spec| spec.get(field)) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => continue,
            };
            if blocking.contains(&text.as_str()) {
                seen.push((
                    object,
                    Observed::new(format!("spec.{field}"), text, "one pod at least"),
                ));
            }
        }
    }
    seen
}
