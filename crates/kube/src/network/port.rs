//! Protocols and sets of ports.

use std::{collections::HashMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A transport protocol that policies speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// Stream Control Transmission Protocol.
    Sctp,
    /// Transmission Control Protocol, the default of every port.
    Tcp,
    /// User Datagram Protocol.
    Udp,
}

impl Protocol {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 3] = [Self::Sctp, Self::Tcp, Self::Udp];

    /// As Kubernetes writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sctp => "SCTP",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("'{text}' is not one of TCP, UDP, SCTP"))
    }
}

/// The ports of one protocol: ascending, apart, both ends included.
type Ranges = Vec<(u16, u16)>;

/// A set of (protocol, port) pairs. Port 0 does not exist on the wire and is in none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSet {
    ranges: [Ranges; 3],
}

impl PortSet {
    /// No port.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every port of every protocol.
    pub fn all() -> Self {
        Self { ranges: [(); 3].map(|()| vec![(1, u16::MAX)]) }
    }

    /// Every port of `protocol`.
    pub fn of_protocol(protocol: Protocol) -> Self {
        Self::of_range(protocol, 1, u16::MAX)
    }

    /// The ports from `first` to `last`; none if `first` is above `last`.
    pub fn of_range(protocol: Protocol, first: u16, last: u16) -> Self {
        let mut set = Self::none();
        if first.max(1) <= last {
            set.ranges[protocol as usize] = vec![(first.max(1), last)];
        }
        set
    }

    /// One port.
    pub fn of_port(protocol: Protocol, port: u16) -> Self {
        Self::of_range(protocol, port, port)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.iter().all(Vec::is_empty)
    }

    /// Whether no port is missing.
    pub fn is_all(&self) -> bool {
        self.ranges.iter().all(|ranges| ranges[..] == [(1, u16::MAX)])
    }

    /// Whether `port` is in the set.
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.ranges(protocol).iter().any(|(first, last)| (*first..=*last).contains(&port))
    }

    /// The ranges of `protocol`: ascending, apart, both ends included.
    pub fn ranges(&self, protocol: Protocol) -> &[(u16, u16)] {
        &self.ranges[protocol as usize]
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a || b)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a && b)
    }

    /// What is here and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a && !b)
    }

    /// Whether every port of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.difference(other).is_empty()
    }

    fn combine(&self, other: &Self, keep: impl Fn(bool, bool) -> bool) -> Self {
        let mut ranges = [(); 3].map(|()| Vec::new());
        for (index, result) in ranges.iter_mut().enumerate() {
            *result = combine(&self.ranges[index], &other.ranges[index], &keep);
        }
        Self { ranges }
    }
}

/// Walks over the places where either set begins or ends.
fn combine(a: &Ranges, b: &Ranges, keep: &impl Fn(bool, bool) -> bool) -> Ranges {
    let ends = |ranges: &Ranges| {
        let pairs =
            ranges.iter().flat_map(|(first, last)| [u32::from(*first), u32::from(*last) + 1]);
        pairs.collect::<Vec<_>>()
    };
    let (a, b) = (ends(a), ends(b));
    let (mut i, mut j, mut open) = (0, 0, None);
    let mut result = Ranges::new();
    while let Some(at) = a.get(i).into_iter().chain(b.get(j)).min().copied() {
        i += usize::from(a.get(i) == Some(&at));
        j += usize::from(b.get(j) == Some(&at));
        match (open, keep(i % 2 == 1, j % 2 == 1)) {
            (None, true) => open = Some(at),
            (Some(first), false) => {
                result.push((port(first), port(at - 1)));
                open = None;
            }
            _ => {}
        }
    }
    result
}

fn port(number: u32) -> u16 {
    u16::try_from(number).expect("ends of ranges are ports, or one above the last")
}

impl fmt::Display for PortSet {
    /// `all`, `none`, or `TCP 80,443,8000-8999, UDP 53`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.pad("all");
        }
        if self.is_empty() {
            return f.pad("none");
        }
        f.pad(&self.written(", "))
    }
}

impl PortSet {
    /// `TCP 80,443` and so on, `separator` between the protocols; a whole protocol is `1-65535`.
    pub fn written(&self, separator: &str) -> String {
        let protocols = Protocol::ALL.into_iter().filter(|it| !self.ranges(*it).is_empty());
        let text = protocols.map(|protocol| {
            let ranges = self.ranges(protocol).iter().map(|(first, last)| match first == last {
                true => first.to_string(),
                false => format!("{first}-{last}"),
            });
            format!("{protocol} {}", ranges.collect::<Vec<_>>().join(","))
        });
        text.collect::<Vec<_>>().join(separator)
    }
}

/// Number of a set of ports in a [`PortTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PortSetId(u32);

impl PortSetId {
    /// No port.
    pub(crate) const NONE: Self = Self(0);
    /// Every port.
    pub(crate) const ALL: Self = Self(1);
}

/// Sets of ports, each once, so that comparing and intersecting them is a look-up.
#[derive(Debug)]
pub(crate) struct PortTable {
    sets: Vec<PortSet>,
    ids: HashMap<PortSet, PortSetId>,
    meets: HashMap<(PortSetId, PortSetId), PortSetId>,
}

impl Default for PortTable {
    fn default() -> Self {
        let mut table = Self { sets: Vec::new(), ids: HashMap::new(), meets: HashMap::new() };
        table.id(PortSet::none());
        table.id(PortSet::all());
        table
    }
}

impl PortTable {
    pub(crate) fn id(&mut self, set: PortSet) -> PortSetId {
        if let Some(id) = self.ids.get(&set) {
            return *id;
        }
        let id = PortSetId(u32::try_from(self.sets.len()).expect("memory ends before 2^32 sets"));
        self.sets.push(set.clone());
        self.ids.insert(set, id);
        id
    }

    pub(crate) fn get(&self, id: PortSetId) -> &PortSet {
        &self.sets[id.0 as usize]
    }

    /// What is in both.
    pub(crate) fn meet(&mut self, a: PortSetId, b: PortSetId) -> PortSetId {
        match (a.min(b), a.max(b)) {
            (PortSetId::NONE, _) => PortSetId::NONE,
            (PortSetId::ALL, other) => other,
            (a, b) if a == b => a,
            pair => match self.meets.get(&pair) {
                Some(id) => *id,
                None => {
                    let id = self.id(self.get(pair.0).intersection(self.get(pair.1)));
                    self.meets.insert(pair, id);
                    id
                }
            },
        }
    }
}

/// The coarsest disjoint sets of ports of which each of `sets` is a union; they cover all ports.
pub(crate) fn atoms<'a>(sets: impl IntoIterator<Item = &'a PortSet>) -> Vec<PortSet> {
    let mut atoms = vec![PortSet::all()];
    for set in sets {
        let split = atoms.iter().flat_map(|atom| [atom.intersection(set), atom.difference(set)]);
        atoms = split.filter(|atom| !atom.is_empty()).collect();
    }
    atoms
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sets() -> impl Strategy<Value = PortSet> {
        let range = (0..3_usize, 1..40_u16, 0..12_u16);
        prop::collection::vec(range, 0..6).prop_map(|ranges| {
            ranges.into_iter().fold(PortSet::none(), |set, (protocol, first, length)| {
                set.union(&PortSet::of_range(Protocol::ALL[protocol], first, first + length))
            })
        })
    }

    fn members(set: &PortSet) -> Vec<(Protocol, u16)> {
        let all = Protocol::ALL.into_iter().flat_map(|it| (1..60).map(move |port| (it, port)));
        all.filter(|(protocol, port)| set.contains(*protocol, *port)).collect()
    }

    proptest! {
        /// Operations on ranges are those on the ports one by one, and have one written form.
        #[test]
        fn ranges_are_sets(a in sets(), b in sets()) {
            let (ma, mb) = (members(&a), members(&b));
            for (result, keep) in [
                (a.union(&b), [true, true, true]),
                (a.intersection(&b), [false, true, false]),
                (a.difference(&b), [true, false, false]),
            ] {
                let all = members(&PortSet::all());
                let wanted: Vec<_> = all
                    .into_iter()
                    .filter(|it| match (ma.contains(it), mb.contains(it)) {
                        (true, false) => keep[0],
                        (true, true) => keep[1],
                        (false, true) => keep[2],
                        (false, false) => false,
                    })
                    .collect();
                prop_assert_eq!(members(&result), wanted);
            }
            prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a);
        }

        /// Atoms are disjoint, cover everything, and each set is a union of some.
        #[test]
        fn atoms_partition(sets in prop::collection::vec(sets(), 0..5)) {
            let atoms = atoms(&sets);
            let all = atoms.iter().fold(PortSet::none(), |all, atom| {
                assert!(all.intersection(atom).is_empty());
                all.union(atom)
            });
            prop_assert!(all.is_all());
            for (set, atom) in sets.iter().flat_map(|set| atoms.iter().map(move |atom| (set, atom))) {
                prop_assert!(atom.is_subset(set) || atom.intersection(set).is_empty());
            }
        }
    }

    #[test]
    fn ports_are_written_briefly() {
        let web = PortSet::of_port(Protocol::Tcp, 80)
            .union(&PortSet::of_port(Protocol::Tcp, 443))
            .union(&PortSet::of_range(Protocol::Udp, 5000, 5010));
        assert_eq!(web.to_string(), "TCP 80,443, UDP 5000-5010");
        assert_eq!(PortSet::all().to_string(), "all");
        assert_eq!(PortSet::none().to_string(), "none");
        assert_eq!(PortSet::of_protocol(Protocol::Sctp).to_string(), "SCTP 1-65535");
    }

    #[test]
    fn neighbours_are_joined() {
        let a = PortSet::of_range(Protocol::Tcp, 1, 10);
        let b = PortSet::of_range(Protocol::Tcp, 11, 20);
        assert_eq!(a.union(&b), PortSet::of_range(Protocol::Tcp, 1, 20));
        assert!(PortSet::of_range(Protocol::Tcp, 9, 3).is_empty());
    }
}
