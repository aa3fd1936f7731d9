//! `AdminNetworkPolicy` and `BaselineAdminNetworkPolicy` of `policy.networking.k8s.io/v1alpha1`.

use serde::Deserialize;

use super::{
    Policy, PolicyId, PolicyKind, PortMatch, Rule, Tier,
    cluster::{Peers, Subject, check_priority, read_peers, read_subject},
    read::{PolicyError, Read, Specified, action, port_number, port_range, protocol, value_error},
};
use crate::{
    Object,
    network::{port::PortSet, selector::or_default},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    priority: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    subject: Subject,
    #[serde(default, deserialize_with = "or_default")]
    ingress: Vec<WrittenRule>,
    #[serde(default, deserialize_with = "or_default")]
    egress: Vec<WrittenRule>,
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
    ports: Vec<WrittenPort>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenPort {
    port_number: Option<Number>,
    named_port: Option<String>,
    port_range: Option<Range>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Number {
    protocol: Option<String>,
    port: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Range {
    protocol: Option<String>,
    start: i64,
    end: i64,
}

pub(super) fn read(object: &Object, baseline: bool) -> Read {
    let Specified { spec } = object.view::<Specified<Spec>>()?;
    let (kind, tier, priority) = if baseline {
        if object.name != "default" {
            return Err(value_error("metadata.name", "the one that counts is named 'default'"));
        }
        (PolicyKind::BaselineAdminNetworkPolicy, Tier::Baseline, 0)
    } else {
        (PolicyKind::AdminNetworkPolicy, Tier::Admin, check_priority(spec.priority)?)
    };
    let mut remarks = Vec::new();
    let mut rules = |written: &[WrittenRule], direction: &str| {
        let rules = written.iter().enumerate().map(|(index, rule)| {
            read_rule(rule, baseline, &format!("spec.{direction}[{index}]"), &mut remarks)
        });
        rules.collect::<Result<Vec<_>, _>>()
    };
    let ingress = rules(&spec.ingress, "ingress")?;
    let egress = rules(&spec.egress, "egress")?;
    let policy = Policy {
        id: PolicyId { kind, namespace: None, name: object.name.clone() },
        tier,
        priority,
        subject: read_subject(&spec.subject)?,
        ingress: Some(ingress).filter(|rules| !rules.is_empty()),
        egress: Some(egress).filter(|rules| !rules.is_empty()),
    };
    Ok((policy, remarks))
}

fn read_rule(
    written: &WrittenRule,
    baseline: bool,
    field: &str,
    remarks: &mut Vec<String>,
) -> Result<Rule, PolicyError> {
    let action = action(&written.action, "Allow", &format!("{field}.action"))?;
    if baseline && action == super::Action::Pass {
        return Err(value_error(field, "there is no tier behind the baseline to pass to"));
    }
    let ingress = field.starts_with("spec.ingress");
    let (peers, name) = if ingress { (&written.from, "from") } else { (&written.to, "to") };
    let peers = read_peers(peers, ingress, &format!("{field}.{name}"), remarks)?;
    let mut ports = Vec::new();
    for (index, port) in written.ports.iter().enumerate() {
        ports.push(read_port(port, &format!("{field}.ports[{index}]"))?);
    }
    if ports.is_empty() {
        ports.push(PortMatch::Numbers(PortSet::all()));
    }
    Ok(Rule { name: written.name.clone(), action, peers, ports })
}

fn read_port(written: &WrittenPort, field: &str) -> Result<PortMatch, PolicyError> {
    match (&written.port_number, &written.named_port, &written.port_range) {
        (Some(number), None, None) => {
            let protocol = protocol(number.protocol.as_deref(), field)?;
            let port = port_number(number.port, field)?;
            Ok(PortMatch::Numbers(PortSet::of_port(protocol, port)))
        }
        (None, Some(name), None) => Ok(PortMatch::Named { protocol: None, name: name.clone() }),
        (None, None, Some(range)) => {
            let protocol = protocol(range.protocol.as_deref(), field)?;
            port_range(protocol, range.start, range.end, field)
        }
        _ => Err(value_error(field, "it needs one of portNumber, namedPort, portRange")),
    }
}
