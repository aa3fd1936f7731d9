use super::{BINDINGS, GROUP, is_bootstrap};
use super::{Seen, Wiring, World, rule};
use crate::api::Binding;
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-binding-default-account",
        "The account default has a role",
        cofferdam_finding::Severity::Medium,
        cofferdam_finding::Topic::Access,
        "A binding gives a role to the service account default of a namespace, or to all \
         service accounts.",
        "Every pod of the namespace that names no account has the role, those that are added \
         later, too.",
        "Bind the role to an account of the one program that needs it.",
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
            let is_default = subject.kind == "ServiceAccount" && subject.name == "default";
            let is_all =
                subject.kind == "Group" && subject.name.starts_with("system:serviceaccounts");
            if is_default || is_all {
                let saw = format!("{} {}", subject.kind, subject.name);
                seen.push((object, Observed::new("subjects".into(), saw, "an account of its own")));
            }
        }
    }
    seen
}
