//! Who reaches whom, on which ports.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    bits::Bits,
    classes::{Classes, Partition},
    cluster::Cluster,
    entities::{Entities, Entity},
    members::Members,
    policy::{Direction, Peer, Policy, PortMatch},
    port::{PortSet, PortSetId, PortTable},
    profile::{Cells, Compiled, Profile, Terms},
};

/// What a block of addresses in a policy is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpBlocks {
    /// Every address, those of pods and nodes as well: what the API says, and most networks do. A
    /// pod whose address is not known is in a block only if that covers all private addresses.
    #[default]
    Everything,
    /// Only addresses outside of the cluster, as Cilium does it.
    External,
}

/// The connections that the policies of a cluster let through.
///
/// Entities that no policy tells apart make up a class; everything is worked out for classes. Policies
/// are about connections as the receiving pod sees them: behind the service, on the pod's own port.
/// That a node reaches the pods that run on it, and a pod itself, is so whatever policies say, and
/// not in here.
#[derive(Debug)]
pub struct Reachability {
    pub(crate) entities: Entities,
    pub(crate) classes: Classes,
    table: PortTable,
    /// For each class as a source, what it reaches.
    rows: Vec<Arc<Cells>>,
}

impl Reachability {
    /// Works out all connections of `cluster`.
    pub fn of(cluster: &Cluster, blocks: IpBlocks) -> Self {
        Builder::new(cluster, blocks).build()
    }

    /// The ports on which `source` reaches `destination`.
    pub fn ports(&self, source: Entity, destination: Entity) -> &PortSet {
        let (source, destination) = (self.entities.index(source), self.entities.index(destination));
        let row = &self.rows[self.classes.of(source)];
        self.table.get(find(row, self.classes.of(destination)))
    }

    /// The range of addresses that `address` is in; no policy tells its addresses apart.
    pub fn at(&self, address: IpAddr) -> Entity {
        self.entities.at(address)
    }

    /// Number of classes: of pods, nodes and addresses that no policy tells apart.
    pub fn class_count(&self) -> usize {
        self.classes.count()
    }

    /// The members of a class.
    pub fn members(&self, class: usize) -> impl Iterator<Item = Entity> + '_ {
        self.classes.members(class).iter().map(|index| self.entities.entity(*index))
    }

    /// The class that `entity` is in.
    pub fn class(&self, entity: Entity) -> usize {
        self.classes.of(self.entities.index(entity))
    }

    /// What the members of class `source` reach: classes, by the ports. A class comes once at most.
    pub fn row(
        &self,
        source: usize,
    ) -> impl Iterator<Item = (&PortSet, impl Iterator<Item = usize> + '_)> + '_ {
        self.rows[source].iter().map(|(ports, classes)| (self.table.get(*ports), classes.iter()))
    }

    /// Number of ordered pairs of different pods of which the first reaches the second on some port.
    pub fn pod_pairs(&self) -> u64 {
        let pods: Vec<u64> = (0..self.class_count())
            .map(|class| {
                let members = self.classes.members(class).iter();
                members.filter(|index| self.entities.pods().contains(index)).count() as u64
            })
            .collect();
        let mut pairs = 0;
        for (source, row) in self.rows.iter().enumerate().filter(|(source, _)| pods[*source] > 0) {
            let reached: u64 = row.iter().flat_map(|(_, to)| to.iter()).map(|to| pods[to]).sum();
            let itself = u64::from(find(row, source) != PortSetId::NONE);
            pairs += pods[source] * (reached - itself);
        }
        pairs
    }
}

fn find(cells: &Cells, class: usize) -> PortSetId {
    let cell = cells.iter().find(|(_, classes)| classes.contains(class));
    cell.map_or(PortSetId::NONE, |(ports, _)| *ports)
}

/// Policies in the order in which they are asked: by tier, by priority, and, where the API leaves
/// the order open, by kind and name.
pub(crate) fn in_order(cluster: &Cluster) -> Vec<&Policy> {
    let mut policies: Vec<_> = cluster.policies.iter().collect();
    policies.sort_by_key(|policy| (policy.tier, policy.priority, &policy.id));
    policies
}

/// What a profile depends on: the policies that select a class, and what they call its ports.
type ProfileKey = (Bits, Vec<usize>);

struct Builder {
    entities: Entities,
    classes: Classes,
    terms: Terms,
    table: PortTable,
    /// Of each direction, for each class the number of its cells among `cells`.
    profiles: [Vec<usize>; 2],
    cells: Vec<Cells>,
}

impl Builder {
    fn new(cluster: &Cluster, blocks: IpBlocks) -> Self {
        let policies = in_order(cluster);
        let rules = || {
            Direction::ALL.into_iter().flat_map(|direction| {
                policies.iter().filter_map(move |policy| policy.rules(direction)).flatten()
            })
        };
        let entities = Entities::new(cluster, rules().flat_map(|rule| &rule.peers));
        let subjects: Vec<_> =
            policies.iter().map(|policy| Peer::Pods(policy.subject.clone())).collect();
        let mut numbers: HashMap<&Peer, usize> = HashMap::new();
        let mut sets = Vec::new();
        let mut members = Members::new(cluster, &entities, blocks);
        for peer in subjects.iter().chain(rules().flat_map(|rule| &rule.peers)) {
            numbers.entry(peer).or_insert_with(|| {
                sets.push(members.of(peer));
                sets.len() - 1
            });
        }
        drop(members);
        let (names, meanings) = names(cluster, rules().flat_map(|rule| &rule.ports), &entities);
        let classes = partition(cluster, &entities, &sets, &meanings);
        let terms = Terms {
            peers: sets.iter().map(|set| classes.fold(set)).collect(),
            names: meanings
                .iter()
                .map(|it| it.iter().map(|(set, bits)| (set.clone(), classes.fold(bits))).collect())
                .collect(),
        };
        drop(sets);
        let subjects: Vec<usize> = subjects.iter().map(|peer| numbers[peer]).collect();
        let mut builder = Self {
            entities,
            classes,
            terms,
            table: PortTable::default(),
            profiles: [Vec::new(), Vec::new()],
            cells: Vec::new(),
        };
        for direction in Direction::ALL {
            let compiled: Vec<Vec<Compiled>> = policies
                .iter()
                .map(|policy| {
                    let rules = policy.rules(direction).unwrap_or_default().iter();
                    let compile = |rule| Compiled::new(rule, |it| numbers[it], |it| names[it]);
                    rules.map(compile).collect()
                })
                .collect();
            builder.profiles[direction as usize] =
                builder.evaluate(direction, &policies, &subjects, &compiled);
        }
        builder
    }

    /// Works out what each class may, and numbers the results.
    fn evaluate(
        &mut self,
        direction: Direction,
        policies: &[&Policy],
        subjects: &[usize],
        compiled: &[Vec<Compiled>],
    ) -> Vec<usize> {
        let count = self.classes.count();
        let mut selecting = vec![Bits::none(policies.len()); count];
        for (index, policy) in policies.iter().enumerate() {
            if policy.rules(direction).is_some() {
                let classes = self.terms.peers[subjects[index]].iter();
                let pods = classes.filter(|class| self.is_pods(*class));
                pods.for_each(|class| selecting[class].insert(index));
            }
        }
        let mut profiles: HashMap<ProfileKey, usize> = HashMap::new();
        let mut cells: BTreeMap<Cells, usize> = BTreeMap::new();
        let mut result = Vec::with_capacity(count);
        for (class, selecting) in selecting.into_iter().enumerate() {
            let meanings = self.meanings(direction, class);
            let key = (selecting, meanings);
            if let Some(number) = profiles.get(&key) {
                result.push(*number);
                continue;
            }
            let policies = key.0.iter().map(|it| (policies[it], &compiled[it][..])).collect();
            let terms = &self.terms;
            let profile = Profile { direction, policies, class, terms, classes: count };
            let found = profile.cells(&mut self.table);
            let number = *cells.entry(found).or_insert_with_key(|found| {
                self.cells.push(found.clone());
                self.cells.len() - 1
            });
            profiles.insert(key, number);
            result.push(number);
        }
        result
    }

    /// The ingress controller is a pod, but nobody's subject: its own policies are not known.
    fn is_pods(&self, class: usize) -> bool {
        self.entities.pods().contains(&self.classes.members(class)[0])
    }

    /// What names of ports mean at a class, as far as it matters to rules of `direction`.
    fn meanings(&self, direction: Direction, class: usize) -> Vec<usize> {
        if direction == Direction::Egress || !self.is_pods(class) {
            return Vec::new();
        }
        let place = |meanings: &Vec<(PortSet, Bits)>| {
            meanings.iter().position(|(_, classes)| classes.contains(class)).map_or(0, |it| it + 1)
        };
        self.terms.names.iter().map(place).collect()
    }

    fn build(mut self) -> Reachability {
        let count = self.classes.count();
        let (receivers, outside) = self.receivers();
        let mut rows: Vec<Arc<Cells>> = Vec::with_capacity(count);
        let mut known: HashMap<Arc<Cells>, ()> = HashMap::new();
        let mut egress = Egress::default();
        // Classes with equal profiles next to each other share the work on their egress.
        for source in 0..count {
            egress.set(self.profiles[Direction::Egress as usize][source], &self.cells, count);
            let mut row: BTreeMap<PortSetId, Bits> = BTreeMap::new();
            for (cells, classes) in &receivers {
                let incoming = find(&self.cells[*cells], source);
                if incoming == PortSetId::NONE {
                    continue;
                }
                for class in classes {
                    let ports = self.table.meet(incoming, egress.to[*class]);
                    if ports != PortSetId::NONE {
                        row.entry(ports).or_insert_with(|| Bits::none(count)).insert(*class);
                    }
                }
            }
            // Between addresses outside of the cluster nothing is known here.
            if !outside.contains(source) {
                for class in outside.iter().filter(|class| egress.to[*class] != PortSetId::NONE) {
                    let ports = egress.to[class];
                    row.entry(ports).or_insert_with(|| Bits::none(count)).insert(class);
                }
            }
            let row = Arc::new(row.into_iter().collect::<Cells>());
            rows.push(Arc::clone(known.entry(row).insert_entry(()).key()));
        }
        Reachability { entities: self.entities, classes: self.classes, table: self.table, rows }
    }

    /// Classes of pods and nodes by what they receive, and the classes of addresses.
    fn receivers(&self) -> (Vec<(usize, Vec<usize>)>, Bits) {
        let mut receivers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut outside = Bits::none(self.classes.count());
        for class in 0..self.classes.count() {
            if self.entities.addresses().contains(&self.classes.members(class)[0]) {
                outside.insert(class);
            } else {
                let cells = self.profiles[Direction::Ingress as usize][class];
                receivers.entry(cells).or_default().push(class);
            }
        }
        (receivers.into_iter().collect(), outside)
    }
}

/// What a source may send, by destination.
#[derive(Default)]
struct Egress {
    cells: Option<usize>,
    to: Vec<PortSetId>,
}

impl Egress {
    fn set(&mut self, number: usize, cells: &[Cells], classes: usize) {
        if self.cells == Some(number) {
            return;
        }
        self.cells = Some(number);
        self.to.clear();
        self.to.resize(classes, PortSetId::NONE);
        for (ports, to) in &cells[number] {
            to.iter().for_each(|class| self.to[class] = *ports);
        }
    }
}

/// Names of ports with their numbers, and for each what it means to which pods.
type Names<'a> = (HashMap<&'a PortMatch, usize>, Vec<Vec<(PortSet, Bits)>>);

fn names<'a>(
    cluster: &Cluster,
    ports: impl Iterator<Item = &'a PortMatch>,
    entities: &Entities,
) -> Names<'a> {
    let mut numbers = HashMap::new();
    let mut meanings = Vec::new();
    for port in ports {
        let PortMatch::Named { protocol, name } = port else { continue };
        numbers.entry(port).or_insert_with(|| {
            let mut by_meaning: BTreeMap<PortSet, Bits> = BTreeMap::new();
            for (index, pod) in cluster.pods.iter().enumerate().filter(|(_, it)| !it.host_network) {
                let meaning = pod.named(*protocol, name);
                if !meaning.is_empty() {
                    let pods = by_meaning.entry(meaning);
                    pods.or_insert_with(|| Bits::none(entities.count())).insert(index);
                }
            }
            meanings.push(by_meaning.into_iter().collect());
            meanings.len() - 1
        });
    }
    (numbers, meanings)
}

fn partition(
    cluster: &Cluster,
    entities: &Entities,
    peers: &[Bits],
    names: &[Vec<(PortSet, Bits)>],
) -> Classes {
    let count = entities.count();
    let mut partition = Partition::new(count);
    // Kinds of entities are never mixed.
    let of_host = |index: &usize| cluster.pods[*index].host_network;
    partition.split(&Bits::of(count, entities.pods()));
    partition.split(&Bits::of(count, entities.pods().filter(of_host)));
    partition.split(&Bits::of(count, entities.nodes()));
    partition.split(&Bits::of(count, entities.addresses()));
    peers.iter().for_each(|set| partition.split(set));
    names.iter().flatten().for_each(|(_, set)| partition.split(set));
    partition.finish()
}
