//! From what is wanted to a network that is in force.

use std::{
    collections::HashSet,
    fs,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::{AsFd as _, OwnedFd},
};

use cofferdam_sys::{
    netlink::{Netlink, Socket},
    network::loopback_up,
};

use super::{
    DEVICE, Handed, KeeperError, bridge::OnBridge, chain, network::Network, pid_of,
    resolver::Running,
};
use crate::{
    bridge::{Bridge, set},
    enter::EnterError,
    firewall::Firewall,
    nft,
    pasta::Pasta,
    setup::{DNS, HOSTS_FILE, Mode, RESOLV_FILE, RESOLVER, Setup, resolv_text},
};

/// What can be had before there is a container.
pub(super) struct Prepared {
    pub(super) setup: Setup,
    firewall: Firewall,
    upstream: Vec<SocketAddr>,
    resolver: Option<Running>,
    bridge: Option<OnBridge>,
    /// Ports of this machine that nobody else gets.
    reserved: Vec<OwnedFd>,
}

impl Prepared {
    pub(super) fn new(setup: Setup) -> Result<Self, KeeperError> {
        let firewall = Firewall::new(&setup.rules()?);
        let upstream = setup.upstream(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
        let needed = setup.needs_resolver(&upstream);
        // First of all, while there is nothing here that it should not have.
        let resolver = needed.then(|| Running::start(&firewall, &upstream)).transpose()?;
        let mut reserved = Vec::new();
        let bridge = match &setup.mode {
            Mode::Pasta => None,
            Mode::Bridge(name) => {
                for port in &setup.ports {
                    reserved.extend(port.reserve()?);
                }
                Some(OnBridge::new(&setup, name.as_deref())?)
            }
        };
        Ok(Self { setup, firewall, upstream, resolver, bridge, reserved })
    }

    pub(super) fn give_back(self) -> Result<(), KeeperError> {
        self.bridge.map_or(Ok(()), |bridge| bridge.give_back())
    }

    /// Makes the container's network. What fails here is taken back.
    pub(super) fn make(mut self, handed: Handed) -> Result<Network, KeeperError> {
        match self.try_make(&handed) {
            Ok((rules, pasta)) => Ok(Network {
                setup: self.setup,
                firewall: self.firewall,
                process: handed.process,
                rules,
                resolver: self.resolver.take(),
                bridge: self.bridge.take(),
                _reserved: self.reserved,
                _pasta: pasta,
                known: HashSet::new(),
            }),
            Err(error) => {
                // What went wrong first counts.
                let _ = self.give_back();
                Err(error)
            }
        }
    }

    /// The container's network, and a connection to the rules in it.
    fn try_make(&mut self, handed: &Handed) -> Result<(Socket, Option<Pasta>), KeeperError> {
        let pid = pid_of(&handed.process)?;
        if let Some(bridge) = &self.bridge {
            bridge.connect(handed, pid)?;
        }
        let addresses =
            self.bridge.as_ref().map(|bridge| (&bridge.lease.bridge, bridge.lease.host));
        let with_resolver = self.resolver.is_some();
        let firewall = &self.firewall;
        let mut opened = handed
            .namespaces
            .inside(|| inside(firewall, addresses, with_resolver).map_err(|error| chain(&error)))?
            .into_iter();
        let rules = opened.next().ok_or(EnterError::Silent)?;
        if let Some(resolver) = &self.resolver {
            let client = opened.next().ok_or(EnterError::Silent)?;
            let sent = resolver.channel.send(b"client", &[client.as_fd()]);
            sent.map_err(|source| KeeperError::Kernel { doing: "reach the resolver", source })?;
        }
        self.write_files()?;
        let pasta = match self.setup.mode {
            Mode::Pasta => Some(Pasta::start(&self.setup.ports, &self.setup.directory, pid)?),
            Mode::Bridge(_) => None,
        };
        if let Some(bridge) = &self.bridge {
            bridge.publish(&self.setup)?;
        }
        Ok((Socket::from(rules), pasta))
    }

    /// Fills the files that the container sees.
    fn write_files(&self) -> Result<(), KeeperError> {
        let own = self.bridge.as_ref().map(|on| on.lease.bridge.addresses(on.lease.host));
        let own: Vec<IpAddr> =
            own.unwrap_or_default().iter().map(|network| network.address).collect();
        let servers: Vec<IpAddr> = match self.resolver {
            Some(_) => vec![RESOLVER],
            None => self.upstream.iter().map(SocketAddr::ip).collect(),
        };
        for (file, text) in
            [(HOSTS_FILE, self.setup.hosts_text(&own)), (RESOLV_FILE, resolv_text(&servers))]
        {
            let path = self.setup.directory.join(file);
            // Written in place: the container may hold the very file by now.
            fs::write(&path, text).map_err(|source| {
                let path = path.display().to_string();
                KeeperError::File { doing: "write", path, source }
            })?;
        }
        Ok(())
    }
}

/// What is done in the container's network namespace, the firewall first: nothing can go out
/// before it is there. Opens the connection to its rules, and the resolver's socket.
fn inside(
    firewall: &Firewall,
    bridge: Option<(&Bridge, u8)>,
    resolver: bool,
) -> Result<Vec<OwnedFd>, KeeperError> {
    let rules = nft::open()?;
    firewall.place(&rules)?;
    let mut opened: Vec<OwnedFd> = vec![rules.into()];
    let failed = |doing| move |source| KeeperError::Device { doing, source };
    loopback_up().map_err(failed("set up the loopback beside"))?;
    if let Some((bridge, host)) = bridge {
        let netlink = Netlink::open().map_err(failed("ask for"))?;
        let index = netlink.index(DEVICE).map_err(failed("find"))?;
        if bridge.random.is_some() {
            // Who is on the bridge too does not tell the container where to send packets.
            set(&format!("ipv6/conf/{DEVICE}/accept_ra"), "0")?;
        }
        netlink.set_up(index).map_err(failed("set up"))?;
        for address in bridge.addresses(host) {
            netlink.give(index, address).map_err(failed("give an address to"))?;
        }
        for gateway in bridge.addresses(1) {
            netlink.route_default(index, gateway.address).map_err(failed("route over"))?;
        }
    }
    if resolver {
        let at = SocketAddr::new(RESOLVER, DNS);
        let socket = UdpSocket::bind(at).map_err(|source| KeeperError::File {
            doing: "answer the container's questions at",
            path: at.to_string(),
            source,
        })?;
        opened.push(socket.into());
    }
    Ok(opened)
}
