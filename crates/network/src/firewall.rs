//! The firewall in a container's own network namespace: what goes out is looked at there, by rules
//! that the container has no capability to change.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cofferdam_sys::netlink::{Socket, route::Network};

use crate::{
    dns::name::Pattern,
    egress::{Allowed, Peer, Rule},
    nft::{
        self, Action, Batch, Chain, Holds, Hook, Match, NftError, Protocol, Set, SetKind, Table,
        read::Attempt,
    },
};

/// The table's name.
pub const TABLE: &str = "cofferdam";
/// Most destinations of refused packets that are told apart.
pub const NOTED: u32 = 1024;
/// Most addresses of one name at a time.
pub const LEARNT: u32 = 1024;

/// Where clouds tell a machine its secrets: addresses that nobody reaches by accident.
///
/// Sources: AWS (IMDS, ECS, EKS), Google Cloud, Azure: 169.254.169.254; Alibaba Cloud:
/// 100.100.100.200.
pub const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// A container's firewall: what is placed, and which names fill which sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// What is placed.
    pub table: Table,
    /// The names that may be looked up; [`set_name`] of the place here is the set of a name.
    pub names: Vec<Pattern>,
    /// Whether nothing is allowed but what is named.
    pub restricts: bool,
}

/// The set of addresses of the name at this place.
#[must_use]
pub fn set_name(place: usize, kind: SetKind) -> String {
    match kind {
        SetKind::V4 => format!("name{place}-v4"),
        SetKind::V6 => format!("name{place}-v6"),
    }
}

/// The set of refused attempts.
#[must_use]
pub const fn refused_name(kind: SetKind) -> &'static str {
    match kind {
        SetKind::V4 => "refused-v4",
        SetKind::V6 => "refused-v6",
    }
}

impl Firewall {
    /// The firewall of these rules; without any, only metadata services are out of reach.
    #[must_use]
    pub fn new(rules: &[Rule]) -> Self {
        let allowed: Vec<&Allowed> = rules
            .iter()
            .filter_map(|rule| match rule {
                Rule::Allow(allowed) => Some(allowed),
                Rule::Deny => None,
            })
            .collect();
        let restricts = !rules.is_empty();
        let mut names: Vec<Pattern> = Vec::new();
        for allowed in &allowed {
            if let Peer::Name(pattern) = &allowed.peer
                && !names.contains(pattern)
            {
                names.push(pattern.clone());
            }
        }
        let mut chain = Vec::new();
        let mut add = |matches: Vec<Match>, actions: Vec<Action>| {
            chain.push(nft::Rule { matches, actions });
        };
        add(vec![Match::Out("lo".into())], vec![Action::Accept]);
        add(vec![Match::Established], vec![Action::Accept]);
        for (first, last) in [(130, 137), (143, 143)] {
            add(vec![Match::Icmp6(first, last)], vec![Action::Accept]);
        }
        for address in METADATA {
            if !allowed.iter().any(|allowed| allowed.names(address)) {
                refuse(vec![Match::To(host(address))], &[SetKind::of(address)], &mut add);
            }
        }
        for allowed in &allowed {
            for matches in matches(allowed, &names) {
                add(matches, vec![Action::Accept]);
            }
        }
        if restricts {
            refuse(Vec::new(), &SetKind::ALL, &mut add);
        }
        let output =
            Chain { name: "output".into(), hook: Hook::Output, drops: restricts, rules: chain };
        let table = Table { name: TABLE.into(), sets: sets(names.len()), chains: vec![output] };
        Self { table, names, restricts }
    }

    /// Puts the rules in force in the network namespace of the socket.
    ///
    /// # Errors
    /// When the kernel refuses; then none is in force.
    pub fn place(&self, socket: &Socket) -> Result<(), NftError> {
        let mut batch = Batch::default();
        batch.replace(&self.table);
        batch.send(socket)
    }
}

/// What was refused so far.
///
/// # Errors
/// When the sets cannot be read.
pub fn refused(socket: &Socket) -> Result<Vec<Attempt>, NftError> {
    let mut found = Vec::new();
    for kind in SetKind::ALL {
        found.extend(nft::read::attempts(socket, TABLE, refused_name(kind), kind)?);
    }
    found.sort();
    Ok(found)
}

fn host(address: IpAddr) -> Network {
    Network { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
}

fn sets(names: usize) -> Vec<Set> {
    let of_names = (0..names).flat_map(|place| {
        SetKind::ALL.map(|kind| Set {
            name: set_name(place, kind),
            kind,
            holds: Holds::Addresses,
            size: LEARNT,
        })
    });
    let of_refused = SetKind::ALL.map(|kind| Set {
        name: refused_name(kind).into(),
        kind,
        holds: Holds::Attempts,
        size: NOTED,
    });
    of_names.chain(of_refused).collect()
}

/// Every combination of matches that an allowed destination stands for.
fn matches(allowed: &Allowed, names: &[Pattern]) -> Vec<Vec<Match>> {
    let peers = match &allowed.peer {
        Peer::Network(network) => vec![Match::To(*network)],
        Peer::Name(pattern) => {
            let place = names.iter().position(|name| name == pattern).unwrap_or_default();
            SetKind::ALL.map(|kind| Match::ToSet(kind, set_name(place, kind))).into()
        }
    };
    let protocols = match allowed.ports.protocol {
        Some(protocol) => vec![protocol],
        None => vec![Protocol::Tcp, Protocol::Udp],
    };
    let port = Match::Port(allowed.ports.first, allowed.ports.last);
    let combine = |peer: &Match| {
        let peer = peer.clone();
        let port = port.clone();
        protocols
            .iter()
            .map(move |protocol| vec![peer.clone(), Match::Protocol(*protocol), port.clone()])
    };
    peers.iter().flat_map(combine).collect()
}

/// Notes, counts and refuses what matches.
fn refuse(matches: Vec<Match>, kinds: &[SetKind], add: &mut impl FnMut(Vec<Match>, Vec<Action>)) {
    for kind in kinds {
        let messages = if *kind == SetKind::V4 { Protocol::Icmp } else { Protocol::Icmp6 };
        for protocol in [Protocol::Tcp, Protocol::Udp, messages] {
            let matches = matches.iter().cloned().chain([Match::Protocol(protocol)]).collect();
            let set = refused_name(*kind).to_owned();
            add(matches, vec![Action::Note(*kind, set, protocol != messages)]);
        }
    }
    add(matches, vec![Action::Count, Action::Reject]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rules: &[&str]) -> String {
        let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Firewall::new(&rules).table.to_string()
    }

    #[test]
    fn without_rules_only_metadata_is_refused() {
        let table = text(&[]);
        assert!(table.contains("hook output priority 0; policy accept;"), "{table}");
        assert!(table.contains("ip daddr 169.254.169.254/32 counter reject"), "{table}");
        assert!(!table.contains("\n    counter reject"), "{table}");
    }

    #[test]
    fn with_any_rule_all_else_is_refused() {
        for rules in [&["deny"][..], &["192.0.2.1:443"]] {
            let table = text(rules);
            assert!(table.contains("policy drop;"), "{table}");
            assert!(
                table.contains("\n    counter reject with icmpx admin-prohibited\n"),
                "{table}"
            );
        }
    }

    #[test]
    fn metadata_is_reached_only_when_named() {
        let refusal = "ip daddr 169.254.169.254/32 counter reject";
        assert!(text(&["0.0.0.0/0:*"]).contains(refusal));
        assert!(!text(&["169.254.169.254:80"]).contains(refusal));
        let before = text(&["0.0.0.0/0:*"]);
        assert!(before.find(refusal) < before.find("ip daddr 0.0.0.0/0"));
    }

    #[test]
    fn a_name_has_one_set_a_version_for_all_its_ports() {
        let rules = ["example.org:443", "example.org:53/udp", "*.example.org:80"];
        let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let firewall = Firewall::new(&rules);
        assert_eq!(firewall.names.len(), 2);
        let text = firewall.table.to_string();
        for wanted in [
            "ip daddr @name0-v4 meta l4proto tcp th dport 443 accept",
            "ip6 daddr @name0-v6 meta l4proto udp th dport 53 accept",
            "ip daddr @name1-v4 meta l4proto tcp th dport 80 accept",
        ] {
            assert!(text.contains(wanted), "{text}");
        }
    }
}
