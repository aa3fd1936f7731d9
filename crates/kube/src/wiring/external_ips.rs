use super::{Seen, Wiring, World, rule};
use crate::api::Service;
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-service-external-ips",
        "A Service takes addresses that it does not own",
        cofferdam_finding::Severity::Medium,
        cofferdam_finding::Topic::Network,
        "A Service has externalIPs.",
        "Nodes send what goes to these addresses to the Service, whoever they belong to: \
         requests of other pods to them are intercepted (CVE-2020-8554).",
        "Use a load balancer, and switch on the admission plugin DenyServiceExternalIPs.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in world.snapshot.of("", "Service") {
        let Ok(service) = object.view::<Service>() else { continue };
        let addresses = service.spec.external_ips;
        if !addresses.is_empty() {
            seen.push((object, Observed::new("spec.externalIPs".into(), addresses.join(", "), "")));
        }
    }
    seen
}
