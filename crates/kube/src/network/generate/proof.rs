use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::{End, Need, confined};
use crate::network::{
    address::{Cidr, Family},
    cluster::{Cluster, Pod, WorkloadId},
    entities::Entity,
    listing::has_v6,
    members::covers_private,
    port::PortSet,
    reach::{IpBlocks, Reachability},
};

/// What the generated policies permit, compared with what was asked, pair by pair of workloads and
/// range by range of addresses.
#[derive(Debug, Default, Serialize)]
pub struct Proof {
    /// Pairs that were compared.
    pub compared: usize,
    /// What was asked and is not permitted.
    pub missing: Vec<Difference>,
    /// What is permitted and was not asked.
    pub extra: Vec<Difference>,
}

/// Ports on which asked and permitted differ for a pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// Where the connections come from.
    pub from: String,
    /// Where they go to.
    pub to: String,
    /// The ports.
    pub ports: String,
}

impl Proof {
    /// Whether exactly what was asked is permitted.
    pub fn holds(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }

    /// Compares what `cluster` permits to and from the pods of `namespaces` with `needs`.
    pub(super) fn of(
        cluster: &Cluster,
        needs: &[Need],
        namespaces: &BTreeSet<String>,
        blocks: IpBlocks,
    ) -> Self {
        let reachability = Reachability::of(cluster, blocks);
        let asked = Asked::of(needs, blocks);
        let mut proof = Self::default();
        // One pod for each way in which policies treat the pods of a workload.
        let mut ways: BTreeMap<(&WorkloadId, usize), usize> = BTreeMap::new();
        for (index, pod) in cluster.pods.iter().enumerate() {
            ways.entry((&pod.workload, reachability.class(Entity::Pod(index)))).or_insert(index);
        }
        let ours: BTreeSet<_> = confined(cluster, namespaces).map(|pod| &pod.workload).collect();
        let pods: Vec<_> = ways.values().map(|index| (*index, &cluster.pods[*index])).collect();
        for (from_index, from) in &pods {
            for (to_index, to) in &pods {
                let (leaves, arrives) = (is_ours(&ours, from), is_ours(&ours, to));
                // A pod and itself stand for the replicas of a workload.
                if !(leaves || arrives) {
                    continue;
                }
                let wanted = match (leaves, arrives) {
                    (true, true) => asked.from(from, to).intersection(&asked.to(from, to)),
                    (true, false) => asked.from(from, to),
                    _ => asked.to(from, to),
                };
                let found = reachability.ports(Entity::Pod(*from_index), Entity::Pod(*to_index));
                proof.compare(from.workload.to_string(), to.workload.to_string(), &wanted, found);
            }
        }
        let all = reachability.entities.addresses().map(|it| reachability.entities.entity(it));
        let v6 = has_v6(cluster);
        // The address of a pod in a node's network is how a policy names it.
        let known: BTreeSet<_> = cluster.pods.iter().flat_map(|pod| &pod.addresses).collect();
        for range in
            all.filter(|it| v6 || matches!(it, Entity::Addresses(it) if it.family == Family::V4))
        {
            let Entity::Addresses(addresses) = range else { continue };
            if addresses.first == addresses.last && known.contains(&addresses.first_address()) {
                continue;
            }
            for (index, pod) in pods.iter().filter(|(_, pod)| is_ours(&ours, pod)) {
                let (name, outside) = (pod.workload.to_string(), addresses.to_string());
                let inside = |block: &Cidr| block.range().contains(addresses.first_address());
                let to = asked.block(&asked.to_block, pod, inside);
                let from = asked.block(&asked.from_block, pod, inside);
                let pod = Entity::Pod(*index);
                proof.compare(name.clone(), outside.clone(), &to, reachability.ports(pod, range));
                proof.compare(outside, name, &from, reachability.ports(range, pod));
            }
        }
        for list in [&mut proof.missing, &mut proof.extra] {
            list.sort();
            list.dedup();
        }
        proof
    }

    fn compare(&mut self, from: String, to: String, wanted: &PortSet, found: &PortSet) {
        self.compared += 1;
        let mut note = |list: fn(&mut Self) -> &mut Vec<Difference>, ports: PortSet| {
            if !ports.is_empty() {
                let difference =
                    Difference { from: from.clone(), to: to.clone(), ports: ports.to_string() };
                list(self).push(difference);
            }
        };
        note(|it| &mut it.missing, wanted.difference(found));
        note(|it| &mut it.extra, found.difference(wanted));
    }
}

fn is_ours(ours: &BTreeSet<&WorkloadId>, pod: &Pod) -> bool {
    !pod.host_network && ours.contains(&pod.workload)
}

/// Needs, to be looked up.
struct Asked<'a> {
    blocks: IpBlocks,
    between: HashMap<(&'a WorkloadId, &'a WorkloadId), PortSet>,
    from_any: HashMap<&'a WorkloadId, PortSet>,
    from_block: HashMap<&'a WorkloadId, Vec<(&'a Cidr, &'a PortSet)>>,
    to_block: HashMap<&'a WorkloadId, Vec<(&'a Cidr, &'a PortSet)>>,
}

impl<'a> Asked<'a> {
    fn of(needs: &'a [Need], blocks: IpBlocks) -> Self {
        let mut asked = Self {
            blocks,
            between: HashMap::new(),
            from_any: HashMap::new(),
            from_block: HashMap::new(),
            to_block: HashMap::new(),
        };
        for need in needs {
            let add = |ports: &mut PortSet| *ports = ports.union(&need.ports);
            match (&need.from, &need.to) {
                (End::Workload(from), End::Workload(to)) => {
                    add(asked.between.entry((from, to)).or_default());
                }
                (End::AnyPod, End::Workload(to)) => add(asked.from_any.entry(to).or_default()),
                (End::Block(block), End::Workload(to)) => {
                    asked.from_block.entry(to).or_default().push((block, &need.ports));
                }
                (End::Workload(from), End::Block(block)) => {
                    asked.to_block.entry(from).or_default().push((block, &need.ports));
                }
                _ => {}
            }
        }
        asked
    }

    /// What the source is to be let send.
    fn from(&self, from: &Pod, to: &Pod) -> PortSet {
        let between =
            self.between.get(&(&from.workload, &to.workload)).cloned().unwrap_or_default();
        between.union(&self.block(&self.to_block, from, |block| self.holds(block, to)))
    }

    /// What the destination is to be let receive.
    fn to(&self, from: &Pod, to: &Pod) -> PortSet {
        let between =
            self.between.get(&(&from.workload, &to.workload)).cloned().unwrap_or_default();
        let any = self.from_any.get(&to.workload).filter(|_| !from.host_network);
        let any = any.cloned().unwrap_or_default();
        between.union(&any).union(&self.block(&self.from_block, to, |it| self.holds(it, from)))
    }

    fn block(
        &self,
        blocks: &HashMap<&WorkloadId, Vec<(&Cidr, &PortSet)>>,
        pod: &Pod,
        holds: impl Fn(&Cidr) -> bool,
    ) -> PortSet {
        let blocks = blocks.get(&pod.workload).into_iter().flatten();
        let fits = blocks.filter(|(block, _)| holds(block));
        fits.fold(PortSet::none(), |all, (_, ports)| all.union(ports))
    }

    /// Whether a pod is in a block, as the analysis sees it.
    fn holds(&self, block: &Cidr, pod: &Pod) -> bool {
        self.blocks == IpBlocks::Everything
            && (pod.addresses.iter().any(|address| block.range().contains(*address))
                || (pod.addresses.is_empty() && covers_private(block, &[])))
    }
}
