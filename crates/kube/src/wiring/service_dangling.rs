use std::collections::BTreeMap;

use super::{Seen, Wiring, World, rule};
use crate::api::Service;
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-service-dangling",
        "A Service leads to no pod",
        cofferdam_finding::Severity::Low,
        cofferdam_finding::Topic::Configuration,
        "The selector of a Service matches no workload of its namespace, though there are \
         workloads there.",
        "Requests fail, and whoever may create a pod with these labels gets them.",
        "Correct the selector, or remove the Service.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in world.snapshot.of("", "Service") {
        let Ok(service) = object.view::<Service>() else { continue };
        let namespace = object.namespace_or_default();
        if service.spec.selector.is_empty() || !world.has_workloads(namespace) {
            continue;
        }
        let matches = |labels: &BTreeMap<String, String>| {
            service.spec.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        };
        if !world.workloads_in(namespace).any(|workload| matches(&workload.metadata.labels)) {
            let saw: Vec<String> =
                service.spec.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            seen.push((
                object,
                Observed::new("spec.selector".into(), saw.join(","), "labels of a pod"),
            ));
        }
    }
    seen
}
