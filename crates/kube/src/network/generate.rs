//! Policies that permit what is needed and nothing else.
//!
//! [`declared`](declared::needs) and [`observed`](flows::needs) say what is needed;
//! [`generate`] writes the policies as a manifest, reads that again as any other, and compares what
//! it permits with what was asked.

pub mod declared;
pub mod flows;
mod labels;
mod proof;
mod write;

use std::collections::{BTreeMap, BTreeSet};

pub use self::proof::{Difference, Proof};
use super::{
    address::Cidr,
    cluster::{Cluster, Pod, WorkloadId},
    policy::Tier,
    port::{PortSet, Protocol},
    reach::IpBlocks,
    selector::Labels,
};
use crate::load;

/// One end of a connection that is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The pods of a workload.
    Workload(WorkloadId),
    /// Addresses.
    Block(Cidr),
    /// Any pod of the cluster: the ingress controllers, where it is not known which pods they are.
    AnyPod,
}

/// A connection that is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Where it comes from.
    pub from: End,
    /// Where it goes to.
    pub to: End,
    /// Ports of the destination.
    pub ports: PortSet,
    /// Who says so.
    pub why: String,
}

/// What was generated, and what it permits.
#[derive(Debug)]
pub struct Generated {
    /// The policies, as a manifest.
    pub manifest: String,
    /// Number of policies.
    pub policies: usize,
    /// Comparison of what they permit with what was asked.
    pub proof: Proof,
    /// Needs that no policy can express, and why.
    pub unexpressed: Vec<String>,
}

/// The rules of one workload while they are collected: peers, each with ports and reasons.
#[derive(Debug, Default)]
struct Rules {
    ingress: BTreeMap<Other, (PortSet, BTreeSet<String>)>,
    egress: BTreeMap<Other, (PortSet, BTreeSet<String>)>,
}

/// The other end as a policy writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Other {
    Workload(WorkloadId),
    Block(Cidr),
    AnyPod,
}

/// Pods that do name lookups, where no pod of the cluster is known to do them.
pub(super) const DNS_NAMESPACE: &str = "kube-system";
/// The label of such pods.
pub(super) const DNS_LABEL: (&str, &str) = ("k8s-app", "kube-dns");

/// Writes policies for `namespaces` of `cluster` (all that have pods, if none is named) that permit
/// `needs` and lookups of names, and nothing else.
///
/// They are meant to replace the `NetworkPolicy` objects of these namespaces; policies of
/// administrators stay, and are part of the comparison.
pub fn generate(
    cluster: &Cluster,
    needs: &[Need],
    namespaces: &[String],
    blocks: IpBlocks,
) -> Generated {
    let namespaces: BTreeSet<String> = match namespaces.is_empty() {
        true => cluster.pods.iter().map(|pod| pod.namespace.clone()).collect(),
        false => namespaces.iter().cloned().collect(),
    };
    let needs = merge(needs.iter().cloned().chain(dns(cluster, &namespaces)));
    let mut plan = Plan::new(cluster, &namespaces);
    needs.iter().for_each(|need| plan.add(need));
    plan.choose_labels();
    let (manifest, policies) = write::manifest(&plan);
    let snapshot = load::texts([("generated.yaml", manifest.as_bytes())]);
    let mut after = cluster.clone();
    let replaced =
        |namespace: &Option<String>| namespace.as_ref().is_some_and(|it| namespaces.contains(it));
    after.policies.retain(|it| it.tier != Tier::Namespace || !replaced(&it.id.namespace));
    let read = Cluster::read(&snapshot);
    let mut unexpressed = plan.unexpressed;
    unexpressed.extend(read.gaps.into_iter().map(|gap| format!("{}: {}", gap.object, gap.why)));
    after.policies.extend(read.policies);
    let proof = Proof::of(&after, &needs, &namespaces, blocks);
    Generated { manifest, policies, proof, unexpressed }
}

/// Equal ends once, with all ports and reasons.
fn merge(needs: impl Iterator<Item = Need>) -> Vec<Need> {
    let mut merged: BTreeMap<(End, End), (PortSet, BTreeSet<String>)> = BTreeMap::new();
    for need in needs.filter(|need| !need.ports.is_empty()) {
        let (ports, why) = merged.entry((need.from, need.to)).or_default();
        *ports = ports.union(&need.ports);
        why.insert(need.why);
    }
    let merged = merged.into_iter();
    merged
        .map(|((from, to), (ports, why))| {
            let why = why.into_iter().collect::<Vec<_>>().join("; ");
            Need { from, to, ports, why }
        })
        .collect()
}

/// Every pod looks up names.
fn dns(cluster: &Cluster, namespaces: &BTreeSet<String>) -> Vec<Need> {
    let servers: BTreeSet<_> = cluster
        .pods
        .iter()
        .filter(|pod| super::findings::is_dns(pod))
        .map(|pod| (&pod.workload, dns_ports(pod)))
        .collect();
    let clients: BTreeSet<_> = confined(cluster, namespaces).map(|pod| &pod.workload).collect();
    let pairs = clients.into_iter().flat_map(|from| servers.iter().map(move |to| (from, to)));
    let needs = pairs.filter(|(from, to)| *from != to.0).map(|(from, (to, ports))| Need {
        from: End::Workload(from.clone()),
        to: End::Workload((*to).clone()),
        ports: ports.clone(),
        why: "names are looked up".to_owned(),
    });
    needs.collect()
}

/// The ports on which a pod answers lookups: those that it names so, or 53.
fn dns_ports(pod: &Pod) -> PortSet {
    let named = pod.named(None, "dns").union(&pod.named(None, "dns-tcp"));
    match named.is_empty() {
        true => dns_default(),
        false => named,
    }
}

pub(super) fn dns_default() -> PortSet {
    PortSet::of_port(Protocol::Udp, 53).union(&PortSet::of_port(Protocol::Tcp, 53))
}

/// Pods to which the generated policies apply.
fn confined<'a>(
    cluster: &'a Cluster,
    namespaces: &'a BTreeSet<String>,
) -> impl Iterator<Item = &'a Pod> {
    cluster.pods.iter().filter(|pod| !pod.host_network && namespaces.contains(&pod.namespace))
}

/// What is to be written.
struct Plan<'a> {
    cluster: &'a Cluster,
    namespaces: &'a BTreeSet<String>,
    /// Pods of each workload.
    pods: BTreeMap<&'a WorkloadId, Vec<&'a Pod>>,
    rules: BTreeMap<WorkloadId, Rules>,
    /// Labels by which each workload in the rules is selected.
    labels: BTreeMap<WorkloadId, Labels>,
    unexpressed: Vec<String>,
}

impl<'a> Plan<'a> {
    fn new(cluster: &'a Cluster, namespaces: &'a BTreeSet<String>) -> Self {
        let mut pods: BTreeMap<&WorkloadId, Vec<&Pod>> = BTreeMap::new();
        for pod in &cluster.pods {
            pods.entry(&pod.workload).or_default().push(pod);
        }
        Self {
            cluster,
            namespaces,
            pods,
            rules: BTreeMap::new(),
            labels: BTreeMap::new(),
            unexpressed: Vec::new(),
        }
    }

    fn add(&mut self, need: &Need) {
        for (subject, other, ingress) in
            [(&need.to, &need.from, true), (&need.from, &need.to, false)]
        {
            let End::Workload(workload) = subject else { continue };
            if !self.is_confined(workload) {
                continue;
            }
            for other in self.others(other, need) {
                let rules = self.rules.entry(workload.clone()).or_default();
                let rules = if ingress { &mut rules.ingress } else { &mut rules.egress };
                let (ports, why) = rules.entry(other).or_default();
                *ports = ports.union(&need.ports);
                why.insert(need.why.clone());
            }
        }
    }

    /// Each workload's labels once, as many rules speak of it.
    fn choose_labels(&mut self) {
        let neighbours = labels::by_namespace(self.cluster);
        let others =
            self.rules.values().flat_map(|rules| rules.ingress.keys().chain(rules.egress.keys()));
        let others = others.filter_map(|other| match other {
            Other::Workload(workload) => Some(workload),
            Other::Block(_) | Other::AnyPod => None,
        });
        let workloads: BTreeSet<_> = self.rules.keys().chain(others).cloned().collect();
        for workload in workloads {
            let pods = neighbours.get(workload.namespace.as_str()).map_or(&[][..], Vec::as_slice);
            let labels = labels::of(&workload, pods);
            self.labels.insert(workload, labels);
        }
    }

    fn is_confined(&self, workload: &WorkloadId) -> bool {
        let pods = self.pods.get(workload).into_iter().flatten();
        self.namespaces.contains(&workload.namespace)
            && pods.into_iter().any(|pod| !pod.host_network)
    }

    /// Pods in the nodes' network are selected by their addresses only.
    fn others(&mut self, end: &End, need: &Need) -> Vec<Other> {
        let workload = match end {
            End::Block(block) => return vec![Other::Block(*block)],
            End::AnyPod => return vec![Other::AnyPod],
            End::Workload(workload) => workload,
        };
        let pods = self.pods.get(workload).cloned().unwrap_or_default();
        if pods.iter().all(|pod| !pod.host_network) {
            return vec![Other::Workload(workload.clone())];
        }
        let addresses: BTreeSet<_> = pods.iter().flat_map(|pod| &pod.addresses).collect();
        if addresses.is_empty() {
            self.unexpressed.push(format!(
                "{workload} is in the nodes' network and its addresses are not known: {}",
                need.why
            ));
        }
        let blocks = addresses.into_iter().map(|address| Cidr::of(*address));
        blocks.map(Other::Block).collect()
    }
}
