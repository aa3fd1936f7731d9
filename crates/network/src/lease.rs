//! Who has which address: networks of this machine and their containers, in files that only root
//! can write, changed under a lock.
//!
//! A container that is gone without having said so (its keeper was killed) is found by its
//! processes, and what is left of it is removed, whenever somebody looks.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use cofferdam_sys::netlink::{Netlink, Socket};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::{
    bridge::{Bridge, BridgeError, NETWORKS, has_ipv6},
    nft::{self, NftError},
    port::Port,
    process::Process,
};

/// Most bytes of a network's file.
const LONGEST: u64 = 1 << 20;
/// Longest name of a network.
const LONGEST_NAME: usize = 32;
/// The first and the last number of a container in a network; 1 is the machine.
const HOSTS: std::ops::RangeInclusive<u8> = 2..=254;
/// What the network without a name is kept under; a name cannot begin so.
const UNNAMED: &str = "_";

/// Where networks are kept.
#[derive(Debug, Clone)]
pub struct Networks {
    directory: PathBuf,
}

/// Why an address cannot be had, or given back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// A file or directory.
    #[error("could not use '{path}'")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that makes no sense.
    #[error("could not understand '{path}', which says who has which address")]
    Broken {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Not a network's name.
    #[error(
        "'{0}' is no name of a network: up to 32 lower-case letters, digits, dots, hyphens and \
         underscores, beginning with a letter or digit"
    )]
    Name(String),
    /// All addresses are taken, or all networks.
    #[error("could not find a free {0}")]
    Full(&'static str),
    /// Somebody has the port.
    #[error("could not publish port {port}: container '{container}' has it")]
    Port {
        /// Which.
        port: Port,
        /// Whose.
        container: String,
    },
    /// The machine's side.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// Rules.
    #[error(transparent)]
    Rules(#[from] NftError),
}

/// What is known of a network.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    number: u8,
    random: Option<[u8; 5]>,
    shared: bool,
    /// The number that was given last.
    last: u8,
    containers: Vec<Container>,
}

/// A container in a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Container {
    name: String,
    host: u8,
    keeper: Process,
    #[serde(default)]
    init: Option<Process>,
    ports: Vec<Port>,
}

/// A place in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The network.
    pub bridge: Bridge,
    /// The number in it.
    pub host: u8,
    /// What the network is kept under.
    file: String,
}

/// Whether this is a network's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= LONGEST_NAME
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'-' | b'_'))
}

impl Networks {
    /// Networks that are kept in this directory, which is made if need be.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(directory: &Path) -> Result<Self, LeaseError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|source| LeaseError::File { path: directory.to_owned(), source })?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// Takes an address in the network of this name for a container that `keeper` looks after, and
    /// makes the network if need be; without a name it is the one whose containers do not reach
    /// one another.
    ///
    /// # Errors
    /// When there is none to be had, or the network cannot be made.
    pub fn take(
        &self,
        network: Option<&str>,
        container: &str,
        keeper: Process,
        ports: &[Port],
        netlink: &Netlink,
        rules: &Socket,
    ) -> Result<Lease, LeaseError> {
        if let Some(name) = network.filter(|name| !is_name(name)) {
            return Err(LeaseError::Name(name.to_owned()));
        }
        let _lock = self.lock()?;
        let file = network.unwrap_or(UNNAMED).to_owned();
        let mut all = self.read_all()?;
        self.sweep(&mut all, netlink, rules)?;
        for (_, record) in &all {
            no_conflict(record, ports)?;
        }
        let found = all.iter().position(|(name, _)| *name == file);
        let mut record = match found {
            Some(at) => all.swap_remove(at).1,
            None => new_record(network.is_some(), &all, netlink)?,
        };
        let host = free_host(&record).ok_or(LeaseError::Full("address in the network"))?;
        record.last = host;
        let name = container.to_owned();
        record.containers.push(Container { name, host, keeper, init: None, ports: ports.to_vec() });
        let bridge = record.bridge();
        // Written first: whatever is made hereafter is found and removed if this goes wrong.
        self.write(&file, &record)?;
        let lease = Lease { bridge, host, file };
        lease.bridge.ensure(netlink, rules)?;
        lease.bridge.remove_container(host, netlink, rules)?;
        Ok(lease)
    }

    /// Takes note of the container's first process, which keeps its address while it lives.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn note(&self, lease: &Lease, init: Process) -> Result<(), LeaseError> {
        let _lock = self.lock()?;
        let Some(mut record) = self.read(&lease.file)? else { return Ok(()) };
        for container in record.containers.iter_mut().filter(|found| found.host == lease.host) {
            container.init = Some(init);
        }
        self.write(&lease.file, &record)
    }

    /// Gives an address back, and removes the network with the last of its containers.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn give_back(
        &self,
        lease: &Lease,
        netlink: &Netlink,
        rules: &Socket,
    ) -> Result<(), LeaseError> {
        let _lock = self.lock()?;
        lease.bridge.remove_container(lease.host, netlink, rules)?;
        let Some(mut record) = self.read(&lease.file)? else { return Ok(()) };
        record.containers.retain(|found| found.host != lease.host);
        self.keep_or_remove(&lease.file, &record, netlink, rules)
    }

    /// Removes what is left of containers that are gone.
    fn sweep(
        &self,
        all: &mut Vec<(String, Record)>,
        netlink: &Netlink,
        rules: &Socket,
    ) -> Result<(), LeaseError> {
        for (file, record) in all.iter_mut() {
            let bridge = record.bridge();
            let (alive, gone): (Vec<_>, Vec<_>) = record.containers.drain(..).partition(|found| {
                found.keeper.is_alive() || found.init.is_some_and(|init| init.is_alive())
            });
            record.containers = alive;
            if gone.is_empty() && !record.containers.is_empty() {
                continue;
            }
            for container in gone {
                bridge.remove_container(container.host, netlink, rules)?;
            }
            self.keep_or_remove(file, record, netlink, rules)?;
        }
        all.retain(|(_, record)| !record.containers.is_empty());
        Ok(())
    }

    fn keep_or_remove(
        &self,
        file: &str,
        record: &Record,
        netlink: &Netlink,
        rules: &Socket,
    ) -> Result<(), LeaseError> {
        if !record.containers.is_empty() {
            return self.write(file, record);
        }
        record.bridge().remove(netlink, rules)?;
        let path = self.path(file);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(LeaseError::File { path, source })
            }
            _ => Ok(()),
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.join(format!("{file}.json"))
    }

    /// Waits for the lock, which goes with what is returned.
    fn lock(&self) -> Result<File, LeaseError> {
        let path = self.directory.join("lock");
        let failed = |source| LeaseError::File { path: path.clone(), source };
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = file.map_err(failed)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        Ok(file)
    }

    fn read_all(&self) -> Result<Vec<(String, Record)>, LeaseError> {
        let failed = |source| LeaseError::File { path: self.directory.clone(), source };
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().into_string().unwrap_or_default();
            let file = name.strip_suffix(".json").filter(|file| is_name(file) || *file == UNNAMED);
            let Some(file) = file else { continue };
            all.extend(self.read(file)?.map(|record| (file.to_owned(), record)));
        }
        Ok(all)
    }

    fn read(&self, file: &str) -> Result<Option<Record>, LeaseError> {
        let path = self.path(file);
        let opened = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened,
        };
        let mut bytes = Vec::new();
        let read = opened.and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
        read.map_err(|source| LeaseError::File { path: path.clone(), source })?;
        let record = serde_json::from_slice(&bytes);
        record.map(Some).map_err(|source| LeaseError::Broken { path, source })
    }

    /// Written beside its place, synced and renamed: it is there as a whole or not at all.
    fn write(&self, file: &str, record: &Record) -> Result<(), LeaseError> {
        let path = self.path(file);
        let failed = |source| LeaseError::File { path: path.clone(), source };
        let bytes = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
        let beside = self.directory.join("new");
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&beside);
        opened
            .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
            .map_err(failed)?;
        fs::rename(&beside, &path).map_err(failed)
    }
}

impl Record {
    fn bridge(&self) -> Bridge {
        Bridge { number: self.number, random: self.random, shared: self.shared }
    }
}

/// A network whose addresses nobody else on this machine has.
fn new_record(
    shared: bool,
    others: &[(String, Record)],
    netlink: &Netlink,
) -> Result<Record, LeaseError> {
    let devices = BridgeError::Device {
        doing: "find out the routes of",
        name: "any".into(),
        source: rustix::io::Errno::IO,
    };
    let routes = netlink.routes().map_err(|_| devices)?;
    let random = if has_ipv6() { Some(random()?) } else { None };
    let is_free = |number: &u8| {
        let bridge = Bridge { number: *number, random, shared };
        let own = others.iter().any(|(_, other)| other.number == *number);
        let taken = |route| bridge.addresses(0).iter().any(|network| network.overlaps(route));
        // What is left of a network of this number is no hindrance to making it again.
        let left_over = netlink.index(&bridge.device()).is_ok();
        !own && (left_over || !routes.iter().any(taken))
    };
    let number = (0..NETWORKS).find(is_free).ok_or(LeaseError::Full("network (10.209.0.0/16)"))?;
    Ok(Record { number, random, shared, last: 1, containers: Vec::new() })
}

fn random() -> Result<[u8; 5], LeaseError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 5];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|source| LeaseError::File { path: path.to_owned(), source })?;
    Ok(bytes)
}

/// The number after the one given last, so that one that was given back rests for a while.
fn free_host(record: &Record) -> Option<u8> {
    let is_free = |host: &u8| record.containers.iter().all(|found| found.host != *host);
    let after = HOSTS.filter(|host| *host > record.last).find(is_free);
    after.or_else(|| HOSTS.clone().find(is_free))
}

fn no_conflict(record: &Record, ports: &[Port]) -> Result<(), LeaseError> {
    for container in &record.containers {
        for port in ports {
            if container.ports.iter().any(|other| other.conflicts(port)) {
                let container = container.name.clone();
                return Err(LeaseError::Port { port: *port, container });
            }
        }
    }
    Ok(())
}

/// Connections to the kernel about this machine's network.
///
/// # Errors
/// When it has no netlink or nf_tables.
pub fn connections() -> Result<(Netlink, Socket), LeaseError> {
    let netlink = Netlink::open();
    let netlink = netlink.map_err(|source| BridgeError::Device {
        doing: "ask the kernel for",
        name: "any".into(),
        source,
    })?;
    Ok((netlink, nft::open()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_networks_are_plain() {
        assert!(is_name("web") && is_name("a.b-c_1") && is_name(&"a".repeat(32)));
        for wrong in ["", "_", ".", "..", "-a", "A", "a/b", "a b", &"a".repeat(33)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_address_rests_before_it_is_given_again() {
        let mut record =
            Record { number: 0, random: None, shared: false, last: 1, containers: Vec::new() };
        assert_eq!(free_host(&record), Some(2));
        record.last = 254;
        assert_eq!(free_host(&record), Some(2));
        let keeper = Process { pid: 1, start_time: 0 };
        record.containers = HOSTS
            .filter(|host| *host != 77)
            .map(|host| Container { name: "a".into(), host, keeper, init: None, ports: Vec::new() })
            .collect();
        assert_eq!(free_host(&record), Some(77));
        record.containers.push(Container { host: 77, ..record.containers[0].clone() });
        assert_eq!(free_host(&record), None);
    }
}
