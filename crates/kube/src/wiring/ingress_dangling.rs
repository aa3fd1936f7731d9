use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::{Seen, Wiring, World, rule};
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-ingress-dangling",
        "An Ingress leads to no Service",
        cofferdam_finding::Severity::Low,
        cofferdam_finding::Topic::Configuration,
        "An Ingress names a Service that is not in its namespace, though other Services are.",
        "Requests fail, and whoever may create a Service of that name gets them, with the \
         host's good name.",
        "Correct the name, or remove the path.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut services: HashMap<&str, HashSet<&str>> = HashMap::new();
    for object in world.snapshot.of("", "Service") {
        services.entry(object.namespace_or_default()).or_default().insert(&object.name);
    }
    let mut seen = Vec::new();
    for object in world.snapshot.of("networking.k8s.io", "Ingress") {
        let Some(known) = services.get(object.namespace_or_default()) else { continue };
        let Ok(value) = serde_json::from_str::<Value>(&object.body) else { continue };
        for name in backends(&value) {
            if !known.contains(name.as_str()) {
                let observed = Observed::new("spec.rules".into(), name, "the name of a Service");
                seen.push((object, observed));
            }
        }
    }
    seen
}

/// Names of the Services that an Ingress leads to.
fn backends(ingress: &Value) -> BTreeSet<String> {
    let rules = ingress.pointer("/spec/rules").and_then(Value::as_array);
    let paths =
        rules.into_iter().flatten().filter_map(|rule| rule.pointer("/http/paths")?.as_array());
    let backends = paths.flatten().filter_map(|path| path.get("backend"));
    ingress
        .pointer("/spec/defaultBackend")
        .into_iter()
        .chain(backends)
        .filter_map(|backend| backend.pointer("/service/name")?.as_str().map(str::to_owned))
        .collect()
}
