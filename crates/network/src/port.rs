//! Published ports: `8080:80`, `127.0.0.1:8080:80`, `[::1]:8080:80/udp`.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    str::FromStr,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use crate::nft::Protocol;

/// Most published ports of a container.
pub const PORTS: usize = 128;

/// A port of this machine that leads into a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The address of this machine; `None` is any.
    pub address: Option<IpAddr>,
    /// The port of this machine.
    pub outside: u16,
    /// The port of the container.
    pub inside: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// A port that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not [ADDRESS:]PORT:PORT[/tcp|udp], such as 8080:80 or 127.0.0.1:5353:53/udp")]
pub struct PortError(String);

/// A port that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("could not reserve port {port}")]
pub struct ReserveError {
    /// Which.
    pub port: Port,
    /// Why: `EADDRINUSE` when a program has it, `EADDRNOTAVAIL` for an address of another machine.
    pub source: rustix::io::Errno,
}

impl Port {
    /// Whether both stand for some address and port of this machine in common.
    #[must_use]
    pub fn conflicts(&self, other: &Self) -> bool {
        let apart = matches!((self.address, other.address), (Some(one), Some(two)) if one != two);
        self.protocol == other.protocol && self.outside == other.outside && !apart
    }

    /// Takes the port, so that no program of this machine gets it: who holds the sockets that are
    /// returned has it. Nothing listens on them.
    ///
    /// # Errors
    /// When a program has it.
    pub fn reserve(&self) -> Result<Vec<OwnedFd>, ReserveError> {
        let any: [IpAddr; 2] = [[0; 4].into(), [0; 16].into()];
        let addresses = self.address.map_or(any.to_vec(), |address| vec![address]);
        let mut sockets = Vec::new();
        for address in addresses {
            match reserve(SocketAddr::new(address, self.outside), self.protocol) {
                Ok(socket) => sockets.push(socket),
                // Without IPv6 nobody else can have it there.
                Err(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL)
                    if self.address.is_none() && address.is_ipv6() => {}
                Err(source) => return Err(ReserveError { port: *self, source }),
            }
        }
        Ok(sockets)
    }
}

fn reserve(at: SocketAddr, protocol: Protocol) -> rustix::io::Result<OwnedFd> {
    let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let kind = if protocol == Protocol::Udp { SocketType::DGRAM } else { SocketType::STREAM };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if at.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    // Without SO_REUSEADDR, with which two that do not listen could share it.
    bind(&socket, &at)?;
    Ok(socket)
}

impl FromStr for Port {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        parse(text).ok_or_else(|| PortError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Port> {
    let (rest, protocol) = match text.split_once('/') {
        Some((rest, "tcp")) => (rest, Protocol::Tcp),
        Some((rest, "udp")) => (rest, Protocol::Udp),
        Some(_) => return None,
        None => (text, Protocol::Tcp),
    };
    let (rest, inside) = rest.rsplit_once(':')?;
    let (address, outside) = match rest.rsplit_once(':') {
        Some((address, outside)) => (Some(address), outside),
        None => (None, rest),
    };
    let address = match address {
        None => None,
        Some(address) => Some(match address.strip_prefix('[') {
            Some(inside) => IpAddr::V6(inside.strip_suffix(']')?.parse().ok()?),
            None => IpAddr::V4(address.parse().ok()?),
        }),
    };
    // The unspecified address is every one.
    let address = address.filter(|address| !address.is_unspecified());
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| digits && *port != 0)
    };
    Some(Port { address, outside: number(outside)?, inside: number(inside)?, protocol })
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            None => {}
        }
        write!(f, "{}:{}/{}", self.outside, self.inside, self.protocol.name())
    }
}

impl serde::Serialize for Port {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Port {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read() {
        for (text, wanted) in [
            ("8080:80", Some("8080:80/tcp")),
            ("127.0.0.1:53:5353/udp", Some("127.0.0.1:53:5353/udp")),
            ("[::1]:8080:80/tcp", Some("[::1]:8080:80/tcp")),
            ("0.0.0.0:1:2", Some("1:2/tcp")),
            ("80", None),
            ("", None),
            (":80:80", None),
            ("::1:80:80", None),
            ("host:80:80", None),
            ("80:0", None),
            ("+80:80", None),
            ("65536:80", None),
            ("80:80/sctp", None),
            ("1:2:3:4", None),
        ] {
            let read = text.parse::<Port>().map(|port| port.to_string()).ok();
            assert_eq!(read.as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn ports_conflict_when_one_packet_could_be_for_both() {
        let conflict =
            |one: &str, two: &str| one.parse::<Port>().unwrap().conflicts(&two.parse().unwrap());
        assert!(conflict("80:1", "80:2") && conflict("127.0.0.1:80:1", "80:2"));
        assert!(!conflict("127.0.0.1:80:1", "127.0.0.2:80:2"));
        assert!(!conflict("80:1", "80:1/udp") && !conflict("80:1", "81:1"));
    }

    #[test]
    fn a_reserved_port_is_nobody_elses() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap().port();
        let port: Port = format!("127.0.0.1:{taken}:80").parse().unwrap();
        let error = port.reserve().unwrap_err();
        assert_eq!(error.source, rustix::io::Errno::ADDRINUSE);
        drop(listener);
        let held = port.reserve().unwrap();
        assert!(std::net::TcpListener::bind(("127.0.0.1", taken)).is_err());
        drop(held);
    }
}
