//! Everything that a connection can come from or go to, numbered.

use std::{collections::BTreeSet, net::IpAddr, ops::Range};

use super::{
    address::{AddressRange, Family, not_public, number},
    cluster::Cluster,
    policy::Peer,
};

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// Index into [`Cluster::pods`].
    Pod(usize),
    /// Index into [`Cluster::nodes`].
    Node(usize),
    /// The ingress controllers: pods about which nothing is known.
    IngressController,
    /// Addresses outside of the cluster that no policy tells apart.
    Addresses(AddressRange),
}

/// The numbers of all entities: pods, nodes, the ingress controller, ranges of addresses.
#[derive(Debug, Clone)]
pub(crate) struct Entities {
    pods: usize,
    nodes: usize,
    /// Together all addresses; within a family ascending, IPv4 first.
    atoms: Vec<AddressRange>,
    /// Where the atoms of IPv6 begin.
    v6: usize,
}

impl Entities {
    /// Ranges of addresses are cut wherever one of `peers` begins or ends.
    pub(crate) fn new<'a>(cluster: &Cluster, peers: impl IntoIterator<Item = &'a Peer>) -> Self {
        let mut cuts = [BTreeSet::from([0]), BTreeSet::from([0])];
        let mut cut = |range: AddressRange| {
            let cuts = &mut cuts[range.family as usize];
            cuts.insert(range.first);
            cuts.extend(range.last.checked_add(1).filter(|cut| *cut <= range.family.last()));
        };
        // What is on the internet and what is not is never one range.
        not_public().for_each(|block| cut(block.range()));
        for peer in peers {
            let Peer::Network { block, except } = peer else { continue };
            std::iter::once(block).chain(except).for_each(|block| cut(block.range()));
        }
        let mut atoms = Vec::new();
        for family in Family::ALL {
            let cuts = &cuts[family as usize];
            let ends = cuts.iter().skip(1).map(|cut| cut - 1).chain([family.last()]);
            let ranges = cuts.iter().zip(ends);
            atoms.extend(ranges.map(|(first, last)| AddressRange { family, first: *first, last }));
        }
        let v6 = cuts[0].len();
        Self { pods: cluster.pods.len(), nodes: cluster.nodes.len(), atoms, v6 }
    }

    pub(crate) fn count(&self) -> usize {
        self.first_atom() + self.atoms.len()
    }

    pub(crate) fn pods(&self) -> Range<usize> {
        0..self.pods
    }

    pub(crate) fn nodes(&self) -> Range<usize> {
        self.pods..self.pods + self.nodes
    }

    pub(crate) fn ingress_controller(&self) -> usize {
        self.pods + self.nodes
    }

    fn first_atom(&self) -> usize {
        self.pods + self.nodes + 1
    }

    pub(crate) fn addresses(&self) -> Range<usize> {
        self.first_atom()..self.count()
    }

    pub(crate) fn entity(&self, index: usize) -> Entity {
        if index < self.pods {
            Entity::Pod(index)
        } else if index < self.ingress_controller() {
            Entity::Node(index - self.pods)
        } else if index == self.ingress_controller() {
            Entity::IngressController
        } else {
            Entity::Addresses(self.atoms[index - self.first_atom()])
        }
    }

    /// The number of `entity`; of a range of addresses, the one that its first address is in.
    pub(crate) fn index(&self, entity: Entity) -> usize {
        match entity {
            Entity::Pod(index) => index,
            Entity::Node(index) => self.pods + index,
            Entity::IngressController => self.ingress_controller(),
            Entity::Addresses(range) => self.first_atom() + self.atom(range.family, range.first),
        }
    }

    /// The range that `address` is in.
    pub(crate) fn at(&self, address: IpAddr) -> Entity {
        let (family, number) = number(address);
        Entity::Addresses(self.atoms[self.atom(family, number)])
    }

    fn atom(&self, family: Family, number: u128) -> usize {
        let (begin, atoms) = match family {
            Family::V4 => (0, &self.atoms[..self.v6]),
            Family::V6 => (self.v6, &self.atoms[self.v6..]),
        };
        begin + atoms.partition_point(|atom| atom.last < number)
    }

    /// The numbers of the ranges of a family that are on the internet.
    pub(crate) fn public(&self, family: Family) -> impl Iterator<Item = usize> + '_ {
        let private: Vec<_> = not_public().map(|block| block.range()).collect();
        self.addresses().filter(move |index| {
            let atom = self.atoms[index - self.first_atom()];
            let within = |it: &AddressRange| {
                it.family == atom.family && it.first <= atom.first && atom.last <= it.last
            };
            atom.family == family && !private.iter().any(within)
        })
    }

    /// The numbers of the ranges that make up `range`, at whose ends cuts are.
    pub(crate) fn of_range(&self, range: AddressRange) -> Range<usize> {
        let (first, last) =
            (self.atom(range.family, range.first), self.atom(range.family, range.last));
        self.first_atom() + first..self.first_atom() + last + 1
    }
}
