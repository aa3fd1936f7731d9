//! What a container may reach: `deny`, `192.0.2.1:443`, `10.0.0.0/8:5432`, `[2001:db8::/32]:443`,
//! `example.org:443`, `*.example.org:443`.

use std::{fmt, net::IpAddr, str::FromStr};

use cofferdam_sys::netlink::route::Network;

use crate::{
    dns::name::{NameError, Pattern},
    nft::Protocol,
};

/// Most rules of a container.
pub const RULES: usize = 256;

/// One `--egress`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Nothing but what other rules allow.
    Deny,
    /// Something that may be reached.
    Allow(Allowed),
}

/// Something that may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Where.
    pub peer: Peer,
    /// By which ports.
    pub ports: Ports,
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// At an address of a network.
    Network(Network),
    /// Under a name.
    Name(Pattern),
}

/// Ports of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// TCP or UDP; `None` is both.
    pub protocol: Option<Protocol>,
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// A rule that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// No port.
    #[error("a port is missing in '{0}', such as 443, 8000-8010, 53/udp or *")]
    NoPort(String),
    /// Not a port.
    #[error("'{0}' is no port, such as 443, 8000-8010, 53/udp or *")]
    Port(String),
    /// Not an address or network.
    #[error("'{0}' is no address or network, such as 192.0.2.1, 10.0.0.0/8 or [2001:db8::/32]")]
    Network(String),
    /// Not a name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Allowed {
    /// Whether the address is named so closely that nothing else can have been meant.
    #[must_use]
    pub fn names(&self, address: IpAddr) -> bool {
        let closest = if address.is_ipv4() { 16 } else { 32 };
        match &self.peer {
            Peer::Network(network) => network.prefix >= closest && network.contains(address),
            Peer::Name(_) => false,
        }
    }
}

impl FromStr for Rule {
    type Err = EgressError;

    fn from_str(text: &str) -> Result<Self, EgressError> {
        if text == "deny" {
            return Ok(Self::Deny);
        }
        let (peer, ports) = match text.strip_prefix('[') {
            Some(rest) => {
                let (inside, after) =
                    rest.split_once(']').ok_or_else(|| EgressError::Network(text.to_owned()))?;
                (Peer::Network(network(inside)?), after.strip_prefix(':'))
            }
            None => match text.rsplit_once(':') {
                // Without brackets it cannot be told where an IPv6 address ends.
                Some((peer, _)) if peer.contains(':') => {
                    return Err(EgressError::Network(peer.to_owned()));
                }
                Some((peer, ports)) => (self::peer(peer)?, Some(ports)),
                None => (peer(text)?, None),
            },
        };
        let ports = ports.ok_or_else(|| EgressError::NoPort(text.to_owned()))?;
        Ok(Self::Allow(Allowed { peer, ports: ports.parse()? }))
    }
}

fn peer(text: &str) -> Result<Peer, EgressError> {
    // A top-level domain is no number: what ends in one is meant as an address.
    let last = text.rsplit('.').next().unwrap_or_default();
    if text.contains('/') || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return network(text).map(Peer::Network);
    }
    Ok(Peer::Name(text.parse()?))
}

fn network(text: &str) -> Result<Network, EgressError> {
    let wrong = || EgressError::Network(text.to_owned());
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_err(|_| wrong())?
        }
        Some(_) => return Err(wrong()),
        None => most,
    };
    if prefix > most {
        return Err(wrong());
    }
    Ok(Network { address, prefix })
}

impl FromStr for Ports {
    type Err = EgressError;

    /// `443`, `8000-8010`, `*`, each with `/tcp` or `/udp`; without, a number is of TCP.
    fn from_str(text: &str) -> Result<Self, EgressError> {
        let wrong = || EgressError::Port(text.to_owned());
        let (range, protocol) = match text.split_once('/') {
            Some((range, "tcp")) => (range, Some(Protocol::Tcp)),
            Some((range, "udp")) => (range, Some(Protocol::Udp)),
            Some(_) => return Err(wrong()),
            None => (text, None),
        };
        if range == "*" {
            return Ok(Self { protocol, first: 0, last: u16::MAX });
        }
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse().ok().filter(|port| *port != 0).ok_or_else(wrong);
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(wrong());
        }
        Ok(Self { protocol: protocol.or(Some(Protocol::Tcp)), first, last })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deny => f.write_str("deny"),
            Self::Allow(allowed) => allowed.fmt(f),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer {
            Peer::Network(network) if network.address.is_ipv6() => write!(f, "[{network}]")?,
            Peer::Network(network) => write!(f, "{network}")?,
            Peer::Name(pattern) => write!(f, "{pattern}")?,
        }
        write!(f, ":{}", self.ports)
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (0, u16::MAX) => f.write_str("*")?,
            (first, last) if first == last => write!(f, "{first}")?,
            (first, last) => write!(f, "{first}-{last}")?,
        }
        self.protocol.map_or(Ok(()), |protocol| write!(f, "/{}", protocol.name()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rules_are_read() {
        for (text, wanted) in [
            ("deny", "deny"),
            ("192.0.2.1:443", "192.0.2.1/32:443/tcp"),
            ("10.0.0.0/8:5432", "10.0.0.0/8:5432/tcp"),
            ("0.0.0.0/0:*", "0.0.0.0/0:*"),
            ("[2001:db8::1]:443", "[2001:db8::1/128]:443/tcp"),
            ("[2001:db8::/32]:53/udp", "[2001:db8::/32]:53/udp"),
            ("Example.org:8000-8010", "example.org:8000-8010/tcp"),
            ("*.example.org:443/udp", "*.example.org:443/udp"),
            ("localhost:80", "localhost:80/tcp"),
            ("example.org:*/tcp", "example.org:*/tcp"),
        ] {
            let rule = text.parse::<Rule>().unwrap();
            assert_eq!(rule.to_string(), wanted, "{text}");
            assert_eq!(wanted.parse::<Rule>().unwrap(), rule, "{wanted}");
        }
    }

    #[test]
    fn what_is_doubtful_is_refused() {
        for text in [
            "",
            "allow",
            "example.org",
            "192.0.2.1",
            "192.0.2.1/33:1",
            "192.0.2:1",
            "300.1.1.1:1",
            "10.0.0.0/:1",
            "10.0.0.0/+8:1",
            "2001:db8::1:443",
            "[2001:db8::1]",
            "[2001:db8::1]443",
            "[::1:80",
            "example.org:0",
            "example.org:65536",
            "example.org:9-8",
            "example.org:80/sctp",
            "example.org:",
            ":80",
            "exam ple.org:80",
            "*:80",
            "https://example.org:443",
            "a:b:c",
            "1.2.3.4/24/25:80",
            "example.org/24:80",
            "example.org:*-*",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_named_by_what_means_little_else() {
        let names = |rule: &str, address: &str| match rule.parse().unwrap() {
            Rule::Allow(allowed) => allowed.names(address.parse().unwrap()),
            Rule::Deny => false,
        };
        assert!(names("169.254.169.254:80", "169.254.169.254"));
        assert!(names("169.254.0.0/16:80", "169.254.169.254"));
        assert!(!names("0.0.0.0/0:80", "169.254.169.254"));
        assert!(!names("169.254.169.253:80", "169.254.169.254"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_rule_or_none(text in ".{0,64}") {
            if let Ok(rule) = text.parse::<Rule>() {
                prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
            }
        }
    }
}
