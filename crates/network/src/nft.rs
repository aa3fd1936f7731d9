//! nf_tables by netlink: tables of our own, placed and taken back as a whole.
//!
//! A [`Table`] is data, with the text that nft(8) has for it; [`Batch`] carries several changes
//! out at once or not at all; [`read`] reads counts back. Nothing here runs another program.

mod encode;
pub mod read;
pub mod rule;

use std::{fmt, net::IpAddr, time::Duration};

use cofferdam_sys::netlink::{
    Socket,
    message::{APPEND, CREATE, REQUEST, Request},
};
use rustix::io::Errno;

pub use rule::{Action, Match, Protocol, Rule, SetKind};

/// `NFNL_SUBSYS_NFTABLES` in the upper byte of a message's type.
const SUBSYSTEM: u16 = 10 << 8;
/// `struct nfgenmsg` of the messages around a batch: for no protocol, about nf_tables.
const BATCH: [u8; 4] = [0, 0, 0, 10];
/// That of every other message: the family `inet`, which is IPv4 and IPv6.
const INET: [u8; 4] = [1, 0, 0, 0];

const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NEW_SET: u16 = 9;
const NEW_ELEMENT: u16 = 12;
const DELETE_ELEMENT: u16 = 14;

/// Rules and sets under one name, in the family `inet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its sets.
    pub sets: Vec<Set>,
    /// Its chains.
    pub chains: Vec<Chain>,
}

/// A set of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// Of which version.
    pub kind: SetKind,
    /// What it is for.
    pub holds: Holds,
    /// Most elements.
    pub size: u32,
}

/// What a set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Addresses that are put in from outside and time out.
    Addresses,
    /// Address, protocol and port of packets, with counts, put in by rules.
    Attempts,
}

/// A row of rules at a place that packets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where.
    pub hook: Hook,
    /// What happens to a packet that no rule decides on.
    pub drops: bool,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A place that packets pass, with the order among those who look there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Just come in, before connections are known.
    Early,
    /// To a program of this machine.
    Input,
    /// From another machine to yet another.
    Forward,
    /// From a program of this machine.
    Output,
    /// Just come in, where destinations are rewritten.
    RedirectIncoming,
    /// From a program of this machine, where destinations are rewritten.
    RedirectOwn,
    /// About to go out, where sources are rewritten.
    Masquerade,
}

impl Hook {
    /// Type, number and priority.
    const fn terms(self) -> (&'static str, u32, i32) {
        match self {
            Self::Early => ("filter", 0, -300),
            Self::Input => ("filter", 1, 0),
            Self::Forward => ("filter", 2, 0),
            Self::Output => ("filter", 3, 0),
            Self::RedirectIncoming => ("nat", 0, -100),
            Self::RedirectOwn => ("nat", 3, -100),
            Self::Masquerade => ("nat", 4, 100),
        }
    }
}

/// Why rules are not in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NftError {
    /// There is no nf_tables.
    #[error("could not use nf_tables: the kernel has none (CONFIG_NF_TABLES, module nf_tables)")]
    Missing(#[source] Errno),
    /// Not for this process.
    #[error("could not use nf_tables: CAP_NET_ADMIN is missing in this network namespace")]
    Permission(#[source] Errno),
    /// The kernel does not know something that a rule needs.
    #[error(
        "could not place '{what}': the kernel does not know all that it needs (modules nft_ct, \
         nft_nat, nft_masq, nft_fib_inet, nft_reject_inet, nf_tables with CONFIG_NF_TABLES_INET)"
    )]
    Unknown {
        /// A table, chain, set or rule.
        what: String,
        /// Why.
        source: Errno,
    },
    /// Refused for another reason.
    #[error("could not place '{what}'")]
    Refused {
        /// A table, chain, set or rule.
        what: String,
        /// Why.
        source: Errno,
    },
    /// Something could not be read back.
    #[error("could not read '{what}' back")]
    Read {
        /// A set.
        what: String,
        /// Why.
        source: Errno,
    },
}

impl NftError {
    /// What the kernel said.
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            Self::Missing(source) | Self::Permission(source) => *source,
            Self::Unknown { source, .. } | Self::Refused { source, .. } => *source,
            Self::Read { source, .. } => *source,
        }
    }
}

/// Changes that take effect together.
#[derive(Debug, Default)]
pub struct Batch {
    requests: Vec<Request>,
    /// What each of them is about.
    about: Vec<String>,
    sets: u32,
}

impl Batch {
    /// Puts a table in place of what has its name.
    pub fn replace(&mut self, table: &Table) {
        self.remove(&table.name);
        self.table(NEW_TABLE, CREATE, &table.name);
        for set in &table.sets {
            self.set(table, set);
        }
        for chain in &table.chains {
            self.chain(table, chain);
        }
    }

    /// Removes a table, if there is one of this name.
    pub fn remove(&mut self, table: &str) {
        // Made if need be, so that removing it is no error.
        self.table(NEW_TABLE, CREATE, table);
        self.table(DELETE_TABLE, 0, table);
    }

    /// Puts an address in a set for a time; in one batch with [`Self::forget`] it takes the place
    /// of what was there.
    pub fn learn(&mut self, table: &str, set: &str, address: IpAddr, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.element(NEW_ELEMENT, CREATE, (table, set), address, |element| {
            element.attribute(4, &milliseconds.to_be_bytes());
        });
    }

    /// Takes an address out of a set; that it is not there fails the batch with `ENOENT`.
    pub fn forget(&mut self, table: &str, set: &str, address: IpAddr) {
        self.element(DELETE_ELEMENT, 0, (table, set), address, |_| {});
    }

    /// Carries the changes out.
    ///
    /// # Errors
    /// The first that is refused; then nothing has changed.
    pub fn send(self, socket: &Socket) -> Result<(), NftError> {
        let about = self.about;
        socket.batch(&BATCH, self.requests).map_err(|error| {
            let what = about.get(error.request).cloned().unwrap_or_default();
            let source = error.source;
            match source {
                Errno::PERM => NftError::Permission(source),
                Errno::OPNOTSUPP | Errno::PROTONOSUPPORT | Errno::INVAL if error.request == 0 => {
                    NftError::Missing(source)
                }
                Errno::OPNOTSUPP | Errno::NOENT | Errno::AFNOSUPPORT => {
                    NftError::Unknown { what, source }
                }
                _ => NftError::Refused { what, source },
            }
        })
    }

    fn push(&mut self, about: String, request: Request) {
        self.about.push(about);
        self.requests.push(request);
    }

    fn table(&mut self, kind: u16, flags: u16, name: &str) {
        let mut request = message(kind, flags);
        request.text(1, name);
        self.push(format!("table inet {name}"), request);
    }

    fn set(&mut self, table: &Table, set: &Set) {
        const TIMEOUT: u32 = 0x10;
        const DYNAMIC: u32 = 0x20;
        self.sets += 1;
        let (key, length) = set.key();
        let mut request = message(NEW_SET, CREATE);
        request.text(1, &table.name);
        request.text(2, &set.name);
        request.big_endian(3, if set.holds == Holds::Addresses { TIMEOUT } else { DYNAMIC });
        request.big_endian(4, key);
        request.big_endian(5, length);
        request.nested(9, |description| description.big_endian(1, set.size));
        request.big_endian(10, self.sets);
        self.push(format!("set {}", set.name), request);
    }

    fn chain(&mut self, table: &Table, chain: &Chain) {
        let (kind, hook, priority) = chain.hook.terms();
        let mut request = message(NEW_CHAIN, CREATE);
        request.text(1, &table.name);
        request.text(3, &chain.name);
        request.nested(4, |place| {
            place.big_endian(1, hook);
            place.big_endian(2, priority.cast_unsigned());
        });
        request.big_endian(5, u32::from(!chain.drops));
        request.text(7, kind);
        self.push(format!("chain {}", chain.name), request);
        for rule in &chain.rules {
            let mut request = message(NEW_RULE, CREATE | APPEND);
            request.text(1, &table.name);
            request.text(2, &chain.name);
            request.nested(4, |list| encode::expressions(rule, list));
            self.push(rule.to_string(), request);
        }
    }

    fn element(
        &mut self,
        kind: u16,
        flags: u16,
        (table, set): (&str, &str),
        address: IpAddr,
        more: impl FnOnce(&mut Request),
    ) {
        let key = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let mut request = message(kind, flags);
        request.text(1, table);
        request.text(2, set);
        request.nested(3, |list| {
            list.nested(encode::ELEMENT, |element| {
                element.nested(1, |value| value.attribute(encode::DATA_VALUE, &key));
                more(element);
            });
        });
        self.push(format!("{address} in set {set}"), request);
    }
}

impl Set {
    /// Type of the key, which only nft(8) looks at, and its length in bytes.
    const fn key(&self) -> (u32, u32) {
        const V4: u32 = 7;
        const V6: u32 = 8;
        const PROTOCOL: u32 = 12;
        const PORT: u32 = 13;
        const BITS: u32 = 6;
        let (kind, length) = match self.kind {
            SetKind::V4 => (V4, 4),
            SetKind::V6 => (V6, 16),
        };
        match self.holds {
            Holds::Addresses => (kind, length),
            Holds::Attempts => ((((kind << BITS) | PROTOCOL) << BITS) | PORT, length + 8),
        }
    }
}

fn message(kind: u16, flags: u16) -> Request {
    Request::new(SUBSYSTEM | kind, REQUEST | flags, &INET)
}

/// Whether nf_tables can be used in this network namespace, found out by placing a table of this
/// name with what firewalls need and taking it away.
///
/// # Errors
/// What is missing.
pub fn probe(socket: &Socket, table: &Table) -> Result<(), NftError> {
    let mut batch = Batch::default();
    batch.replace(table);
    batch.send(socket)?;
    let mut batch = Batch::default();
    batch.remove(&table.name);
    batch.send(socket)
}

/// Opens a socket for [`Batch::send`] in the present network namespace.
///
/// # Errors
/// [`NftError::Missing`].
pub fn open() -> Result<Socket, NftError> {
    Socket::netfilter().map_err(NftError::Missing)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table inet {} {{", self.name)?;
        for set in &self.sets {
            let kind = match set.kind {
                SetKind::V4 => "ipv4_addr",
                SetKind::V6 => "ipv6_addr",
            };
            let (more, flags) = match set.holds {
                Holds::Addresses => ("", "timeout"),
                Holds::Attempts => (" . inet_proto . inet_service", "dynamic"),
            };
            let (name, size) = (&set.name, set.size);
            writeln!(f, "  set {name} {{ type {kind}{more}; flags {flags}; size {size}; }}")?;
        }
        for chain in &self.chains {
            let (kind, hook, priority) = chain.hook.terms();
            let hook = ["prerouting", "input", "forward", "output", "postrouting"][hook as usize];
            let policy = if chain.drops { "drop" } else { "accept" };
            writeln!(f, "  chain {} {{", chain.name)?;
            writeln!(f, "    type {kind} hook {hook} priority {priority}; policy {policy};")?;
            for rule in &chain.rules {
                writeln!(f, "    {rule}")?;
            }
            writeln!(f, "  }}")?;
        }
        writeln!(f, "}}")
    }
}
