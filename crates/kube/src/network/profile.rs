//! What the policies that select a class let through, for every other end and port at once.

use std::collections::HashMap;

use super::{
    bits::Bits,
    policy::{Action, Direction, Policy, PortMatch, Rule, Tier},
    port::{PortSet, PortSetId, PortTable, atoms},
};

/// Ports by the other end: disjoint sets of classes, each with the ports that are let through. A
/// class that is in none gets nothing through.
pub(crate) type Cells = Vec<(PortSetId, Bits)>;

/// A rule, with peers and names of ports looked up.
#[derive(Debug)]
pub(crate) struct Compiled {
    action: Action,
    /// Numbers of the sets of classes that are its peers.
    peers: Vec<usize>,
    ports: PortSet,
    /// Numbers of the names of ports.
    names: Vec<usize>,
}

/// What rules refer to by number.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    /// Classes that each peer means.
    pub(crate) peers: Vec<Bits>,
    /// Classes that give a port's name a meaning, by the meaning.
    pub(crate) names: Vec<Vec<(PortSet, Bits)>>,
}

impl Compiled {
    pub(crate) fn new(
        rule: &Rule,
        mut peer: impl FnMut(&super::policy::Peer) -> usize,
        mut name: impl FnMut(&PortMatch) -> usize,
    ) -> Self {
        let mut ports = PortSet::none();
        let mut names = Vec::new();
        for port in &rule.ports {
            match port {
                PortMatch::Numbers(set) => ports = ports.union(set),
                PortMatch::Named { .. } => names.push(name(port)),
            }
        }
        let peers = rule.peers.iter().map(&mut peer).collect();
        Self { action: rule.action, peers, ports, names }
    }
}

/// A rule as it is for one subject: only numbers of ports are left.
struct Resolved<'a> {
    action: Action,
    peers: std::borrow::Cow<'a, Bits>,
    ports: PortSet,
}

/// The policies that select a class in one direction, in the order in which they are asked.
pub(crate) struct Profile<'a> {
    pub(crate) direction: Direction,
    /// Policies with their rules; sorted by tier and turn.
    pub(crate) policies: Vec<(&'a Policy, &'a [Compiled])>,
    /// A class that has the profile: where names of ports are the subject's, what they mean.
    pub(crate) class: usize,
    pub(crate) terms: &'a Terms,
    /// Number of classes.
    pub(crate) classes: usize,
}

impl Profile<'_> {
    /// What is let through.
    pub(crate) fn cells(&self, table: &mut PortTable) -> Cells {
        if self.policies.is_empty() {
            return vec![(PortSetId::ALL, Bits::all(self.classes))];
        }
        let admin = self.rules(Tier::Admin);
        let baseline = self.rules(Tier::Baseline);
        let namespace = self.namespace_rules();
        let sets = admin.iter().chain(&baseline).map(|rule| &rule.ports);
        let sets = sets.chain(namespace.iter().flatten().map(|(ports, _)| ports));
        // Often many rules have the same ports.
        let sets: std::collections::BTreeSet<_> = sets.collect();
        let mut by_peers: HashMap<Bits, PortSet> = HashMap::new();
        for atom in atoms(sets) {
            let allowed = self.allowed(&atom, &admin, namespace.as_deref(), &baseline);
            let ports = by_peers.entry(allowed).or_default();
            *ports = ports.union(&atom);
        }
        let mut by_peers: Vec<_> = by_peers.into_iter().collect();
        by_peers.sort();
        cells(by_peers, table)
    }

    /// The classes with which connections on the ports of `atom` are allowed.
    fn allowed(
        &self,
        atom: &PortSet,
        admin: &[Resolved<'_>],
        namespace: Option<&[(PortSet, Bits)]>,
        baseline: &[Resolved<'_>],
    ) -> Bits {
        let all = Bits::all(self.classes);
        let (mut allowed, rest) = self.decide(atom, admin, all);
        match namespace {
            Some(rules) => {
                for (_, peers) in rules.iter().filter(|(ports, _)| atom.is_subset(ports)) {
                    allowed.add(&(peers & &rest));
                }
            }
            None => {
                let (baseline, rest) = self.decide(atom, baseline, rest);
                allowed.add(&baseline);
                allowed.add(&rest);
            }
        }
        allowed
    }

    /// Asks the rules of a tier in order: what they allow, and what is left to the next tier.
    fn decide(&self, atom: &PortSet, rules: &[Resolved<'_>], asked: Bits) -> (Bits, Bits) {
        let mut open = asked;
        let (mut allowed, mut passed) = (Bits::none(self.classes), Bits::none(self.classes));
        for rule in rules.iter().filter(|rule| atom.is_subset(&rule.ports)) {
            let hit = &open & &rule.peers;
            match rule.action {
                Action::Allow => allowed.add(&hit),
                Action::Pass => passed.add(&hit),
                Action::Deny => {}
            }
            open.remove(&hit);
        }
        open.add(&passed);
        (allowed, open)
    }

    fn compiled(&self, tier: Tier) -> impl Iterator<Item = &Compiled> {
        let of_tier = self.policies.iter().filter(move |(policy, _)| policy.tier == tier);
        of_tier.flat_map(|(_, rules)| rules.iter())
    }

    fn rules(&self, tier: Tier) -> Vec<Resolved<'_>> {
        self.compiled(tier).flat_map(|rule| self.resolve(rule)).collect()
    }

    /// What the namespace's policies allow, by ports; none if none selects the class. Their order
    /// does not matter.
    fn namespace_rules(&self) -> Option<Vec<(PortSet, Bits)>> {
        if !self.policies.iter().any(|(policy, _)| policy.tier == Tier::Namespace) {
            return None;
        }
        let mut by_ports: HashMap<PortSet, Bits> = HashMap::new();
        for rule in self.compiled(Tier::Namespace).flat_map(|rule| self.resolve(rule)) {
            by_ports.entry(rule.ports).or_insert_with(|| Bits::none(self.classes)).add(&rule.peers);
        }
        Some(by_ports.into_iter().collect())
    }

    /// Replaces names of ports by what they mean where the connection ends: at the subject, or at
    /// each of the peers. One rule can become several with different peers; their order among each
    /// other does not matter, as they have one action.
    fn resolve<'a>(&'a self, rule: &Compiled) -> Vec<Resolved<'a>> {
        let peers = self.union(&rule.peers);
        let mut ports = rule.ports.clone();
        let mut resolved = Vec::new();
        let meanings = rule.names.iter().flat_map(|name| &self.terms.names[*name]);
        for (meaning, classes) in meanings {
            match self.direction {
                Direction::Ingress if classes.contains(self.class) => ports = ports.union(meaning),
                Direction::Ingress => {}
                Direction::Egress => resolved.push(Resolved {
                    action: rule.action,
                    peers: std::borrow::Cow::Owned(&*peers & classes),
                    ports: meaning.clone(),
                }),
            }
        }
        resolved.push(Resolved { action: rule.action, peers, ports });
        resolved.retain(|rule| !rule.ports.is_empty() && !rule.peers.is_empty());
        resolved
    }

    fn union(&self, peers: &[usize]) -> std::borrow::Cow<'_, Bits> {
        match peers {
            [] => std::borrow::Cow::Owned(Bits::none(self.classes)),
            [peer] => std::borrow::Cow::Borrowed(&self.terms.peers[*peer]),
            [first, rest @ ..] => {
                let mut union = self.terms.peers[*first].clone();
                rest.iter().for_each(|peer| union.add(&self.terms.peers[*peer]));
                std::borrow::Cow::Owned(union)
            }
        }
    }
}

/// From sets of classes by disjoint sets of ports to ports by disjoint sets of classes.
fn cells(by_peers: Vec<(Bits, PortSet)>, table: &mut PortTable) -> Cells {
    let Some((first, _)) = by_peers.first() else { return Vec::new() };
    let mut cells = vec![(PortSet::none(), Bits::all(first.length()))];
    for (peers, ports) in &by_peers {
        let split = cells.into_iter().flat_map(|(before, classes)| {
            let inside = &classes & peers;
            let mut outside = classes;
            outside.remove(&inside);
            [(before.union(ports), inside), (before, outside)]
        });
        cells = split.filter(|(_, classes)| !classes.is_empty()).collect();
    }
    // Different atoms may add up to the same ports.
    let mut merged: HashMap<PortSetId, Bits> = HashMap::new();
    for (ports, classes) in cells {
        let id = table.id(ports);
        match merged.get_mut(&id) {
            Some(bits) => bits.add(&classes),
            None => drop(merged.insert(id, classes)),
        }
    }
    merged.remove(&PortSetId::NONE);
    let mut cells: Cells = merged.into_iter().collect();
    cells.sort();
    cells
}
