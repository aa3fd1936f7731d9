use std::collections::BTreeMap;

use cofferdam_finding::{Evidence, Finding};

use super::{Tenants, by_tenant, evidence, rules};
use crate::network::{Cluster, IpBlocks, Listing, Reachability, Scope};

/// Pods of one tenant that reach pods of another.
pub(super) fn reach(cluster: &Cluster, tenants: &Tenants) -> Vec<Finding> {
    let reachability = Reachability::of(cluster, IpBlocks::Everything);
    let listing = Listing::of(cluster, &reachability, &Scope::default());
    // By tenants first: pairs of workloads are told as examples of a pair of tenants.
    let mut between: BTreeMap<(&str, &str), (usize, String)> = BTreeMap::new();
    for link in &listing.links {
        for from in &listing.groups[link.from] {
            let Some(source) = from.namespace().and_then(|it| tenants.of(it)) else { continue };
            for to in &listing.groups[link.to] {
                let Some(target) = to.namespace().and_then(|it| tenants.of(it)) else { continue };
                if source != target {
                    let example =
                        || format!("{} to {} on {}", from.label(), to.label(), link.ports);
                    between.entry((source, target)).or_insert_with(|| (0, example())).0 += 1;
                }
            }
        }
    }
    let mut found: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    for ((source, target), (pairs, example)) in between {
        let saw = format!("pairs of workloads that can connect: {pairs}; {example}");
        let wanted = "no connection between tenants";
        found.entry(source).or_default().push(evidence(format!("Tenant {target}"), saw, wanted));
    }
    by_tenant(&rules::REACH, found)
}
