use super::{Seen, Wiring, World, rule};
use crate::api::{IntOrString, Service};
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-service-port-unknown",
        "A Service leads to a port that has no such name",
        cofferdam_finding::Severity::Medium,
        cofferdam_finding::Topic::Configuration,
        "The targetPort of a Service is a name that no container of the pods behind it has.",
        "Nothing answers at that port of the Service.",
        "Name a port of the containers, or give its number.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in world.snapshot.of("", "Service") {
        let Ok(service) = object.view::<Service>() else { continue };
        let selector = &service.spec.selector;
        if selector.is_empty() {
            continue;
        }
        let behind: Vec<_> = world
            .workloads_in(object.namespace_or_default())
            .filter(|workload| {
                selector.iter().all(|(key, value)| workload.metadata.labels.get(key) == Some(value))
            })
            .collect();
        for port in &service.spec.ports {
            let Some(IntOrString::String(name)) = &port.target_port else { continue };
            let is_known = behind.iter().any(|workload| {
                let containers = workload.spec.all_containers();
                containers.flat_map(|one| &one.ports).any(|one| one.name.as_ref() == Some(name))
            });
            if !behind.is_empty() && !is_known && name.parse::<u16>().is_err() {
                let field = format!("spec.ports[{}].targetPort", port.port);
                seen.push((object, Observed::new(field, name, "the name of a port, or a number")));
            }
        }
    }
    seen
}
