use super::{GROUP, is_bootstrap};
use super::{Seen, Wiring, World, rule};
use crate::api::ClusterRole;
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-role-wildcard",
        "A role permits everything of some kind",
        cofferdam_finding::Severity::Medium,
        cofferdam_finding::Topic::Access,
        "A rule of a Role or ClusterRole has * for its verbs or its resources. (Roles that the \
         server itself keeps are not meant, nor are rules on the one group of an operator's own \
         kinds.)",
        "It permits what nobody thought of, and what later versions and extensions bring.",
        "Name the verbs and resources.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in ["Role", "ClusterRole"].iter().flat_map(|kind| world.snapshot.of(GROUP, kind)) {
        let Ok(role) = object.view::<ClusterRole>() else { continue };
        if is_bootstrap(&role.metadata.labels) {
            continue;
        }
        for (index, rule) in role.rules.iter().enumerate() {
            let has = |list: &[String]| list.iter().any(|one| one == "*");
            // Kinds of an extension are named by their groups, which have a dot.
            let is_own = !rule.api_groups.is_empty()
                && rule
                    .api_groups
                    .iter()
                    .all(|group| group.contains('.') && !group.ends_with(".k8s.io"));
            if is_own {
                continue;
            }
            for (field, list) in [("verbs", &rule.verbs), ("resources", &rule.resources)] {
                if has(list) {
                    let field = format!("rules[{index}].{field}");
                    seen.push((object, Observed::new(field, "*", "what is needed")));
                }
            }
        }
    }
    seen
}
