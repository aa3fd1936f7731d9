use std::{collections::BTreeMap, io::Write, net::IpAddr, path::PathBuf, process::ExitCode};

use cofferdam_finding::render::escape;
use cofferdam_kube::network::{
    Action, AddressRange, Asked, Cluster, Connection, Decision, Direction, Entity, PortSet,
    Protocol, Reachability, Reason, Tier, Verdict, decide,
};
use serde::Serialize;

use super::Blocks;
use crate::{
    cli::Format,
    error::CliError,
    nearest::nearest,
    session::{Ended, Session},
};

/// Say whether one connection is let through, and which policies decide
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ends:
  NAMESPACE/NAME         a pod or a workload
  NAMESPACE/svc/NAME     the pods behind a service (destination only); PORT is the service's
  node/NAME              a node
  ADDRESS                an IP address; a pod's own if there is one that has it

Examples:
  cofferdam kube netpol eval ./manifests shop/web shop/db 5432
  cofferdam kube netpol eval dump.json shop/web shop/svc/db 5432
  cofferdam kube netpol eval dump.json shop/web 169.254.169.254 80/TCP
  cofferdam kube netpol eval dump.json shop/web kube-system/coredns 53/UDP

Exit status:
  0  it is let through
  1  it is not, from or to at least one of the pods meant
  2  wrong usage, or it could not be worked out")]
pub(crate) struct Args {
    /// A dump, a folder of manifests, or context:NAME for a cluster; '-' is standard input
    path: PathBuf,
    /// Where the connection comes from
    source: String,
    /// Where it goes to
    destination: String,
    /// Port, with the protocol if that is not TCP: 443, 53/UDP
    port: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// What blocks of addresses in policies mean: pods and nodes too, or only the outside (Cilium)
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    ip_blocks: Blocks,
}

/// The answer for ends that policies treat alike.
#[derive(Debug, Serialize)]
struct Answer {
    sources: Vec<String>,
    destinations: Vec<String>,
    ports: String,
    #[serde(flatten)]
    decision: Decision,
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    allowed: bool,
    answers: &'a [Answer],
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let (protocol, port) = parse_port(&args.port)?;
    let cluster = super::cluster_at(&args.path, session)?;
    let sources = find(&cluster, &args.source)?;
    let destinations = destinations(&cluster, &args.destination, protocol, port)?;
    // Policies treat the members of a class alike: one of each is asked about.
    let reachability = Reachability::of(&cluster, args.ip_blocks.into());
    let mut from: BTreeMap<usize, Vec<Entity>> = BTreeMap::new();
    for source in sources {
        from.entry(reachability.class(source)).or_default().push(source);
    }
    let mut to: BTreeMap<(usize, u16), Vec<Entity>> = BTreeMap::new();
    for (destination, port) in destinations {
        to.entry((reachability.class(destination), port)).or_default().push(destination);
    }
    let titles = |entities: &[Entity]| entities.iter().map(|it| title(&cluster, *it)).collect();
    let mut answers: Vec<Answer> = Vec::new();
    for sources in from.values() {
        for ((_, port), destinations) in &to {
            let (source, destination) = (sources[0], destinations[0]);
            let connection = Connection { source, destination, protocol, port: *port };
            let decision = decide(&cluster, &connection, args.ip_blocks.into());
            let ports = PortSet::of_port(protocol, *port).to_string();
            let (sources, destinations) = (titles(sources), titles(destinations));
            add(&mut answers, Answer { sources, destinations, ports, decision });
        }
    }
    let allowed = answers.iter().all(|answer| answer.decision.allowed);
    match args.format {
        Format::Json => {
            session.printer.json(&Document { schema_version: 1, allowed, answers: &answers })?;
        }
        Format::Table => {
            for answer in &answers {
                write(answer, session.printer.data())?;
            }
        }
    }
    Ok(ExitCode::from(u8::from(!allowed)))
}

/// Ends for which the same policies say the same are told together.
fn add(answers: &mut Vec<Answer>, new: Answer) {
    let alike = |it: &&mut Answer| it.decision == new.decision && it.ports == new.ports;
    match answers.iter_mut().find(alike) {
        Some(answer) => {
            for (ends, more) in
                [(&mut answer.sources, new.sources), (&mut answer.destinations, new.destinations)]
            {
                ends.extend(more);
                ends.sort();
                ends.dedup();
            }
        }
        None => answers.push(new),
    }
}

fn parse_port(text: &str) -> Result<(Protocol, u16), CliError> {
    let wrong = || {
        CliError::new(format!("could not read port '{text}'")).hint(
            "a port is a number from 1 to 65535, with the protocol if that is not TCP: 53/UDP",
        )
    };
    let (number, protocol) = text.split_once('/').unwrap_or((text, "TCP"));
    let protocol = protocol.parse().map_err(|_| wrong())?;
    let port = number.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    Ok((protocol, port))
}

/// The entities that `name` means.
fn find(cluster: &Cluster, name: &str) -> Result<Vec<Entity>, CliError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        let has = |pod: &&cofferdam_kube::network::Pod| {
            pod.addresses.contains(&address) && !pod.host_network
        };
        let pod = cluster.pods.iter().position(|pod| has(&pod)).map(Entity::Pod);
        let node = || cluster.nodes.iter().position(|node| node.addresses.contains(&address));
        let known = pod.or_else(|| node().map(Entity::Node));
        return Ok(vec![known.unwrap_or(Entity::Addresses(AddressRange::of(address)))]);
    }
    let (namespace, pod) = name.split_once('/').unwrap_or(("default", name));
    let pods = cluster.pods.iter().enumerate();
    let pods = pods
        .filter(|(_, it)| it.namespace == namespace && (it.name == pod || it.workload.name == pod));
    let mut found: Vec<_> = pods.map(|(index, _)| Entity::Pod(index)).collect();
    if found.is_empty() && namespace == "node" {
        let nodes = cluster.nodes.iter().enumerate().filter(|(_, node)| node.name == pod);
        found.extend(nodes.map(|(index, _)| Entity::Node(index)));
    }
    if found.is_empty() { Err(unknown(cluster, name)) } else { Ok(found) }
}

fn unknown(cluster: &Cluster, name: &str) -> CliError {
    let error = CliError::new(format!("could not find '{name}'"));
    let names = cluster.pods.iter().flat_map(|pod| {
        [&pod.workload.name, &pod.name].map(|name| format!("{}/{name}", pod.namespace))
    });
    let names: Vec<_> = names.collect();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(nearest) => error.hint(format!("did you mean '{nearest}'")),
        None => error.hint("an end is NAMESPACE/NAME, node/NAME or an IP address"),
    }
}

/// Where a connection ends, with the port there: behind a service that is another.
fn destinations(
    cluster: &Cluster,
    name: &str,
    protocol: Protocol,
    port: u16,
) -> Result<Vec<(Entity, u16)>, CliError> {
    let parts: Vec<_> = name.split('/').collect();
    let [namespace, "svc", service] = parts[..] else {
        return Ok(find(cluster, name)?.into_iter().map(|entity| (entity, port)).collect());
    };
    let all = || cluster.services.iter();
    let Some(found) = all().find(|it| it.namespace == namespace && it.name == service) else {
        let names: Vec<_> = all().map(|it| format!("{}/svc/{}", it.namespace, it.name)).collect();
        let error = CliError::new(format!("could not find service '{namespace}/{service}'"));
        return Err(match nearest(name, names.iter().map(String::as_str)) {
            Some(nearest) => error.hint(format!("did you mean '{nearest}'")),
            None => error.hint("a service is named NAMESPACE/svc/NAME"),
        });
    };
    let mut ends = Vec::new();
    for port in found.ports.iter().filter(|it| it.port == port && it.protocol == protocol) {
        let pods = cluster.pods.iter().enumerate().filter(|(_, pod)| found.selects(pod));
        for (index, pod) in pods {
            let targets = port.target_of(pod);
            let numbers = targets.ranges(protocol).iter().flat_map(|(first, last)| *first..=*last);
            ends.extend(numbers.map(|number| (Entity::Pod(index), number)));
        }
    }
    if ends.is_empty() {
        let message = format!("could not find a pod behind port {port} of service '{name}'");
        let ports: Vec<_> =
            found.ports.iter().map(|it| format!("{}/{}", it.port, it.protocol)).collect();
        return Err(CliError::new(message).hint(format!("its ports are {}", ports.join(", "))));
    }
    Ok(ends)
}

fn title(cluster: &Cluster, entity: Entity) -> String {
    match entity {
        Entity::Pod(index) => {
            let pod = &cluster.pods[index];
            format!("{}/{}", pod.namespace, pod.name)
        }
        Entity::Node(index) => format!("node {}", cluster.nodes[index].name),
        Entity::IngressController => "ingress controllers".to_owned(),
        Entity::Addresses(range) => range.first_address().to_string(),
    }
}

fn write(answer: &Answer, out: &mut impl Write) -> Result<(), CliError> {
    let word = if answer.decision.allowed { "allowed" } else { "denied" };
    let (from, to) = (answer.sources.join(", "), answer.destinations.join(", "));
    writeln!(out, "{word}: {} to {} on {}", escape(&from), escape(&to), answer.ports)?;
    let sides = [
        (Direction::Egress, &answer.decision.egress, "leaving"),
        (Direction::Ingress, &answer.decision.ingress, "arriving"),
    ];
    for (direction, verdict, verb) in sides {
        let word = if verdict.allowed { "allowed" } else { "denied" };
        writeln!(out, "  {verb}: {word}, {}", reason(verdict, direction))?;
        for asked in &verdict.asked {
            writeln!(out, "    {}", escape(&told(asked, direction)))?;
        }
    }
    Ok(())
}

fn reason(verdict: &Verdict, direction: Direction) -> String {
    match verdict.reason {
        Reason::Rule => "as a rule says".to_owned(),
        Reason::Isolated => {
            format!("as policies select the pod for {direction} and none allows it")
        }
        Reason::Default if verdict.asked.is_empty() => {
            format!("as no policy selects the pod for {direction}")
        }
        Reason::Default => "as no policy decides".to_owned(),
        Reason::NotSubject => "as policies do not apply to it".to_owned(),
    }
}

fn told(asked: &Asked, direction: Direction) -> String {
    let tier = match asked.tier {
        Tier::Admin => "admin tier",
        Tier::Namespace => "namespace",
        Tier::Baseline => "baseline tier",
    };
    let does = match asked.action {
        None => "no rule matches".to_owned(),
        Some(action) => {
            let action = match action {
                Action::Allow => "allows it",
                Action::Deny => "denies it",
                Action::Pass => "passes it on",
            };
            let rule = asked.rule.unwrap_or_default();
            let name = match asked.rule_name.is_empty() {
                true => String::new(),
                false => format!(" ({})", asked.rule_name),
            };
            format!("{direction}[{rule}]{name} {action}")
        }
    };
    format!("{} ({tier}): {does}", asked.policy)
}
