//! `NetworkPolicy` of `networking.k8s.io/v1`.

use serde::Deserialize;

use super::{
    Action, NamespaceMatch, Peer, PodPeer, Policy, PolicyId, PolicyKind, PortMatch, Rule, Tier,
    read::{PolicyError, Read, Specified, port_range, protocol, value_error},
};
use crate::{
    Object,
    api::{IntOrString, LabelSelector},
    network::{
        address::Cidr,
        port::PortSet,
        selector::{Selector, or_default},
    },
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    pod_selector: LabelSelector,
    #[serde(deserialize_with = "or_default")]
    policy_types: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    ingress: Vec<WrittenRule>,
    #[serde(deserialize_with = "or_default")]
    egress: Vec<WrittenRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenRule {
    #[serde(deserialize_with = "or_default")]
    from: Vec<WrittenPeer>,
    #[serde(deserialize_with = "or_default")]
    to: Vec<WrittenPeer>,
    #[serde(deserialize_with = "or_default")]
    ports: Vec<WrittenPort>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenPeer {
    pod_selector: Option<LabelSelector>,
    namespace_selector: Option<LabelSelector>,
    ip_block: Option<IpBlock>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IpBlock {
    #[serde(deserialize_with = "or_default")]
    cidr: String,
    #[serde(deserialize_with = "or_default")]
    except: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenPort {
    protocol: Option<String>,
    port: Option<IntOrString>,
    end_port: Option<i64>,
}

pub(super) fn read(object: &Object) -> Read {
    let Specified { spec } = object.view::<Specified<Option<Spec>>>()?;
    let spec = spec.unwrap_or_default();
    let namespace = object.namespace_or_default();
    let (ingress, egress) = directions(&spec)?;
    let rules = |written: &[WrittenRule], direction: &str| {
        let read =
            |(index, rule)| read_rule(rule, namespace, &format!("spec.{direction}[{index}]"));
        written.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()
    };
    let policy = Policy {
        id: PolicyId {
            kind: PolicyKind::NetworkPolicy,
            namespace: Some(namespace.to_owned()),
            name: object.name.clone(),
        },
        tier: Tier::Namespace,
        priority: 0,
        subject: PodPeer {
            namespaces: NamespaceMatch::Named(namespace.to_owned()),
            pods: Selector::read(spec.pod_selector, "spec.podSelector")?,
        },
        ingress: ingress.then(|| rules(&spec.ingress, "ingress")).transpose()?,
        egress: egress.then(|| rules(&spec.egress, "egress")).transpose()?,
    };
    Ok((policy, Vec::new()))
}

/// Which directions the policy is about. Without `policyTypes` it is about ingress, and about egress
/// if it has a rule for that: an empty list is none.
fn directions(spec: &Spec) -> Result<(bool, bool), PolicyError> {
    let types = &spec.policy_types;
    if let Some(other) = types.iter().find(|it| *it != "Ingress" && *it != "Egress") {
        let reason = format!("'{other}' is not one of Ingress, Egress");
        return Err(value_error("spec.policyTypes", reason));
    }
    if types.is_empty() {
        return Ok((true, !spec.egress.is_empty()));
    }
    let has = |name: &str| types.iter().any(|it| it == name);
    Ok((has("Ingress"), has("Egress")))
}

fn read_rule(written: &WrittenRule, namespace: &str, field: &str) -> Result<Rule, PolicyError> {
    // A rule has one of the two, according to its direction; the other is an unknown field there.
    let ingress = field.starts_with("spec.ingress");
    let (peers, name) = if ingress { (&written.from, "from") } else { (&written.to, "to") };
    let mut rule =
        Rule { name: String::new(), action: Action::Allow, peers: Vec::new(), ports: Vec::new() };
    for (index, peer) in peers.iter().enumerate() {
        rule.peers.push(read_peer(peer, namespace, &format!("{field}.{name}[{index}]"))?);
    }
    for (index, port) in written.ports.iter().enumerate() {
        rule.ports.push(read_port(port, &format!("{field}.ports[{index}]"))?);
    }
    if rule.peers.is_empty() {
        rule.peers.push(Peer::Everything);
    }
    if rule.ports.is_empty() {
        rule.ports.push(PortMatch::Numbers(PortSet::all()));
    }
    Ok(rule)
}

fn read_peer(written: &WrittenPeer, namespace: &str, field: &str) -> Result<Peer, PolicyError> {
    let selector = |selector: &Option<LabelSelector>, name: &str| {
        let read = |it: &LabelSelector| Selector::read(it.clone(), &format!("{field}.{name}"));
        selector.as_ref().map(read).transpose()
    };
    let pods = selector(&written.pod_selector, "podSelector")?;
    let namespaces = selector(&written.namespace_selector, "namespaceSelector")?;
    match (&written.ip_block, pods, namespaces) {
        (None, None, None) => {
            Err(value_error(field, "it has none of podSelector, namespaceSelector, ipBlock"))
        }
        (Some(block), None, None) => read_block(block, &format!("{field}.ipBlock")),
        (Some(_), _, _) => Err(value_error(field, "ipBlock cannot stand beside a selector")),
        (None, pods, namespaces) => Ok(Peer::Pods(PodPeer {
            namespaces: match namespaces {
                Some(selector) => NamespaceMatch::Selected(selector),
                None => NamespaceMatch::Named(namespace.to_owned()),
            },
            pods: pods.unwrap_or_default(),
        })),
    }
}

fn read_block(written: &IpBlock, field: &str) -> Result<Peer, PolicyError> {
    let cidr = |text: &str, name: &str| {
        text.parse::<Cidr>().map_err(|reason| value_error(format!("{field}.{name}"), reason))
    };
    let block = cidr(&written.cidr, "cidr")?;
    let except = written.except.iter().map(|text| {
        let except = cidr(text, "except")?;
        let (inner, outer) = (except.range(), block.range());
        let inside = inner.family == outer.family
            && (outer.first..=outer.last).contains(&inner.first)
            && (outer.first..=outer.last).contains(&inner.last)
            && inner != outer;
        match inside {
            true => Ok(except),
            false => Err(value_error(
                format!("{field}.except"),
                format!("{except} is not a part of {block}"),
            )),
        }
    });
    let mut except = except.collect::<Result<Vec<_>, _>>()?;
    except.sort();
    except.dedup();
    Ok(Peer::Network { block, except })
}

fn read_port(written: &WrittenPort, field: &str) -> Result<PortMatch, PolicyError> {
    let protocol = protocol(written.protocol.as_deref(), field)?;
    match (&written.port, written.end_port) {
        (None, None) => Ok(PortMatch::Numbers(PortSet::of_protocol(protocol))),
        (None, Some(_)) => Err(value_error(field, "endPort needs port")),
        (Some(IntOrString::Int(first)), last) => {
            port_range(protocol, *first, last.unwrap_or(*first), field)
        }
        (Some(IntOrString::String(_)), Some(_)) => {
            Err(value_error(field, "endPort needs a port that is a number"))
        }
        (Some(IntOrString::String(name)), None) => {
            if !is_port_name(name) {
                let reason = format!("'{name}' is neither a port number nor the name of a port");
                return Err(value_error(field, reason));
            }
            Ok(PortMatch::Named { protocol: Some(protocol), name: name.clone() })
        }
    }
}

/// IANA service names: at most 15 of `a-z`, `0-9` and `-`, a letter among them.
fn is_port_name(name: &str) -> bool {
    let known = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    (1..=15).contains(&name.len())
        && name.bytes().all(known)
        && name.bytes().any(|it| it.is_ascii_lowercase())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}
