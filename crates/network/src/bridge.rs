//! The machine's side of a network of containers: a bridge, and rules that keep it apart.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use cofferdam_sys::netlink::{Netlink, Socket, route::Network as Prefix};
use rustix::io::Errno;

use crate::{
    nft::{Action, Batch, Chain, Hook, Match, NftError, Protocol, Rule, Table},
    port::Port,
};

/// Most networks of a machine.
pub const NETWORKS: u8 = 255;

/// A network of containers on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Which of the machine's; its addresses follow from it.
    pub number: u8,
    /// The 40 random bits of the machine's own part of IPv6's private addresses (RFC 4193); `None`
    /// where the machine has no IPv6.
    pub random: Option<[u8; 5]>,
    /// Whether its containers reach one another.
    pub shared: bool,
}

/// Why a network is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// A device.
    #[error("could not {doing} the network device '{name}'")]
    Device {
        /// What was tried.
        doing: &'static str,
        /// Its name.
        name: String,
        /// Why.
        source: Errno,
    },
    /// A setting of the kernel.
    #[error("could not set '{path}' to {value}")]
    Setting {
        /// Its file.
        path: PathBuf,
        /// What it should be.
        value: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Rules.
    #[error(transparent)]
    Rules(#[from] NftError),
}

impl Bridge {
    /// The name of its device.
    #[must_use]
    pub fn device(&self) -> String {
        format!("cfd{}", self.number)
    }

    /// The name of its rules.
    #[must_use]
    pub fn table_name(&self) -> String {
        format!("cofferdam-{}", self.device())
    }

    /// The device on this machine of the container with this number.
    #[must_use]
    pub fn port_device(&self, host: u8) -> String {
        format!("{}c{host}", self.device())
    }

    /// The name of the rules for its published ports.
    #[must_use]
    pub fn port_table(&self, host: u8) -> String {
        format!("cofferdam-{}", self.port_device(host))
    }

    /// The IPv4 address of the machine (1) or a container in the network.
    #[must_use]
    pub const fn v4(&self, host: u8) -> Prefix {
        Prefix { address: IpAddr::V4(Ipv4Addr::new(10, 209, self.number, host)), prefix: 24 }
    }

    /// The IPv6 address.
    #[must_use]
    pub fn v6(&self, host: u8) -> Option<Prefix> {
        let [a, b, c, d, e] = self.random?;
        let number = self.number;
        let address = [0xfd, a, b, c, d, e, 0, number, 0, 0, 0, 0, 0, 0, 0, host];
        Some(Prefix { address: IpAddr::V6(Ipv6Addr::from(address)), prefix: 64 })
    }

    /// Both.
    #[must_use]
    pub fn addresses(&self, host: u8) -> Vec<Prefix> {
        [self.v4(host)].into_iter().chain(self.v6(host)).collect()
    }

    /// What keeps the network apart from others and lets its containers out.
    #[must_use]
    pub fn table(&self) -> Table {
        let device = self.device();
        let rule = |matches: Vec<Match>, actions: Vec<Action>| Rule { matches, actions };
        let inward = || Match::In(device.clone());
        let outward = || Match::Out(device.clone());
        let loopback = Prefix { address: Ipv4Addr::new(127, 0, 0, 0).into(), prefix: 8 };
        // Services of this machine for itself, reachable because published ports are on loopback.
        let early = vec![rule(vec![inward(), Match::To(loopback)], vec![Action::Drop])];
        let input = vec![
            rule(vec![inward(), Match::Established], vec![Action::Accept]),
            rule(vec![inward(), Match::Protocol(Protocol::Icmp)], vec![Action::Accept]),
            rule(vec![inward(), Match::Protocol(Protocol::Icmp6)], vec![Action::Accept]),
            rule(vec![inward()], vec![Action::Count, Action::Drop]),
        ];
        let mut forward = vec![
            rule(vec![outward(), Match::Established], vec![Action::Accept]),
            rule(vec![outward(), Match::Redirected], vec![Action::Accept]),
        ];
        if self.shared {
            forward.push(rule(vec![inward(), outward()], vec![Action::Accept]));
        }
        forward.push(rule(vec![outward()], vec![Action::Count, Action::Drop]));
        let mut masquerade = Vec::new();
        for network in self.addresses(0) {
            let own = Match::From(network);
            let out = vec![own.clone(), Match::OutOther(device.clone())];
            masquerade.push(rule(out, vec![Action::Masquerade]));
            // A container that takes the way over this machine to a neighbour's published port.
            let round = vec![own, outward(), Match::Redirected];
            masquerade.push(rule(round, vec![Action::Masquerade]));
        }
        masquerade.push(rule(vec![Match::From(loopback), outward()], vec![Action::Masquerade]));
        let chain =
            |name: &str, hook, rules| Chain { name: name.into(), hook, drops: false, rules };
        Table {
            name: self.table_name(),
            sets: Vec::new(),
            chains: vec![
                chain("early", Hook::Early, early),
                chain("input", Hook::Input, input),
                chain("forward", Hook::Forward, forward),
                chain("postrouting", Hook::Masquerade, masquerade),
            ],
        }
    }

    /// What leads published ports to the container with this number.
    #[must_use]
    pub fn ports(&self, host: u8, ports: &[Port]) -> Table {
        let mut rules = Vec::new();
        for port in ports {
            for inside in self.addresses(host) {
                let any = match inside.address {
                    IpAddr::V4(_) => Prefix { address: Ipv4Addr::UNSPECIFIED.into(), prefix: 0 },
                    IpAddr::V6(_) => Prefix { address: Ipv6Addr::UNSPECIFIED.into(), prefix: 0 },
                };
                let to = match port.address {
                    Some(address) if address.is_ipv4() != inside.address.is_ipv4() => continue,
                    Some(address) if address.is_ipv4() => Prefix { address, prefix: 32 },
                    Some(address) => Prefix { address, prefix: 128 },
                    None => any,
                };
                rules.push(Rule {
                    matches: vec![
                        Match::To(to),
                        Match::Local,
                        Match::Protocol(port.protocol),
                        Match::Port(port.outside, port.outside),
                    ],
                    actions: vec![Action::Redirect(inside.address, port.inside)],
                });
            }
        }
        // What goes to the loopback address of IPv6 cannot leave the machine.
        let own = Prefix { address: Ipv6Addr::LOCALHOST.into(), prefix: 128 };
        let own = Rule { matches: vec![Match::To(own)], actions: vec![Action::Accept] };
        let from_here = [own].into_iter().chain(rules.iter().cloned()).collect();
        let chain =
            |name: &str, hook, rules| Chain { name: name.into(), hook, drops: false, rules };
        Table {
            name: self.port_table(host),
            sets: Vec::new(),
            chains: vec![
                chain("prerouting", Hook::RedirectIncoming, rules),
                chain("output", Hook::RedirectOwn, from_here),
            ],
        }
    }

    /// Makes the bridge if it is not there, and puts its rules in force before it is up.
    ///
    /// # Errors
    /// When something of it is refused.
    pub fn ensure(&self, netlink: &Netlink, rules: &Socket) -> Result<(), BridgeError> {
        let name = self.device();
        let failed = |doing| {
            let name = name.clone();
            move |source| BridgeError::Device { doing, name, source }
        };
        let hardware = [0x02, 0xcf, 0xda, 0, 0, self.number];
        match netlink.make_bridge(&name, hardware) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed("make")(error)),
        }
        self.forward()?;
        let mut batch = Batch::default();
        batch.replace(&self.table());
        batch.send(rules)?;
        set(&format!("ipv4/conf/{name}/route_localnet"), "1")?;
        if self.random.is_some() {
            // Whoever is on the bridge does not tell this machine where to send packets.
            set(&format!("ipv6/conf/{name}/accept_ra"), "0")?;
        }
        let index = netlink.index(&name).map_err(failed("find"))?;
        for address in self.addresses(1) {
            netlink.give(index, address).map_err(failed("give an address to"))?;
        }
        netlink.set_up(index).map_err(failed("set up"))
    }

    /// Has the machine pass packets on.
    fn forward(&self) -> Result<(), BridgeError> {
        if !is("ipv4/ip_forward", "1") {
            set("ipv4/ip_forward", "1")?;
        }
        if self.random.is_some() && !is("ipv6/conf/all/forwarding", "1") {
            // A router takes no routes from others unless told to: this machine goes on doing so.
            for device in devices_that_learn_routes() {
                set(&format!("ipv6/conf/{device}/accept_ra"), "2")?;
            }
            set("ipv6/conf/all/forwarding", "1")?;
        }
        Ok(())
    }

    /// Removes the bridge and its rules.
    ///
    /// # Errors
    /// When they cannot be removed; that they are not there is none.
    pub fn remove(&self, netlink: &Netlink, rules: &Socket) -> Result<(), BridgeError> {
        remove_device(netlink, &self.device())?;
        let mut batch = Batch::default();
        batch.remove(&self.table_name());
        Ok(batch.send(rules)?)
    }

    /// Removes what there is on this machine of a container that is gone.
    ///
    /// # Errors
    /// When it cannot be removed; that it is not there is none.
    pub fn remove_container(
        &self,
        host: u8,
        netlink: &Netlink,
        rules: &Socket,
    ) -> Result<(), BridgeError> {
        remove_device(netlink, &self.port_device(host))?;
        let mut batch = Batch::default();
        batch.remove(&self.port_table(host));
        Ok(batch.send(rules)?)
    }
}

fn remove_device(netlink: &Netlink, name: &str) -> Result<(), BridgeError> {
    match netlink.index(name).and_then(|index| netlink.delete(index)) {
        Ok(()) | Err(Errno::NODEV) => Ok(()),
        Err(source) => Err(BridgeError::Device { doing: "remove", name: name.into(), source }),
    }
}

fn devices_that_learn_routes() -> Vec<String> {
    let all = fs::read_dir("/proc/sys/net/ipv6/conf").into_iter().flatten().flatten();
    let names = all.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| is(&format!("ipv6/conf/{name}/accept_ra"), "1")).collect()
}

/// Whether the machine has IPv6.
#[must_use]
pub fn has_ipv6() -> bool {
    is("ipv6/conf/all/disable_ipv6", "0")
}

fn is(setting: &str, value: &str) -> bool {
    let path = Path::new("/proc/sys/net").join(setting);
    fs::read_to_string(path).is_ok_and(|found| found.trim() == value)
}

/// Sets one of the kernel's settings of the present network namespace.
pub(crate) fn set(setting: &str, value: &'static str) -> Result<(), BridgeError> {
    let path = Path::new("/proc/sys/net").join(setting);
    fs::write(&path, value).map_err(|source| BridgeError::Setting { path, value, source })
}
