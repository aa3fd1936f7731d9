use super::{BINDINGS, GROUP, is_bootstrap};
use super::{Seen, Wiring, World, rule};
use crate::api::Binding;
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-binding-anonymous",
        "Everybody has a role, also without credentials",
        cofferdam_finding::Severity::High,
        cofferdam_finding::Topic::Access,
        "A binding gives a role to system:anonymous or system:unauthenticated. (What the server \
         itself binds, to let health and version be asked for, is not meant.)",
        "Whoever reaches the API server has the role.",
        "Remove the subject from the binding.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in BINDINGS.iter().flat_map(|kind| world.snapshot.of(GROUP, kind)) {
        let Ok(binding) = object.view::<Binding>() else { continue };
        if is_bootstrap(&binding.metadata.labels) {
            continue;
        }
        for subject in &binding.subjects {
            if ["system:anonymous", "system:unauthenticated"].contains(&subject.name.as_str()) {
                let observed = Observed::new("subjects".into(), &subject.name, "");
                seen.push((object, observed));
            }
        }
    }
    seen
}
