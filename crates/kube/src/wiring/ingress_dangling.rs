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
    let mut seen = Vec::new();
    for object in world.snapshot.of("networking.k8s.io", "Ingress") {
        let Ok(value) = serde_json::from_str::<Value>(&object.body) else { continue };
        let namespace = object.namespace_or_default();
        let mut services = world.snapshot.of("", "Service");
        if !services.any(|service| service.namespace_or_default() == namespace) {
            continue;
        }
        let mut names = Vec::new();
        let mut add = |backend: &Value| {
            names.extend(
                backend.pointer("/service/name").and_then(Value::as_str).map(str::to_owned),
            );
        };
        value.pointer("/spec/defaultBackend").into_iter().for_each(&mut add);
        let rules = value.pointer("/spec/rules").and_then(Value::as_array);
        for rule in rules.into_iter().flatten() {
            let paths = rule.pointer("/http/paths").and_then(Value::as_array);
            paths.into_iter().flatten().filter_map(|path| path.get("backend")).for_each(&mut add);
        }
        names.sort();
        names.dedup();
        for name in names {
            let is_there = world
                .snapshot
                .of("", "Service")
                .any(|one| one.name == name && one.namespace_or_default() == namespace);
            if !is_there {
                let observed = Observed::new("spec.rules".into(), name, "the name of a Service");
                seen.push((object, observed));
            }
        }
    }
    seen
}
