//! Rules as data: what a packet has to be, and what becomes of it. Their text is nft(8)'s.

use std::{fmt, net::IpAddr};

use cofferdam_sys::netlink::route::Network;

/// A rule: all matches have to hold, then the actions are done in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What the packet has to be.
    pub matches: Vec<Match>,
    /// What is done with it.
    pub actions: Vec<Action>,
}

/// Something that a packet is or is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It came in by this device.
    In(String),
    /// It goes out by this device.
    Out(String),
    /// It goes out by another device.
    OutOther(String),
    /// It belongs to a connection that was let through, or tells of trouble with one.
    Established,
    /// The destination of its connection was rewritten.
    Redirected,
    /// Its destination is an address of this machine.
    Local,
    /// It is of this protocol.
    Protocol(Protocol),
    /// It is a message about IPv6 of a type from the first to the last.
    Icmp6(u8, u8),
    /// It comes from this network.
    From(Network),
    /// It goes to this network.
    To(Network),
    /// It goes to an address in this set.
    ToSet(SetKind, String),
    /// It goes to a port from the first to the last; for TCP and UDP.
    Port(u16, u16),
}

/// Protocols above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Messages about IPv4.
    Icmp,
    /// Streams.
    Tcp,
    /// Datagrams.
    Udp,
    /// Messages about IPv6.
    Icmp6,
}

impl Protocol {
    /// Its number in IP (IANA, protocol numbers).
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Icmp => 1,
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Icmp6 => 58,
        }
    }

    /// Its name, as nft(8) and /etc/protocols have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp6 => "icmpv6",
        }
    }
}

/// Versions of IP that a set or a translation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetKind {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl SetKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// That of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// `ip` or `ip6`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }
}

/// What is done with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Let it through this chain.
    Accept,
    /// Let it vanish.
    Drop,
    /// Refuse it, and tell whoever sent it.
    Reject,
    /// Count it.
    Count,
    /// Note its destination in this set, with a count; with the port for TCP and UDP.
    Note(SetKind, String, bool),
    /// Send it to this address and port instead.
    Redirect(IpAddr, u16),
    /// Have it come from this machine's address.
    Masquerade,
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(name) => write!(f, "iifname \"{name}\""),
            Self::Out(name) => write!(f, "oifname \"{name}\""),
            Self::OutOther(name) => write!(f, "oifname != \"{name}\""),
            Self::Established => f.write_str("ct state established,related"),
            Self::Redirected => f.write_str("ct status dnat"),
            Self::Local => f.write_str("fib daddr type local"),
            Self::Protocol(protocol) => write!(f, "meta l4proto {}", protocol.name()),
            Self::Icmp6(first, last) => write!(f, "icmpv6 type {first}-{last}"),
            Self::From(network) => {
                write!(f, "{} saddr {network}", SetKind::of(network.address).word())
            }
            Self::To(network) => {
                write!(f, "{} daddr {network}", SetKind::of(network.address).word())
            }
            Self::ToSet(kind, set) => write!(f, "{} daddr @{set}", kind.word()),
            Self::Port(first, last) if first == last => write!(f, "th dport {first}"),
            Self::Port(first, last) => write!(f, "th dport {first}-{last}"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Reject => f.write_str("reject with icmpx admin-prohibited"),
            Self::Count => f.write_str("counter"),
            Self::Note(kind, set, port) => {
                let port = if *port { "th dport" } else { "0" };
                let word = kind.word();
                write!(f, "add @{set} {{ {word} daddr . meta l4proto . {port} counter }}")
            }
            Self::Redirect(IpAddr::V4(address), port) => {
                write!(f, "dnat ip to {address}:{port}")
            }
            Self::Redirect(IpAddr::V6(address), port) => {
                write!(f, "dnat ip6 to [{address}]:{port}")
            }
            Self::Masquerade => f.write_str("masquerade"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matches = self.matches.iter().map(ToString::to_string);
        let actions = self.actions.iter().map(ToString::to_string);
        f.write_str(&matches.chain(actions).collect::<Vec<_>>().join(" "))
    }
}
