//! Devices, addresses and routes that are made: what the network of a container consists of.

use std::{
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
};

use rustix::io::{self, Errno};

use super::{
    Netlink, link,
    message::{ACKNOWLEDGE, CREATE, DUMP, EXCLUSIVE, REQUEST, Request, attribute},
    terminated,
};

const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const SET_LINK: u16 = 19;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;

const LINK_ADDRESS: u16 = 1;
const LINK_NAME: u16 = 3;
const LINK_MASTER: u16 = 10;
const LINK_PROTOCOL: u16 = 12;
const LINK_INFORMATION: u16 = 18;
const LINK_NAMESPACE: u16 = 28;
const KIND: u16 = 1;
const KIND_DATA: u16 = 2;
const PEER: u16 = 1;
const PORT_ISOLATED: u16 = 33;

const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const ADDRESS_FLAGS: u16 = 8;
const PERMANENT_UNCHECKED: u32 = 0x80 | 0x2;

const DESTINATION: u16 = 1;
const OUTGOING: u16 = 4;
const GATEWAY: u16 = 5;
const MAIN_TABLE: u8 = 254;
/// Set by an administrator's program at start (`RTPROT_BOOT`).
const BOOT: u8 = 3;
const UNICAST: u8 = 1;

const BRIDGE_FAMILY: u8 = 7;

/// An address and how many of its bits are the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// An address in it.
    pub address: IpAddr,
    /// Bits of the network, up to 32 or 128.
    pub prefix: u8,
}

impl Network {
    /// Whether the address is in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        let prefix = u32::from(self.prefix).min(128);
        let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or_default();
        self.address.is_ipv4() == address.is_ipv4()
            && bits(self.address) & mask == bits(address) & mask
    }

    /// Whether some address is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (wide, narrow) =
            if self.prefix <= other.prefix { (self, other) } else { (other, self) };
        wide.contains(narrow.address)
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Netlink {
    /// Makes a bridge whose hardware address stays what it is.
    ///
    /// # Errors
    /// `EEXIST` when the name is taken, `EOPNOTSUPP` when the kernel has no bridges.
    pub fn make_bridge(&self, name: &str, hardware: [u8; 6]) -> io::Result<()> {
        let mut request = new_link();
        request.attribute(LINK_NAME, &terminated(name)?);
        request.attribute(LINK_ADDRESS, &hardware);
        request.nested(LINK_INFORMATION, |information| information.text(KIND, "bridge"));
        self.0.ask(request).map(drop)
    }

    /// Makes two devices of which one sends what the other gets: `name` here, `peer` in the other
    /// network namespace.
    ///
    /// # Errors
    /// `EEXIST` when a name is taken, `EOPNOTSUPP` when the kernel has no such devices.
    pub fn make_pair(&self, name: &str, peer: &str, namespace: BorrowedFd<'_>) -> io::Result<()> {
        let (name, peer) = (terminated(name)?, terminated(peer)?);
        let mut request = new_link();
        request.attribute(LINK_NAME, &name);
        request.nested(LINK_INFORMATION, |information| {
            information.text(KIND, "veth");
            information.nested(KIND_DATA, |data| {
                data.nested(PEER, |inside| {
                    inside.bytes(&[0; 16]);
                    inside.attribute(LINK_NAME, &peer);
                    inside.attribute(LINK_NAMESPACE, &namespace.as_raw_fd().to_ne_bytes());
                });
            });
        });
        self.0.ask(request).map(drop)
    }

    /// Makes the device a port of the bridge; an isolated one reaches no other isolated one.
    ///
    /// # Errors
    /// As the kernel says; one before Linux 4.18 cannot isolate.
    pub fn attach(&self, index: u32, bridge: u32, isolated: bool) -> io::Result<()> {
        let mut request = Request::new(NEW_LINK, REQUEST | ACKNOWLEDGE, &link(index, 0)?);
        request.attribute(LINK_MASTER, &bridge.to_ne_bytes());
        self.0.ask(request)?;
        if !isolated {
            return Ok(());
        }
        let mut family = link(index, 0)?;
        family[0] = BRIDGE_FAMILY;
        let mut request = Request::new(SET_LINK, REQUEST | ACKNOWLEDGE, &family);
        request.nested(LINK_PROTOCOL, |port| port.attribute(PORT_ISOLATED, &[1]));
        self.0.ask(request).map(drop)
    }

    /// Removes the device, and its peer if it is one of a pair.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn delete(&self, index: u32) -> io::Result<()> {
        let request = Request::new(DELETE_LINK, REQUEST | ACKNOWLEDGE, &link(index, 0)?);
        self.0.ask(request).map(drop)
    }

    /// Gives the device an address that nobody else is asked about.
    ///
    /// # Errors
    /// As the kernel says; that it is there already is none.
    pub fn give(&self, index: u32, network: Network) -> io::Result<()> {
        let (family, address) = family_and_bytes(network.address);
        let mut header = [0; 8];
        header[0] = family;
        header[1] = network.prefix;
        header[4..8].copy_from_slice(&index.to_ne_bytes());
        let flags = REQUEST | ACKNOWLEDGE | CREATE | EXCLUSIVE;
        let mut request = Request::new(NEW_ADDRESS, flags, &header);
        request.attribute(LOCAL, &address);
        request.attribute(ADDRESS, &address);
        request.attribute(ADDRESS_FLAGS, &PERMANENT_UNCHECKED.to_ne_bytes());
        match self.0.ask(request) {
            Ok(_) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends what has no better route to the gateway, over the device.
    ///
    /// # Errors
    /// As the kernel says; that there is such a route already is none.
    pub fn route_default(&self, index: u32, gateway: IpAddr) -> io::Result<()> {
        let (family, address) = family_and_bytes(gateway);
        let header = [family, 0, 0, 0, MAIN_TABLE, BOOT, 0, UNICAST, 0, 0, 0, 0];
        let flags = REQUEST | ACKNOWLEDGE | CREATE | EXCLUSIVE;
        let mut request = Request::new(NEW_ROUTE, flags, &header);
        request.attribute(GATEWAY, &address);
        request.attribute(OUTGOING, &index.to_ne_bytes());
        match self.0.ask(request) {
            Ok(_) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The networks that there are routes to, without the default.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn routes(&self) -> io::Result<Vec<Network>> {
        let answer = self.0.ask(Request::new(GET_ROUTE, REQUEST | DUMP, &[0; 12]))?;
        let routes = answer.iter().filter(|message| message.kind == NEW_ROUTE);
        Ok(routes.filter_map(|message| destination(&message.body)).collect())
    }
}

fn new_link() -> Request {
    Request::new(NEW_LINK, REQUEST | ACKNOWLEDGE | CREATE | EXCLUSIVE, &[0; 16])
}

fn destination(body: &[u8]) -> Option<Network> {
    let (header, attributes) = body.split_at_checked(12)?;
    let value = attribute(attributes, DESTINATION)?;
    let address = match <[u8; 4]>::try_from(value) {
        Ok(bytes) => IpAddr::from(bytes),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(value).ok()?),
    };
    Some(Network { address, prefix: header[1] })
}

fn family_and_bytes(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (2, address.octets().to_vec()),
        IpAddr::V6(address) => (10, address.octets().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, prefix: u8) -> Network {
        Network { address: address.parse().unwrap(), prefix }
    }

    #[test]
    fn networks_overlap_when_one_is_in_the_other() {
        let wide = network("10.0.0.0", 8);
        assert!(wide.contains("10.255.0.1".parse().unwrap()));
        assert!(!wide.contains("11.0.0.1".parse().unwrap()));
        assert!(!wide.contains("::".parse().unwrap()));
        assert!(wide.overlaps(&network("10.1.2.0", 24)) && network("10.1.2.0", 24).overlaps(&wide));
        assert!(!network("10.1.2.0", 24).overlaps(&network("10.1.3.0", 24)));
        assert!(network("0.0.0.0", 0).overlaps(&network("192.0.2.1", 32)));
        assert!(network("fd00::", 8).overlaps(&network("fd12::1", 128)));
    }

    #[test]
    fn broken_routes_are_none() {
        assert_eq!(destination(&[0; 11]), None);
        assert_eq!(destination(&[0; 12]), None);
        let route =
            [&[2, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 1, 0][..], &[10, 1, 2, 0]].concat();
        assert_eq!(destination(&route), Some(network("10.1.2.0", 24)));
    }
}
