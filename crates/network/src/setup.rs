//! What a container's network is to be, told to the keeper in a file.

use std::{
    fmt::Write as _,
    fs, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{egress::Rule, port::Port};

/// Where the container finds the resolver: an address of its own loopback.
pub const RESOLVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 53));
/// The port of the domain name system.
pub const DNS: u16 = 53;
/// Most servers that a C library asks.
const SERVERS: usize = 3;

/// The file of the container's own names and addresses, in its directory.
pub const HOSTS_FILE: &str = "hosts";
/// The file that says where names are looked up.
pub const RESOLV_FILE: &str = "resolv.conf";
/// The file that says what was refused.
pub const REFUSED_FILE: &str = "refused.json";
/// The socket that the network is handed over at.
pub const SOCKET_FILE: &str = "network.sock";
/// The file that this is told in.
pub const SETUP_FILE: &str = "network.json";

/// How a container's packets get out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By a bridge of this machine; with a name, together with others.
    Bridge(Option<String>),
    /// By the program `pasta`, which speaks for the container as an ordinary user.
    Pasta,
}

/// What a container's network is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The container's name.
    pub container: String,
    /// How its packets get out.
    pub mode: Mode,
    /// Its published ports.
    pub ports: Vec<Port>,
    /// What it may reach; empty is anything but metadata services.
    pub egress: Vec<String>,
    /// Servers that names are looked up at, instead of this machine's.
    pub servers: Vec<IpAddr>,
    /// Names that it knows beside its own.
    pub hosts: Vec<(String, IpAddr)>,
    /// Its host name.
    pub hostname: String,
    /// Its directory.
    pub directory: PathBuf,
    /// Where networks of this machine are kept.
    pub networks: PathBuf,
}

impl Setup {
    /// Reads what was written.
    ///
    /// # Errors
    /// When it cannot be read or makes no sense.
    pub fn read(directory: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(directory.join(SETUP_FILE))?)?)
    }

    /// Writes it, and makes the files that the container will see; the keeper fills them.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self) -> io::Result<()> {
        for file in [HOSTS_FILE, RESOLV_FILE] {
            fs::write(self.directory.join(file), "")?;
        }
        fs::write(self.directory.join(SETUP_FILE), serde_json::to_vec(self)?)
    }

    /// The rules of what may be reached.
    ///
    /// # Errors
    /// When one makes no sense.
    pub fn rules(&self) -> Result<Vec<Rule>, crate::egress::EgressError> {
        self.egress.iter().map(|rule| rule.parse()).collect()
    }

    /// Whom names are looked up at, from this machine.
    #[must_use]
    pub fn upstream(&self, resolv_conf: &str) -> Vec<SocketAddr> {
        let own = self.servers.clone();
        let all = if own.is_empty() { servers(resolv_conf) } else { own };
        all.into_iter().take(SERVERS).map(|address| SocketAddr::new(address, DNS)).collect()
    }

    /// Whether the container needs a resolver of its own: to be held to allowed names, or because
    /// this machine's servers are on its loopback, which the container does not reach.
    #[must_use]
    pub fn needs_resolver(&self, upstream: &[SocketAddr]) -> bool {
        !self.egress.is_empty() || upstream.iter().any(|server| server.ip().is_loopback())
    }

    /// What the container reads in /etc/hosts.
    #[must_use]
    pub fn hosts_text(&self, addresses: &[IpAddr]) -> String {
        let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".to_owned();
        let own: &[IpAddr] = if addresses.is_empty() { &[OWN] } else { addresses };
        let own = own.iter().map(|address| (self.hostname.as_str(), address));
        let more = self.hosts.iter().map(|(name, address)| (name.as_str(), address));
        for (name, address) in own.chain(more) {
            let _ = writeln!(text, "{address} {name}");
        }
        text
    }
}

/// What a container without an address that is known calls itself (hosts(5), Debian).
const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 1, 1));

/// What the container reads in /etc/resolv.conf.
#[must_use]
pub fn resolv_text(servers: &[IpAddr]) -> String {
    servers.iter().map(|server| format!("nameserver {server}\n")).collect()
}

/// The servers that a resolv.conf names.
#[must_use]
pub fn servers(resolv_conf: &str) -> Vec<IpAddr> {
    let read = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let server = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        // One with a zone is reached over a device that the container has not.
        server.parse().ok()
    };
    resolv_conf.lines().filter_map(read).take(SERVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup {
        Setup {
            container: "a".into(),
            mode: Mode::Pasta,
            ports: Vec::new(),
            egress: Vec::new(),
            servers: Vec::new(),
            hosts: vec![("db".into(), [192, 0, 2, 9].into())],
            hostname: "web".into(),
            directory: "/a".into(),
            networks: "/b".into(),
        }
    }

    #[test]
    fn servers_are_this_machines_unless_named() {
        let text = "# nameserver 1.1.1.1\nsearch a\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\n\
                    nameserver 2001:db8::1 x\nnameserver\n";
        let wanted: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        assert_eq!(servers(text), wanted);
        assert_eq!(setup().upstream(text)[0], "192.0.2.1:53".parse().unwrap());
        let own = Setup { servers: vec![[9, 9, 9, 9].into()], ..setup() };
        assert_eq!(own.upstream(text), ["9.9.9.9:53".parse().unwrap()]);
    }

    #[test]
    fn a_resolver_is_needed_for_rules_and_for_servers_on_loopback() {
        let far = ["192.0.2.1:53".parse().unwrap()];
        assert!(!setup().needs_resolver(&far));
        assert!(setup().needs_resolver(&["127.0.0.53:53".parse().unwrap()]));
        assert!(Setup { egress: vec!["deny".into()], ..setup() }.needs_resolver(&far));
    }

    #[test]
    fn the_container_knows_itself_and_its_hosts() {
        let text = setup().hosts_text(&["10.209.0.2".parse().unwrap()]);
        assert!(text.ends_with("10.209.0.2 web\n192.0.2.9 db\n"), "{text}");
        assert!(setup().hosts_text(&[]).contains("\n127.0.1.1 web\n"));
    }
}
