//! Which entities each peer of a policy means.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use super::{
    address::{AddressRange, Cidr},
    bits::Bits,
    cluster::{Cluster, Pod},
    entities::Entities,
    policy::{NamespaceMatch, Peer, PodPeer},
    reach::IpBlocks,
    selector::{Labels, Operator, Selector},
};

/// Answers which entities a peer means, with indexes over the labels that occur.
pub(crate) struct Members<'a> {
    cluster: &'a Cluster,
    entities: &'a Entities,
    blocks: IpBlocks,
    namespaces: HashMap<&'a str, usize>,
    /// Pods of each namespace that policies can select.
    pods_of: Vec<Vec<usize>>,
    labels: LabelIndex<'a>,
    /// For each pod its namespace, and its set of labels.
    pods: Vec<(usize, usize)>,
    /// Pods of each set of labels.
    pods_with: Vec<Vec<usize>>,
    addresses: Addresses,
    selected_namespaces: HashMap<&'a Selector, Bits>,
    selected_labels: HashMap<&'a Selector, Bits>,
}

impl<'a> Members<'a> {
    pub(crate) fn new(cluster: &'a Cluster, entities: &'a Entities, blocks: IpBlocks) -> Self {
        let names = cluster.namespaces.iter().enumerate();
        let namespaces: HashMap<_, _> =
            names.map(|(index, it)| (it.name.as_str(), index)).collect();
        let mut labels = LabelIndex::default();
        let mut pods_of = vec![Vec::new(); cluster.namespaces.len()];
        let mut pods_with = Vec::new();
        let mut pods = Vec::with_capacity(cluster.pods.len());
        for (index, pod) in cluster.pods.iter().enumerate() {
            let namespace = namespaces.get(pod.namespace.as_str()).copied();
            let namespace = namespace.expect("every namespace of a pod is in the cluster");
            let set = labels.set(&pod.labels);
            pods_with.resize(labels.sets.len(), Vec::new());
            pods.push((namespace, set));
            if !pod.host_network {
                pods_of[namespace].push(index);
                pods_with[set].push(index);
            }
        }
        Self {
            cluster,
            entities,
            blocks,
            namespaces,
            pods_of,
            labels,
            pods,
            pods_with,
            addresses: Addresses::new(cluster, entities),
            selected_namespaces: HashMap::new(),
            selected_labels: HashMap::new(),
        }
    }

    /// The entities that `peer` means.
    pub(crate) fn of(&mut self, peer: &'a Peer) -> Bits {
        match peer {
            Peer::Everything => Bits::all(self.entities.count()),
            Peer::Pods(peer) => self.of_pods(peer),
            Peer::Nodes(selector) => self.of_nodes(selector),
            Peer::Network { block, except } => self.of_network(block, except),
            // Which addresses a name has is not known; the policy's remarks say so.
            Peer::Domain(_) => Bits::none(self.entities.count()),
        }
    }

    pub(crate) fn of_pods(&mut self, peer: &'a PodPeer) -> Bits {
        let mut members = Bits::none(self.entities.count());
        let labels = self.labels_selected_by(&peer.pods);
        match &peer.namespaces {
            NamespaceMatch::Named(name) => {
                let pods = self.namespaces.get(name.as_str()).map(|index| &self.pods_of[*index]);
                let pods = pods.into_iter().flatten();
                let fits = pods.filter(|pod| labels.contains(self.pods[**pod].1));
                fits.for_each(|pod| members.insert(*pod));
            }
            NamespaceMatch::Selected(selector) => {
                let namespaces = self.namespaces_selected_by(selector);
                for pod in labels.iter().flat_map(|set| &self.pods_with[set]) {
                    if namespaces.contains(self.pods[*pod].0) {
                        members.insert(*pod);
                    }
                }
                // Nothing is known of its labels nor of those of its namespace.
                if selector.is_empty() && peer.pods.is_empty() {
                    members.insert(self.entities.ingress_controller());
                }
            }
        }
        members
    }

    fn labels_selected_by(&mut self, selector: &'a Selector) -> Bits {
        let selected = self.selected_labels.entry(selector);
        selected.or_insert_with(|| self.labels.selected_by(selector)).clone()
    }

    fn namespaces_selected_by(&mut self, selector: &'a Selector) -> Bits {
        let namespaces = &self.cluster.namespaces;
        let select = || {
            let all = namespaces.iter().enumerate();
            let fits = all.filter(|(_, namespace)| selector.selects(&namespace.labels));
            Bits::of(namespaces.len(), fits.map(|(index, _)| index))
        };
        self.selected_namespaces.entry(selector).or_insert_with(select).clone()
    }

    /// The nodes, and the pods in their networks.
    fn of_nodes(&self, selector: &Selector) -> Bits {
        let mut members = Bits::none(self.entities.count());
        let mut selected = HashMap::new();
        for (index, node) in self.entities.nodes().zip(&self.cluster.nodes) {
            if selector.selects(&node.labels) {
                members.insert(index);
                selected.insert(node.name.as_str(), ());
            }
        }
        for (index, pod) in self.cluster.pods.iter().enumerate().filter(|(_, pod)| pod.host_network)
        {
            let on = pod.node.as_deref().is_some_and(|node| selected.contains_key(node));
            // Wherever it runs, it runs on a node.
            if on || selector.is_empty() {
                members.insert(index);
            }
        }
        members
    }

    fn of_network(&self, block: &Cidr, except: &[Cidr]) -> Bits {
        let mut members = Bits::none(self.entities.count());
        members.insert_range(self.entities.of_range(block.range()));
        let mut left_out = Bits::none(self.entities.count());
        for except in except {
            left_out.insert_range(self.entities.of_range(except.range()));
        }
        members.remove(&left_out);
        if self.blocks == IpBlocks::Everything {
            self.addresses.within(block, except).for_each(|index| members.insert(index));
            if covers_private(block, except) {
                self.addresses.unknown.iter().for_each(|index| members.insert(*index));
            }
        }
        members
    }
}

/// Whether a block holds a pod wherever the cluster's network is: all of the private and shared
/// blocks of IPv4 from which clusters number their pods and nodes.
pub(crate) fn covers_private(block: &Cidr, except: &[Cidr]) -> bool {
    let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
    private.iter().all(|text| {
        let private = text.parse::<Cidr>().expect("a block").range();
        let (outer, apart) = (block.range(), |except: &Cidr| {
            let except = except.range();
            except.family != private.family
                || except.last < private.first
                || private.last < except.first
        });
        outer.family == private.family
            && outer.first <= private.first
            && private.last <= outer.last
            && except.iter().all(apart)
    })
}

/// The pods and nodes whose addresses are known, and those whose are not.
struct Addresses {
    known: Vec<(AddressRange, usize)>,
    unknown: Vec<usize>,
}

impl Addresses {
    fn new(cluster: &Cluster, entities: &Entities) -> Self {
        let mut known = Vec::new();
        let mut unknown = vec![entities.ingress_controller()];
        let mut add = |index: usize, addresses: &[IpAddr]| {
            known.extend(addresses.iter().map(|address| (AddressRange::of(*address), index)));
            if addresses.is_empty() {
                unknown.push(index);
            }
        };
        let address_of = |pod: &Pod| pod.addresses.clone();
        cluster.pods.iter().enumerate().for_each(|(index, pod)| add(index, &address_of(pod)));
        let nodes = entities.nodes().zip(&cluster.nodes);
        nodes.for_each(|(index, node)| add(index, &node.addresses));
        known.sort_by_key(|(range, _)| (range.family, range.first));
        Self { known, unknown }
    }

    /// Pods and nodes with an address in `block` that is in none of `except`.
    fn within(&self, block: &Cidr, except: &[Cidr]) -> impl Iterator<Item = usize> {
        let range = block.range();
        let begin = self
            .known
            .partition_point(|(it, _)| (it.family, it.first) < (range.family, range.first));
        let rest = self.known[begin..].iter();
        let inside =
            rest.take_while(move |(it, _)| it.family == range.family && it.last <= range.last);
        let except = disjoint(except);
        let left_in = inside.filter(move |(it, _)| {
            let after =
                except.partition_point(|hole| (hole.family, hole.last) < (it.family, it.last));
            except.get(after).is_none_or(|hole| hole.family != it.family || it.first < hole.first)
        });
        left_in.map(|(_, index)| *index)
    }
}

/// The same addresses, in ascending ranges that do not overlap.
fn disjoint(blocks: &[Cidr]) -> Vec<AddressRange> {
    let mut ranges: Vec<_> = blocks.iter().map(Cidr::range).collect();
    ranges.sort();
    let mut disjoint: Vec<AddressRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match disjoint.last_mut() {
            Some(last) if last.family == range.family && range.first <= last.last => {
                last.last = last.last.max(range.last);
            }
            _ => disjoint.push(range),
        }
    }
    disjoint
}

/// The different sets of labels that pods have, by key and value.
#[derive(Default)]
struct LabelIndex<'a> {
    sets: Vec<&'a Labels>,
    numbers: BTreeMap<&'a Labels, usize>,
    /// Sets that have a label with a value.
    having: HashMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> LabelIndex<'a> {
    fn set(&mut self, labels: &'a Labels) -> usize {
        if let Some(number) = self.numbers.get(labels) {
            return *number;
        }
        let number = self.sets.len();
        self.sets.push(labels);
        self.numbers.insert(labels, number);
        for (key, value) in labels {
            self.having.entry((key, value)).or_default().push(number);
        }
        number
    }

    fn selected_by(&self, selector: &Selector) -> Bits {
        let fits = |set: &usize| selector.selects(self.sets[*set]);
        match self.fewest(selector) {
            Some(sets) => Bits::of(self.sets.len(), sets.into_iter().filter(fits)),
            None => Bits::of(self.sets.len(), (0..self.sets.len()).filter(fits)),
        }
    }

    /// The sets that fit the narrowest requirement that names values, if there is one.
    fn fewest(&self, selector: &Selector) -> Option<Vec<usize>> {
        let named = selector.requirements().iter().filter_map(|requirement| {
            let Operator::In(values) = &requirement.operator else { return None };
            let sets = values
                .iter()
                .filter_map(|value| self.having.get(&(requirement.key.as_str(), value.as_str())));
            Some(sets.flatten().copied().collect::<Vec<_>>())
        });
        named.min_by_key(Vec::len)
    }
}
