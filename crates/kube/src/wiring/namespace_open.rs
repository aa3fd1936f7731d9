use super::{Seen, Wiring, World, rule};
use crate::api::Metadata;
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-namespace-unenforced",
        "A namespace takes every pod",
        cofferdam_finding::Severity::Low,
        cofferdam_finding::Topic::Isolation,
        "A namespace in which workloads are has no label pod-security.kubernetes.io/enforce, or \
         has it with the level privileged. (kube-system and its like are not meant.)",
        "Pods that are privileged, in the node's namespaces or mount its files are taken there, \
         whoever makes them. (Another admission controller may refuse them.)",
        "Label the namespace with the level baseline or restricted; 'kube pss' says which pods \
         would be refused.",
    ),
    look,
};

const LABEL: &str = "pod-security.kubernetes.io/enforce";

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in world.snapshot.of("", "Namespace") {
        let Ok(view) = object.view::<Metadata>() else { continue };
        let level = view.metadata.labels.get(LABEL).map(String::as_str);
        let is_system = object.name.starts_with("kube-");
        if matches!(level, Some("baseline" | "restricted"))
            || is_system
            || !world.has_workloads(&object.name)
        {
            continue;
        }
        let field = format!("metadata.labels[{LABEL}]");
        seen.push((
            object,
            Observed::new(field, level.unwrap_or("unset"), "baseline or restricted"),
        ));
    }
    seen
}
