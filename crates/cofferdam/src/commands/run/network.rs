//! The network of a container: what is asked for, what follows from it, and how it is shown.

use std::{fmt, net::IpAddr, path::Path, process::Command, str::FromStr};

use cofferdam_network::{
    dns::name::Name,
    egress::{RULES, Rule},
    firewall::Firewall,
    lease,
    port::{PORTS, Port},
    report::Refused,
    setup::{HOSTS_FILE, Mode, RESOLV_FILE, Setup},
};
use cofferdam_oci::runtime::{Mount, NamespaceType, Spec};
use cofferdam_runtime::{ContainerId, facts::Facts, state::default_directory};

use super::arguments::{Args, Userns};
use crate::{
    containers::Keeper,
    error::{CliError, OrFail as _},
    session::Session,
    settings::Override,
};

/// What the command line says of the network.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// none, bridge, bridge:NAME, pasta or host [default: none; bridge or pasta for -p, --egress]
    #[arg(long, value_name = "NETWORK")]
    pub(crate) network: Option<NetworkName>,
    /// Lead a port of this machine into the container
    #[arg(short, long, value_name = "[ADDRESS:]PORT:PORT[/udp]")]
    pub(crate) publish: Vec<Port>,
    /// Allow only this to be reached: deny, or an address, network or name with a port
    #[arg(long, value_name = "deny|HOST:PORT", value_parser = rule)]
    pub(crate) egress: Vec<Rule>,
    /// Look names up at this server [default: this machine's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) dns: Vec<IpAddr>,
    /// Have the container know this name
    #[arg(long, value_name = "NAME:ADDRESS", value_parser = host)]
    pub(crate) add_host: Vec<(String, IpAddr)>,
}

/// How a container is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NetworkName {
    None,
    Bridge(Option<String>),
    Pasta,
    Host,
}

impl FromStr for NetworkName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("bridge", name)) if lease::is_name(name) => {
                Ok(Self::Bridge(Some(name.to_owned())))
            }
            Some(("bridge", _)) => Err("a name of lower-case letters, digits, dots, hyphens and \
                                        underscores is wanted after 'bridge:'"
                .to_owned()),
            _ => match text {
                "none" => Ok(Self::None),
                "bridge" => Ok(Self::Bridge(None)),
                "pasta" => Ok(Self::Pasta),
                "host" => Ok(Self::Host),
                _ => Err("one of none, bridge, bridge:NAME, pasta, host is wanted".to_owned()),
            },
        }
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Bridge(None) => f.write_str("bridge"),
            Self::Bridge(Some(name)) => write!(f, "bridge:{name}"),
            Self::Pasta => f.write_str("pasta"),
            Self::Host => f.write_str("host"),
        }
    }
}

fn rule(text: &str) -> Result<Rule, String> {
    text.parse().map_err(|error: cofferdam_network::egress::EgressError| error.to_string())
}

/// `name:address`, where the address may have colons and brackets of its own.
fn host(text: &str) -> Result<(String, IpAddr), String> {
    let wrong = || "a name and an address such as db:192.0.2.7 is wanted".to_owned();
    let (name, address) = text.split_once(':').ok_or_else(wrong)?;
    let address =
        address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let name: Name = name.parse().map_err(|_| wrong())?;
    Ok((name.to_string(), address.parse().map_err(|_| wrong())?))
}

impl NetworkArgs {
    /// Settings that flags give.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let egress: Vec<_> = self.egress.iter().map(ToString::to_string).collect();
        let egress = Some(egress.join(",")).filter(|text| !text.is_empty());
        let network = self.network.as_ref().map(ToString::to_string);
        [("run.network", network), ("run.egress", egress)]
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
            .collect()
    }
}

/// The network that a container gets.
#[derive(Debug)]
pub(crate) enum Network {
    /// Its own loopback.
    None,
    /// This machine's.
    Host,
    /// One that a keeper makes.
    Kept(Box<Setup>),
}

impl Network {
    /// What follows from the command line, the settings and who asks.
    pub(crate) fn new(
        args: &Args,
        id: &ContainerId,
        facts: &Facts,
        session: &Session,
    ) -> Result<Self, CliError> {
        let asked = &args.network;
        let egress = rules(session)?;
        let ports = asked.publish.clone();
        if ports.len() > PORTS {
            return Err(CliError::new(format!("could not publish more than {PORTS} ports")));
        }
        // What is no network needs none of its options.
        let wants_one = !ports.is_empty()
            || !asked.dns.is_empty()
            || asked.egress.iter().any(|rule| matches!(rule, Rule::Allow(_)));
        let by_default = match (wants_one, facts.is_privileged()) {
            (false, _) => NetworkName::None,
            (true, true) => NetworkName::Bridge(None),
            (true, false) => NetworkName::Pasta,
        };
        let mode = match session.settings.parsed("run.network")?.unwrap_or(by_default) {
            NetworkName::None => {
                // Loopback alone denies all else, as was asked for.
                refuse_options(wants_one || !asked.add_host.is_empty(), "none")?;
                return Ok(Self::None);
            }
            NetworkName::Host => {
                let more = wants_one || !egress.is_empty() || !asked.add_host.is_empty();
                refuse_options(more, "host")?;
                refuse_host(args, facts)?;
                session.printer.warning(
                    "the container is in this machine's own network: it reaches its services on \
                     loopback and all that the machine reaches",
                );
                return Ok(Self::Host);
            }
            NetworkName::Bridge(_) if !facts.is_privileged() => {
                return Err(CliError::new("could not use a bridge: only root may make one")
                    .hint("use --network pasta"));
            }
            NetworkName::Bridge(name) => Mode::Bridge(name),
            NetworkName::Pasta => {
                if cofferdam_network::pasta::program().is_none() {
                    return Err(CliError::new("could not find the program 'pasta'")
                        .hint("install passt (on Debian: apt-get install passt)"));
                }
                Mode::Pasta
            }
        };
        Ok(Self::Kept(Box::new(Setup {
            container: id.to_string(),
            mode,
            ports,
            egress: egress.iter().map(ToString::to_string).collect(),
            servers: asked.dns.clone(),
            hosts: asked.add_host.clone(),
            hostname: args.program.hostname.clone().unwrap_or_else(|| id.to_string()),
            directory: Path::new("").into(),
            networks: default_directory().with_file_name("networks"),
        })))
    }

    /// Changes the configuration of a container that is kept in the directory.
    pub(crate) fn apply(&self, spec: &mut Spec, directory: &Path) -> Result<(), CliError> {
        match self {
            Self::None => {}
            Self::Host => {
                if let Some(linux) = &mut spec.linux {
                    linux.namespaces.retain(|one| one.kind != NamespaceType::Network);
                    // They would be this machine's.
                    linux.sysctl.retain(|name, _| !name.starts_with("net."));
                }
                spec.mounts.push(file(Path::new("/etc/resolv.conf"), "/etc/resolv.conf"));
            }
            Self::Kept(_) => {
                refuse_capabilities(spec)?;
                for name in [HOSTS_FILE, RESOLV_FILE] {
                    spec.mounts.push(file(&directory.join(name), &format!("/etc/{name}")));
                }
            }
        }
        Ok(())
    }

    /// Leaves word in the container's directory for whoever keeps it in the background.
    pub(crate) fn leave(&self, directory: &Path) -> Result<(), CliError> {
        let Self::Kept(setup) = self else { return Ok(()) };
        let setup = Setup { directory: directory.to_owned(), ..(**setup).clone() };
        setup.write().or_fail(|| "could not prepare the container's network".to_owned())
    }

    /// Starts what makes and keeps the network of a container in this directory, and has the
    /// runtime hand it over.
    pub(crate) fn keep(
        &self,
        directory: &Path,
        runtime: &mut Command,
        explain: bool,
    ) -> Result<Option<Keeper>, CliError> {
        let Self::Kept(setup) = self else { return Ok(None) };
        let setup = Setup { directory: directory.to_owned(), ..(**setup).clone() };
        let keeper = Keeper::start(&setup, runtime)?;
        if explain {
            use std::io::Write as _;
            // What is in force the runtime reads back; this is what was put there.
            let _ = writeln!(std::io::stderr(), "{self}");
        }
        Ok(Some(keeper))
    }
}

/// The rules of the flags, or else of the settings.
fn rules(session: &Session) -> Result<Vec<Rule>, CliError> {
    let text = session.settings.text("run.egress").unwrap_or_default();
    let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
    let rules = rules.map(str::parse).collect::<Result<Vec<Rule>, _>>()?;
    if rules.len() > RULES {
        return Err(CliError::new(format!("could not use more than {RULES} egress rules")));
    }
    Ok(rules)
}

fn refuse_options(given: bool, network: &str) -> Result<(), CliError> {
    if !given {
        return Ok(());
    }
    let message = format!(
        "could not use --publish, --egress, --dns or --add-host with the network '{network}'"
    );
    Err(CliError::new(message)
        .hint("use --network bridge as root, --network pasta as another user"))
}

/// Who has one of these in the container's user namespace can change its firewall or go round it.
const TOO_MUCH: [&str; 3] = ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_ADMIN"];

fn refuse_capabilities(spec: &Spec) -> Result<(), CliError> {
    let process = spec.process.as_ref().and_then(|process| process.capabilities.as_ref());
    let Some(sets) = process else { return Ok(()) };
    let all = [&sets.bounding, &sets.permitted, &sets.effective, &sets.inheritable, &sets.ambient];
    let mut all = all.into_iter().flatten();
    let Some(found) = all.find(|name| TOO_MUCH.contains(&name.as_str())) else { return Ok(()) };
    let message = format!(
        "could not give the container a network: with {found} it could go round its own firewall"
    );
    Err(CliError::new(message).hint("leave the capability out, or use --network none"))
}

fn refuse_host(args: &Args, facts: &Facts) -> Result<(), CliError> {
    if facts.is_privileged() && args.limits.userns == Some(Userns::Host) {
        return Ok(());
    }
    let message = "could not use this machine's network in the container: only root may, with \
                   --userns host";
    Err(CliError::new(message).hint("use --network bridge or pasta, which are safer"))
}

/// A file of this machine that the container sees and cannot write.
fn file(source: &Path, destination: &str) -> Mount {
    Mount {
        destination: destination.into(),
        kind: "bind".into(),
        source: source.display().to_string(),
        options: ["bind", "ro", "nosuid", "nodev", "noexec"].map(Into::into).into(),
        ..Mount::default()
    }
}

/// Says what was refused to a container that has ended.
pub(crate) fn tell_refused(refused: Result<Option<Refused>, CliError>, session: &Session) {
    match refused {
        Ok(Some(refused)) if !refused.is_empty() => {
            session.printer.message("refused to the container:");
            refused.to_string().lines().for_each(|line| session.printer.message(line));
        }
        Ok(_) => {}
        // The program has done what it did.
        Err(error) => session.printer.warning(error.message()),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setup = match self {
            Self::None => return writeln!(f, "network none: the container's own loopback"),
            Self::Host => return writeln!(f, "network host: this machine's own"),
            Self::Kept(setup) => setup,
        };
        match &setup.mode {
            Mode::Bridge(None) => writeln!(f, "network bridge, apart from other containers")?,
            Mode::Bridge(Some(name)) => {
                writeln!(f, "network bridge '{name}', together with its other containers")?;
            }
            Mode::Pasta => writeln!(f, "network pasta")?,
        }
        for port in &setup.ports {
            writeln!(f, "publish {port}")?;
        }
        for (name, address) in &setup.hosts {
            writeln!(f, "host {name} is {address}")?;
        }
        for server in &setup.servers {
            writeln!(f, "look names up at {server}")?;
        }
        let rules = setup.rules().unwrap_or_default();
        if rules.is_empty() {
            writeln!(f, "reach anything but metadata services")?;
        }
        for rule in &rules {
            match rule {
                Rule::Deny => writeln!(f, "reach nothing else")?,
                Rule::Allow(allowed) => writeln!(f, "reach {allowed}")?,
            }
        }
        write!(f, "firewall in the container's network namespace:\n{}", Firewall::new(&rules).table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read() {
        for text in ["none", "bridge", "bridge:web-1", "pasta", "host"] {
            assert_eq!(text.parse::<NetworkName>().unwrap().to_string(), text);
        }
        for wrong in ["", "Bridge", "bridge:", "bridge:A", "pasta:x", "bridge:a/b", "slirp"] {
            assert!(wrong.parse::<NetworkName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_are_read() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(host("db:192.0.2.7"), Ok(("db".into(), address("192.0.2.7"))));
        assert_eq!(host("db:2001:db8::1"), Ok(("db".into(), address("2001:db8::1"))));
        assert_eq!(host("db:[::1]"), Ok(("db".into(), address("::1"))));
        for wrong in ["db", "db:", ":1.2.3.4", "d b:1.2.3.4", "db:1.2.3", "a\nb:1.2.3.4"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }
}
