//! What was refused to a container, kept as JSON.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write as _},
    net::IpAddr,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{dns::learn::Counts, firewall::NOTED, nft::read::Attempt, setup::REFUSED_FILE};

/// What was refused to a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Of this form; it only grows.
    pub schema_version: u32,
    /// The container's name.
    pub container: String,
    /// Destinations that packets did not get to.
    pub destinations: Vec<Destination>,
    /// Names that were not looked up.
    pub names: Vec<Name>,
    /// Whether there may have been more than could be told apart.
    pub complete: bool,
}

/// A destination that packets did not get to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// tcp, udp, icmp or icmpv6.
    pub protocol: String,
    /// Where to.
    pub address: IpAddr,
    /// The port, of TCP and UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How many packets.
    pub packets: u64,
}

/// A name that was not looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The name.
    pub name: String,
    /// A, AAAA or what else was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How often.
    pub questions: u64,
}

impl Refused {
    /// What the firewall and the resolver counted.
    #[must_use]
    pub fn new(container: &str, attempts: &[Attempt], counts: &Counts) -> Self {
        let destination = |attempt: &Attempt| Destination {
            protocol: match attempt.protocol {
                1 => "icmp".into(),
                6 => "tcp".into(),
                17 => "udp".into(),
                58 => "icmpv6".into(),
                other => other.to_string(),
            },
            address: attempt.address,
            port: Some(attempt.port).filter(|_| matches!(attempt.protocol, 6 | 17)),
            packets: attempt.packets,
        };
        let name = |(name, count): (&String, &u64)| {
            let split = name.rsplit_once(' ').filter(|_| !name.starts_with('('));
            let (name, kind) = split.map_or((&name[..], None), |(name, kind)| (name, Some(kind)));
            Name { name: name.into(), kind: kind.map(Into::into), questions: *count }
        };
        let of_version =
            |v4: bool| attempts.iter().filter(|one| one.address.is_ipv4() == v4).count();
        let most = usize::try_from(NOTED).unwrap_or(usize::MAX);
        Self {
            schema_version: 1,
            container: container.to_owned(),
            destinations: attempts.iter().map(destination).collect(),
            names: counts.0.iter().map(name).collect(),
            complete: of_version(true) < most && of_version(false) < most,
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.destinations.is_empty() && self.names.is_empty()
    }

    /// Writes it into the container's directory, in one step.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        let beside = directory.join("refused.new");
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        let mut file = fs::File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, directory.join(REFUSED_FILE))
    }

    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read or makes no sense.
    pub fn read(directory: &Path) -> io::Result<Option<Self>> {
        match fs::read(directory.join(REFUSED_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => Ok(Some(serde_json::from_slice(&bytes?)?)),
        }
    }

    /// The names with the counts of all kinds that were asked for.
    fn by_name(&self) -> BTreeMap<&str, u64> {
        let mut all = BTreeMap::new();
        for name in &self.names {
            *all.entry(name.name.as_str()).or_default() += name.questions;
        }
        all
    }
}

impl fmt::Display for Refused {
    /// A line each, most first, as many as one reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        let destination = |found: &Destination| {
            let to = match (found.address, found.port) {
                (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
                (address, Some(port)) => format!("{address}:{port}"),
                (address, None) => address.to_string(),
            };
            let unit = if found.packets == 1 { "packet" } else { "packets" };
            (found.packets, format!("{} {to}", found.protocol), unit)
        };
        let name = |(name, questions): (&str, u64)| {
            let unit = if questions == 1 { "question" } else { "questions" };
            (questions, format!("name {name}"), unit)
        };
        let mut lines: Vec<_> = self.destinations.iter().map(destination).collect();
        lines.extend(self.by_name().into_iter().map(name));
        lines.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
        for (count, what, unit) in lines.iter().take(SHOWN) {
            writeln!(f, "  {what} ({count} {unit})")?;
        }
        if lines.len() > SHOWN {
            writeln!(f, "  and {} more", lines.len() - SHOWN)?;
        }
        if !self.complete {
            writeln!(f, "  and more than could be told apart")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_told_and_kept() {
        let attempt = |address: &str, protocol, port, packets| Attempt {
            address: address.parse().unwrap(),
            protocol,
            port,
            packets,
        };
        let attempts = [
            attempt("192.0.2.1", 6, 443, 2),
            attempt("2001:db8::1", 17, 53, 9),
            attempt("192.0.2.1", 1, 0, 1),
        ];
        let counts = [("evil.example A", 1), ("evil.example AAAA", 1), ("(others)", 3)];
        let counts = Counts(counts.map(|(name, count)| (name.to_owned(), count)).into());
        let refused = Refused::new("web", &attempts, &counts);
        let text = "  udp [2001:db8::1]:53 (9 packets)\n  name (others) (3 questions)\n  name \
                    evil.example (2 questions)\n  tcp 192.0.2.1:443 (2 packets)\n  icmp 192.0.2.1 \
                    (1 packet)\n";
        assert_eq!(refused.to_string(), text);
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Refused::read(directory.path()).unwrap(), None);
        refused.write(directory.path()).unwrap();
        assert_eq!(Refused::read(directory.path()).unwrap(), Some(refused));
    }

    #[test]
    fn a_long_list_is_cut_when_shown() {
        let counts = Counts((0..30).map(|at| (format!("a{at} A"), 1)).collect());
        let text = Refused::new("web", &[], &counts).to_string();
        assert_eq!(text.lines().count(), 21, "{text}");
        assert!(text.ends_with("and 10 more\n"));
    }
}
