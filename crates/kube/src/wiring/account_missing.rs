use std::collections::{HashMap, HashSet};

use super::{Seen, Wiring, World, rule};
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-account-missing",
        "A workload runs as an account that is not there",
        cofferdam_finding::Severity::Low,
        cofferdam_finding::Topic::Access,
        "A workload names a service account that is not in its namespace, though others are.",
        "Its pods are not made. Whoever may create service accounts can make the account, and \
         gets what bindings to its name give.",
        "Create the account with the workload, or correct the name.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut accounts: HashMap<&str, HashSet<&str>> = HashMap::new();
    for object in world.snapshot.of("", "ServiceAccount") {
        accounts.entry(object.namespace_or_default()).or_default().insert(&object.name);
    }
    let mut seen = Vec::new();
    for workload in world.workloads {
        let name = workload.service_account();
        let known = accounts.get(workload.namespace());
        if name != "default" && known.is_some_and(|known| !known.contains(name)) {
            let field = format!("{}.serviceAccountName", workload.path);
            seen.push((workload.object, Observed::new(field, name, "an account that is there")));
        }
    }
    seen
}
