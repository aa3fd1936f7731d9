//! `ClusterNetworkPolicy` of `policy.networking.k8s.io/v1alpha2`, and what the kinds of v1alpha1 have
//! in common with it.

use serde::Deserialize;

use super::{
    Action, NamespaceMatch, Peer, PodPeer, Policy, PolicyId, PolicyKind, PortMatch, Rule, Tier,
    read::{PolicyError, Read, Specified, action, port_number, port_range, value_error},
};
use crate::{
    Object,
    api::LabelSelector,
    network::{
        port::{PortSet, Protocol},
        selector::{Selector, or_default},
    },
};

/// The highest number that a priority may have: the last turn.
const LAST_PRIORITY: i64 = 1000;

#[derive(Debug, Deserialize)]
struct Spec {
    #[serde(default, deserialize_with = "or_default")]
    tier: String,
    #[serde(default)]
    priority: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    subject: Subject,
    #[serde(default, deserialize_with = "or_default")]
    ingress: Vec<WrittenRule>,
    #[serde(default, deserialize_with = "or_default")]
    egress: Vec<WrittenRule>,
}

/// Either all pods of some namespaces, or some of their pods.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subject {
    namespaces: Option<LabelSelector>,
    pods: Option<NamespacedPod>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NamespacedPod {
    #[serde(deserialize_with = "or_default")]
    namespace_selector: LabelSelector,
    #[serde(deserialize_with = "or_default")]
    pod_selector: LabelSelector,
}

/// An entry of `from` or `to`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Peers {
    namespaces: Option<LabelSelector>,
    pods: Option<NamespacedPod>,
    nodes: Option<LabelSelector>,
    networks: Option<Vec<String>>,
    domain_names: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenRule {
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    action: String,
    #[serde(deserialize_with = "or_default")]
    from: Vec<Peers>,
    #[serde(deserialize_with = "or_default")]
    to: Vec<Peers>,
    #[serde(deserialize_with = "or_default")]
    protocols: Vec<WrittenProtocol>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenProtocol {
    tcp: Option<Transport>,
    udp: Option<Transport>,
    sctp: Option<Transport>,
    destination_named_port: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Transport {
    destination_port: Option<Port>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Port {
    number: Option<i64>,
    range: Option<Range>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Range {
    start: i64,
    end: i64,
}

pub(super) fn read(object: &Object) -> Read {
    let Specified { spec } = object.view::<Specified<Spec>>()?;
    let tier = match &spec.tier[..] {
        "Admin" => Tier::Admin,
        "Baseline" => Tier::Baseline,
        other => {
            let reason = format!("'{other}' is not one of Admin, Baseline");
            return Err(value_error("spec.tier", reason));
        }
    };
    let mut remarks = Vec::new();
    let mut rules = |written: &[WrittenRule], direction: &str| {
        let rules = written.iter().enumerate().map(|(index, rule)| {
            read_rule(rule, &format!("spec.{direction}[{index}]"), &mut remarks)
        });
        rules.collect::<Result<Vec<_>, _>>()
    };
    let ingress = rules(&spec.ingress, "ingress")?;
    let egress = rules(&spec.egress, "egress")?;
    let policy = Policy {
        id: PolicyId {
            kind: PolicyKind::ClusterNetworkPolicy,
            namespace: None,
            name: object.name.clone(),
        },
        tier,
        priority: check_priority(spec.priority)?,
        subject: read_subject(&spec.subject)?,
        ingress: Some(ingress).filter(|rules| !rules.is_empty()),
        egress: Some(egress).filter(|rules| !rules.is_empty()),
    };
    Ok((policy, remarks))
}

fn read_rule(
    written: &WrittenRule,
    field: &str,
    remarks: &mut Vec<String>,
) -> Result<Rule, PolicyError> {
    let action = action(&written.action, "Accept", &format!("{field}.action"))?;
    let ingress = field.starts_with("spec.ingress");
    let (peers, name) = if ingress { (&written.from, "from") } else { (&written.to, "to") };
    let peers = read_peers(peers, ingress, &format!("{field}.{name}"), remarks)?;
    if action != Action::Allow && peers.iter().any(|peer| matches!(peer, Peer::Domain(_))) {
        return Err(value_error(field, "domainNames are for rules that accept only"));
    }
    let mut ports = Vec::new();
    for (index, protocol) in written.protocols.iter().enumerate() {
        ports.push(read_protocol(protocol, &format!("{field}.protocols[{index}]"))?);
    }
    if ports.is_empty() {
        ports.push(PortMatch::Numbers(PortSet::all()));
    }
    Ok(Rule { name: written.name.clone(), action, peers, ports })
}

fn read_protocol(written: &WrittenProtocol, field: &str) -> Result<PortMatch, PolicyError> {
    let name = written.destination_named_port.as_ref().filter(|name| !name.is_empty());
    match (&written.tcp, &written.udp, &written.sctp, name) {
        (Some(tcp), None, None, None) => read_transport(Protocol::Tcp, tcp, field),
        (None, Some(udp), None, None) => read_transport(Protocol::Udp, udp, field),
        (None, None, Some(sctp), None) => read_transport(Protocol::Sctp, sctp, field),
        (None, None, None, Some(name)) => {
            Ok(PortMatch::Named { protocol: None, name: name.clone() })
        }
        _ => Err(value_error(field, "it needs one of tcp, udp, sctp, destinationNamedPort")),
    }
}

fn read_transport(
    protocol: Protocol,
    written: &Transport,
    field: &str,
) -> Result<PortMatch, PolicyError> {
    let Some(port) = &written.destination_port else {
        return Ok(PortMatch::Numbers(PortSet::of_protocol(protocol)));
    };
    match (port.number.filter(|number| *number != 0), &port.range) {
        (Some(number), None) => {
            let port = port_number(number, field)?;
            Ok(PortMatch::Numbers(PortSet::of_port(protocol, port)))
        }
        (None, Some(range)) => port_range(protocol, range.start, range.end, field),
        _ => Err(value_error(field, "destinationPort needs one of number, range")),
    }
}

pub(super) fn check_priority(priority: Option<i64>) -> Result<i64, PolicyError> {
    priority.filter(|priority| (0..=LAST_PRIORITY).contains(priority)).ok_or_else(|| {
        value_error("spec.priority", format!("it has to be a number from 0 to {LAST_PRIORITY}"))
    })
}

pub(super) fn read_subject(subject: &Subject) -> Result<PodPeer, PolicyError> {
    match (&subject.namespaces, &subject.pods) {
        (Some(namespaces), None) => all_pods(namespaces, "spec.subject.namespaces"),
        (None, Some(pods)) => some_pods(pods, "spec.subject.pods"),
        _ => Err(value_error("spec.subject", "it needs one of namespaces, pods")),
    }
}

fn all_pods(namespaces: &LabelSelector, field: &str) -> Result<PodPeer, PolicyError> {
    let namespaces = Selector::read(namespaces.clone(), field)?;
    Ok(PodPeer { namespaces: NamespaceMatch::Selected(namespaces), pods: Selector::default() })
}

fn some_pods(written: &NamespacedPod, field: &str) -> Result<PodPeer, PolicyError> {
    let read = |selector: &LabelSelector, name: &str| {
        Selector::read(selector.clone(), &format!("{field}.{name}"))
    };
    let namespaces = read(&written.namespace_selector, "namespaceSelector")?;
    Ok(PodPeer {
        namespaces: NamespaceMatch::Selected(namespaces),
        pods: read(&written.pod_selector, "podSelector")?,
    })
}

pub(super) fn read_peers(
    written: &[Peers],
    ingress: bool,
    field: &str,
    remarks: &mut Vec<String>,
) -> Result<Vec<Peer>, PolicyError> {
    if written.is_empty() {
        return Err(value_error(field, "it needs at least one entry"));
    }
    let mut peers = Vec::new();
    for (index, peer) in written.iter().enumerate() {
        read_peer(peer, ingress, &format!("{field}[{index}]"), &mut peers, remarks)?;
    }
    Ok(peers)
}

fn read_peer(
    written: &Peers,
    ingress: bool,
    field: &str,
    peers: &mut Vec<Peer>,
    remarks: &mut Vec<String>,
) -> Result<(), PolicyError> {
    let Peers { namespaces, pods, nodes, networks, domain_names } = written;
    match (namespaces, pods, nodes, networks, domain_names) {
        (Some(namespaces), None, None, None, None) => {
            peers.push(Peer::Pods(all_pods(namespaces, &format!("{field}.namespaces"))?));
        }
        (None, Some(pods), None, None, None) => {
            peers.push(Peer::Pods(some_pods(pods, &format!("{field}.pods"))?));
        }
        (None, None, Some(nodes), None, None) if !ingress => {
            peers.push(Peer::Nodes(Selector::read(nodes.clone(), &format!("{field}.nodes"))?));
        }
        (None, None, None, Some(networks), None) if !ingress => {
            for text in networks {
                let block = text
                    .parse()
                    .map_err(|reason: String| value_error(format!("{field}.networks"), reason))?;
                peers.push(Peer::Network { block, except: Vec::new() });
            }
        }
        (None, None, None, None, Some(names)) if !ingress => {
            let names_text = names.join(", ");
            remarks.push(format!("{field}: which addresses {names_text} means is not known"));
            peers.extend(names.iter().cloned().map(Peer::Domain));
        }
        _ => {
            let reason = "it needs one of the kinds of peers that this direction has";
            return Err(value_error(field, reason));
        }
    }
    Ok(())
}
