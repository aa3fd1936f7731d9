//! Connections as reports list them: between workloads, nodes and ranges of addresses.

use std::collections::BTreeMap;

use super::{
    address::{AddressRange, Family},
    cluster::{Cluster, WorkloadId},
    entities::Entity,
    policy::Peer,
    port::PortSet,
    reach::Reachability,
};

/// One end of connections, as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Addresses outside of the cluster.
    Addresses(AddressRange),
    /// All pods of a workload.
    Workload(WorkloadId),
    /// One pod of a workload whose pods policies tell apart.
    Pod {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
    /// A node.
    Node(String),
    /// The ingress controllers.
    IngressController,
}

impl Unit {
    /// Namespace, of what is in one.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Workload(id) => Some(&id.namespace),
            Self::Pod { namespace, .. } => Some(namespace),
            Self::Addresses(_) | Self::Node(_) | Self::IngressController => None,
        }
    }

    /// Whether it is outside of the cluster.
    pub const fn is_outside(&self) -> bool {
        matches!(self, Self::Addresses(_))
    }

    /// `shop/web[Deployment]`, `0.0.0.0-255.255.255.255[External]`, `{ingress-controller}`.
    pub fn label(&self) -> String {
        match self {
            Self::Addresses(range) => {
                format!("{}-{}[External]", range.first_address(), range.last_address())
            }
            Self::Workload(id) => id.to_string(),
            Self::Pod { namespace, name } => format!("{namespace}/{name}[Pod]"),
            Self::Node(name) => format!("{name}[Node]"),
            Self::IngressController => "{ingress-controller}".to_owned(),
        }
    }
}

/// What a listing is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Nodes too.
    pub nodes: bool,
    /// Only connections with an end in one of these namespaces; all, if there is none.
    pub namespaces: Vec<String>,
}

/// Connections between units. Units that no policy tells apart make up a group; connections are
/// between groups, and within a group between its different units.
#[derive(Debug)]
pub struct Listing {
    /// Groups, each with its units in order.
    pub groups: Vec<Vec<Unit>>,
    /// Connections; at most one from a group to another, in order.
    pub links: Vec<Link>,
}

/// Connections from each unit of a group to each of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Number of the group that they come from.
    pub from: usize,
    /// Number of the group that they go to.
    pub to: usize,
    /// On which ports.
    pub ports: PortSet,
}

impl Listing {
    /// Lists the connections of `reachability`, which was worked out of `cluster`.
    pub fn of(cluster: &Cluster, reachability: &Reachability, scope: &Scope) -> Self {
        let units = units(cluster, reachability, scope);
        let mut numbers = vec![None; reachability.class_count()];
        let mut classes = Vec::new();
        let mut groups = Vec::new();
        for (class, mut members) in units {
            members.sort();
            numbers[class] = Some(groups.len());
            classes.push(class);
            groups.push(members);
        }
        let mut listing = Self { groups, links: Vec::new() };
        for (from, class) in classes.iter().enumerate() {
            for (ports, to) in reachability.row(*class) {
                for to in to.filter_map(|to| numbers[to]) {
                    listing.links.push(Link { from, to, ports: ports.clone() });
                }
            }
        }
        listing.add_ingress(cluster, reachability, &numbers);
        listing.keep(scope);
        listing.links.sort_by_key(|link| (link.from, link.to));
        listing
    }

    /// Whether a link says anything: within a group of one unit it does not.
    pub(crate) fn is_told(&self, link: &Link) -> bool {
        link.from != link.to || self.groups[link.from].len() > 1
    }

    /// Connections of units one by one: `(from, to, ports)`. Within a workload nothing is listed.
    pub fn pairs(&self) -> impl Iterator<Item = (&Unit, &Unit, &PortSet)> {
        self.links.iter().flat_map(|link| {
            let (from, to) = (&self.groups[link.from], &self.groups[link.to]);
            let pairs = from.iter().flat_map(move |from| to.iter().map(move |to| (from, to)));
            pairs.filter(|(from, to)| from != to).map(|(from, to)| (from, to, &link.ports))
        })
    }

    /// The same, sorted as people look for them.
    pub fn sorted_pairs(&self) -> Vec<(&Unit, &Unit, &PortSet)> {
        let mut pairs: Vec<_> = self.pairs().collect();
        pairs.sort_by_key(|(from, to, _)| (*from, *to));
        pairs
    }

    /// What ingresses and routes lead to, as far as policies let the controllers through.
    fn add_ingress(
        &mut self,
        cluster: &Cluster,
        reachability: &Reachability,
        numbers: &[Option<usize>],
    ) {
        let mut reached: BTreeMap<usize, BTreeMap<Unit, PortSet>> = BTreeMap::new();
        for (pod, ports) in from_ingress(cluster, reachability) {
            let class = reachability.class(Entity::Pod(pod));
            let Some(group) = numbers[class] else { continue };
            let unit = self.unit_of(cluster, pod, group);
            let all = reached.entry(group).or_default().entry(unit).or_default();
            *all = all.union(&ports);
        }
        if reached.is_empty() {
            return;
        }
        let from = self.groups.len();
        self.groups.push(vec![Unit::IngressController]);
        for (group, units) in reached {
            // Units of one group may be behind different services.
            let mut by_ports: BTreeMap<PortSet, Vec<Unit>> = BTreeMap::new();
            for (unit, ports) in units.into_iter().filter(|(_, ports)| !ports.is_empty()) {
                by_ports.entry(ports).or_default().push(unit);
            }
            for (ports, units) in by_ports {
                let to = match units == self.groups[group] {
                    true => group,
                    false => self.split(group, units),
                };
                self.links.push(Link { from, to, ports });
            }
        }
    }

    /// Takes `units` out of a group into one of their own, with the same connections.
    fn split(&mut self, group: usize, units: Vec<Unit>) -> usize {
        let new = self.groups.len();
        self.groups[group].retain(|unit| !units.contains(unit));
        self.groups.push(units);
        let mut links = Vec::new();
        for link in self.links.iter().filter(|link| link.from == group || link.to == group) {
            let ends = |end: usize| if end == group { vec![group, new] } else { vec![end] };
            for (from, to) in ends(link.from)
                .iter()
                .flat_map(|from| ends(link.to).into_iter().map(move |to| (*from, to)))
            {
                if from == new || to == new {
                    links.push(Link { from, to, ports: link.ports.clone() });
                }
            }
        }
        self.links.extend(links);
        new
    }

    fn unit_of(&self, cluster: &Cluster, pod: usize, group: usize) -> Unit {
        let pod = &cluster.pods[pod];
        let workload = Unit::Workload(pod.workload.clone());
        match self.groups[group].contains(&workload) {
            true => workload,
            false => Unit::Pod { namespace: pod.namespace.clone(), name: pod.name.clone() },
        }
    }

    fn keep(&mut self, scope: &Scope) {
        if scope.namespaces.is_empty() {
            return;
        }
        let inside = |unit: &Unit| {
            unit.namespace().is_some_and(|it| scope.namespaces.iter().any(|name| name == it))
        };
        let mixed = |group: &Vec<Unit>| group.iter().any(inside) && !group.iter().all(inside);
        for group in 0..self.groups.len() {
            if mixed(&self.groups[group]) {
                let units = self.groups[group].iter().filter(|unit| inside(unit)).cloned();
                let units = units.collect();
                self.split(group, units);
            }
        }
        let kept: Vec<_> = self.groups.iter().map(|group| group.iter().all(inside)).collect();
        self.links.retain(|link| kept[link.from] || kept[link.to]);
    }
}

/// Pods that ingresses and routes lead to, each with the ports on which the controllers reach it.
pub(crate) fn from_ingress<'a>(
    cluster: &'a Cluster,
    reachability: &'a Reachability,
) -> impl Iterator<Item = (usize, PortSet)> + 'a {
    cluster.backends.iter().flat_map(move |backend| {
        let services = cluster.services.iter().filter(move |service| {
            service.namespace == backend.namespace && service.name == backend.service
        });
        services.flat_map(move |service| {
            let pods = cluster.pods.iter().enumerate().filter(|(_, pod)| service.selects(pod));
            pods.map(move |(index, pod)| {
                let meant = service.ports.iter().filter(|port| backend.means(port));
                let targets =
                    meant.fold(PortSet::none(), |all, port| all.union(&port.target_of(pod)));
                let open = reachability.ports(Entity::IngressController, Entity::Pod(index));
                (index, targets.intersection(open))
            })
        })
    })
}

/// Units by class.
fn units(
    cluster: &Cluster,
    reachability: &Reachability,
    scope: &Scope,
) -> BTreeMap<usize, Vec<Unit>> {
    let mut workloads: BTreeMap<&WorkloadId, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
    for (index, pod) in cluster.pods.iter().enumerate() {
        let class = reachability.class(Entity::Pod(index));
        workloads.entry(&pod.workload).or_default().entry(class).or_default().push(index);
    }
    let mut units: BTreeMap<usize, Vec<Unit>> = BTreeMap::new();
    for (workload, classes) in workloads {
        if let [class] = classes.keys().collect::<Vec<_>>()[..] {
            units.entry(*class).or_default().push(Unit::Workload(workload.clone()));
            continue;
        }
        for (class, pod) in
            classes.iter().flat_map(|(class, pods)| pods.iter().map(|pod| (*class, *pod)))
        {
            let pod = &cluster.pods[pod];
            let unit = Unit::Pod { namespace: pod.namespace.clone(), name: pod.name.clone() };
            units.entry(class).or_default().push(unit);
        }
    }
    if scope.nodes {
        for (index, node) in cluster.nodes.iter().enumerate() {
            let class = reachability.class(Entity::Node(index));
            units.entry(class).or_default().push(Unit::Node(node.name.clone()));
        }
    }
    let v6 = has_v6(cluster);
    for class in 0..reachability.class_count() {
        let ranges = outside(reachability, class, v6);
        if !ranges.is_empty() {
            units.entry(class).or_default().extend(ranges.into_iter().map(Unit::Addresses));
        }
    }
    units
}

/// The addresses of a class, in as few ranges as possible; IPv6 only where `v6` asks for it.
pub(crate) fn outside(reachability: &Reachability, class: usize, v6: bool) -> Vec<AddressRange> {
    let mut ranges: Vec<AddressRange> = Vec::new();
    for member in reachability.members(class) {
        let Entity::Addresses(range) = member else { continue };
        if range.family == Family::V6 && !v6 {
            continue;
        }
        match ranges.last_mut() {
            Some(last)
                if last.family == range.family && last.last.checked_add(1) == Some(range.first) =>
            {
                last.last = range.last;
            }
            _ => ranges.push(range),
        }
    }
    ranges
}

/// Whether anything says that the cluster has IPv6: an address of a pod or node, a block in a policy.
pub(crate) fn has_v6(cluster: &Cluster) -> bool {
    let addresses = cluster.pods.iter().flat_map(|pod| &pod.addresses);
    let mut addresses = addresses.chain(cluster.nodes.iter().flat_map(|node| &node.addresses));
    let rules =
        cluster.policies.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress));
    let mut peers = rules.flatten().flat_map(|rule| &rule.peers);
    addresses.any(|address| address.to_canonical().is_ipv6())
        || peers.any(|peer| matches!(peer, Peer::Network { block, .. } if block.range().family == Family::V6))
}
