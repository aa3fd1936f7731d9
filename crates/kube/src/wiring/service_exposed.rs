use super::{Seen, Wiring, World, rule};
use crate::api::Service;
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-service-exposed",
        "A Service is reachable from outside of the cluster",
        cofferdam_finding::Severity::Info,
        cofferdam_finding::Topic::Network,
        "A Service is of type NodePort, or of type LoadBalancer without \
         loadBalancerSourceRanges.",
        "Everybody who reaches the nodes or the balancer reaches the pods, past any Ingress and \
         what it checks.",
        "Use ClusterIP behind an Ingress or a Gateway, or name the networks that may come.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in world.snapshot.of("", "Service") {
        let Ok(service) = object.view::<Service>() else { continue };
        let kind = service.spec.kind.as_deref().unwrap_or_default();
        let ranges = &service.spec.load_balancer_source_ranges;
        let is_open = match kind {
            "NodePort" => true,
            "LoadBalancer" => ranges.is_empty() || ranges.iter().any(|range| range.ends_with("/0")),
            _ => false,
        };
        if is_open {
            seen.push((object, Observed::new("spec.type".into(), kind, "ClusterIP")));
        }
    }
    seen
}
