//! What was observed: flow logs of Hubble, lines of JSON, and lists as `kube netpol list` writes
//! them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde::Deserialize;
use thiserror::Error;

use super::{End, Need};
use crate::network::{
    address::Cidr,
    cluster::{Cluster, WorkloadId},
    port::{PortSet, Protocol},
};

/// A line that could not be understood.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line}: {reason}")]
pub struct FlowError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// What a log says, and what of it was left out.
#[derive(Debug, Default)]
pub struct Observed {
    /// Connections, each once.
    pub needs: Vec<Need>,
    /// Flows that were dropped, replies, and such without ports.
    pub skipped: usize,
    /// Ends that are not in the cluster, by how often they occur.
    pub unknown: BTreeMap<String, usize>,
}

/// Connections that `text` lists: a JSON object a line, or CSV with the columns `src,dst,conn`.
///
/// # Errors
/// If a line is neither.
pub fn needs(text: &str, cluster: &Cluster) -> Result<Observed, FlowError> {
    let names = Names::of(cluster);
    let mut observed = Observed::default();
    let mut seen: BTreeMap<(End, End), PortSet> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || (index == 0 && line.starts_with("src,dst,conn")) {
            continue;
        }
        let error = |reason: String| FlowError { line: index + 1, reason };
        let flow = if line.starts_with('{') { json(line) } else { csv(line) };
        let Some(flow) = flow.map_err(error)? else {
            observed.skipped += 1;
            continue;
        };
        match (names.ends(&flow.from), names.ends(&flow.to)) {
            (Some(from), Some(to)) => {
                let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (from, to)));
                for (from, to) in pairs {
                    let ports = seen.entry((from.clone(), to.clone())).or_default();
                    *ports = ports.union(&flow.ports);
                }
            }
            (from, to) => {
                for (end, name) in [(from, flow.from), (to, flow.to)] {
                    if end.is_none() {
                        *observed.unknown.entry(name).or_default() += 1;
                    }
                }
            }
        }
    }
    observed.needs = seen
        .into_iter()
        .map(|((from, to), ports)| Need { from, to, ports, why: "observed".to_owned() })
        .collect();
    Ok(observed)
}

/// A line, with names for ends.
struct Flow {
    from: String,
    to: String,
    ports: PortSet,
}

/// A line of JSON: our own form, or Hubble's.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Hubble { flow: Hubble },
    Plain { source: String, destination: String, port: u16, protocol: Option<String> },
}

#[derive(Deserialize)]
struct Hubble {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    is_reply: Option<bool>,
    source: Option<HubbleEnd>,
    destination: Option<HubbleEnd>,
    #[serde(rename = "IP")]
    ip: Option<HubbleIp>,
    l4: Option<HashMap<String, HubblePorts>>,
}

#[derive(Deserialize)]
struct HubbleEnd {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    pod_name: String,
}

#[derive(Deserialize)]
struct HubbleIp {
    #[serde(default)]
    source: String,
    #[serde(default)]
    destination: String,
}

#[derive(Deserialize)]
struct HubblePorts {
    #[serde(default)]
    destination_port: u16,
}

fn json(line: &str) -> Result<Option<Flow>, String> {
    let line: Line = serde_json::from_str(line).map_err(|_| {
        "it is neither a flow of Hubble nor an object with source, destination, port and protocol"
            .to_owned()
    })?;
    match line {
        Line::Plain { source, destination, port, protocol } => {
            let protocol = protocol.as_deref().unwrap_or("TCP").parse::<Protocol>()?;
            let ports = PortSet::of_port(protocol, port);
            Ok(Some(Flow { from: source, to: destination, ports }))
        }
        Line::Hubble { flow } => Ok(hubble(flow)),
    }
}

/// What was dropped is not needed, as far as anybody knows; replies are no connections.
fn hubble(flow: Hubble) -> Option<Flow> {
    if flow.verdict != "FORWARDED" || flow.is_reply == Some(true) {
        return None;
    }
    let ip = flow.ip?;
    let ports = flow.l4?.into_iter().find_map(|(protocol, ports)| {
        let protocol: Protocol = protocol.parse().ok()?;
        Some(PortSet::of_port(protocol, ports.destination_port))
    })?;
    let name = |end: Option<HubbleEnd>, address: String| match end {
        Some(end) if !end.pod_name.is_empty() => format!("{}/{}", end.namespace, end.pod_name),
        _ => address,
    };
    Some(Flow {
        from: name(flow.source, ip.source),
        to: name(flow.destination, ip.destination),
        ports,
    })
}

/// `src,dst,conn` with the last quoted if it has a comma.
fn csv(line: &str) -> Result<Option<Flow>, String> {
    let mut parts = line.splitn(3, ',');
    let (Some(from), Some(to), Some(ports)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("it has no three columns src,dst,conn".to_owned());
    };
    let ports = parse_ports(ports.trim_matches('"'))?;
    Ok(Some(Flow { from: from.to_owned(), to: to.to_owned(), ports }))
}

/// `All Connections`, or `TCP 80,443,UDP 53`.
fn parse_ports(text: &str) -> Result<PortSet, String> {
    if text == "All Connections" || text == "all" {
        return Ok(PortSet::all());
    }
    let mut ports = PortSet::none();
    let mut protocol = None;
    for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
        if let Ok(named) = part.parse::<Protocol>() {
            protocol = Some(named);
            continue;
        }
        let wrong = || format!("'{text}' is not a list of ports such as TCP 80,8000-8100");
        let protocol = protocol.ok_or_else(wrong)?;
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) =
            (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
        ports = ports.union(&PortSet::of_range(protocol, first, last));
    }
    Ok(ports)
}

/// Workloads by what logs call them.
struct Names<'a> {
    by_name: HashMap<String, &'a WorkloadId>,
    by_address: HashMap<IpAddr, &'a WorkloadId>,
}

impl<'a> Names<'a> {
    fn of(cluster: &'a Cluster) -> Self {
        let mut names = Self { by_name: HashMap::new(), by_address: HashMap::new() };
        for pod in &cluster.pods {
            let id = &pod.workload;
            names.by_name.insert(format!("{}/{}", pod.namespace, pod.name), id);
            names.by_name.insert(format!("{}/{}", id.namespace, id.name), id);
            // The address of a node is that of all its host pods: it names none of them.
            if !pod.host_network {
                names.by_address.extend(pod.addresses.iter().map(|address| (*address, id)));
            }
        }
        names
    }

    /// What a name means: several blocks, where it is a range of addresses.
    fn ends(&self, name: &str) -> Option<Vec<End>> {
        // As lists write names: with the kind, and a range for addresses.
        let bare = name.split('[').next().unwrap_or(name).trim();
        if bare == "{ingress-controller}" {
            return Some(vec![End::AnyPod]);
        }
        if let Some(id) = self.by_name.get(bare) {
            return Some(vec![End::Workload((*id).clone())]);
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            let known = self.by_address.get(&address).map(|id| End::Workload((*id).clone()));
            return Some(vec![known.unwrap_or_else(|| End::Block(Cidr::of(address)))]);
        }
        if let Ok(block) = bare.parse::<Cidr>() {
            return Some(vec![End::Block(block)]);
        }
        let (first, last) = bare.split_once('-')?;
        let blocks = Cidr::spanning(first.parse().ok()?, last.parse().ok()?)?;
        Some(blocks.into_iter().map(End::Block).collect())
    }
}
