//! Policies as YAML. What is written is read again before anybody sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{DNS_LABEL, DNS_NAMESPACE, Other, Plan, dns_default};
use crate::network::{
    cluster::{NAMESPACE_NAME, WorkloadId},
    findings::is_dns,
    port::{PortSet, Protocol},
    selector::Labels,
};

/// Reasons that are written to a rule; the rest as a number.
const REASONS_WRITTEN: usize = 3;

/// A peer as YAML, and how many of its lines are one item.
type Rules = BTreeMap<Other, (PortSet, BTreeSet<String>)>;

/// The policies of a plan, and their number.
pub(super) fn manifest(plan: &Plan<'_>) -> (String, usize) {
    let mut documents = Vec::new();
    for namespace in plan.namespaces {
        documents.push(default_deny(namespace));
        if !plan.cluster.pods.iter().any(is_dns) {
            documents.push(allow_dns(namespace));
        }
    }
    let mut names = BTreeSet::new();
    for (workload, rules) in &plan.rules {
        let mut name = format!("allow-{}", name_of(&workload.name));
        if !names.insert((workload.namespace.clone(), name.clone())) {
            let _ = write!(name, "-{}", workload.kind.to_ascii_lowercase());
            names.insert((workload.namespace.clone(), name.clone()));
        }
        let mut text = head(&workload.namespace, &name);
        selector(&mut text, "podSelector", &plan.labels[workload], 2);
        text.push_str("  policyTypes: [Ingress, Egress]\n");
        for (direction, peers, rules) in
            [("ingress", "from", &rules.ingress), ("egress", "to", &rules.egress)]
        {
            if !rules.is_empty() {
                let _ = writeln!(text, "  {direction}:");
                write_rules(&mut text, peers, rules, workload, plan);
            }
        }
        documents.push(text);
    }
    (documents.join("---\n"), documents.len())
}

fn head(namespace: &str, name: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {}\n  \
         namespace: {}\nspec:\n",
        scalar(name),
        scalar(namespace)
    )
}

fn default_deny(namespace: &str) -> String {
    let head = head(namespace, "default-deny");
    format!("{head}  podSelector: {{}}\n  policyTypes: [Ingress, Egress]\n")
}

fn allow_dns(namespace: &str) -> String {
    let mut text = head(namespace, "allow-dns");
    text.push_str("  podSelector: {}\n  policyTypes: [Egress]\n  egress:\n  - to:\n    - ");
    let _ = writeln!(
        text,
        "namespaceSelector:\n        matchLabels:\n          {NAMESPACE_NAME}: {DNS_NAMESPACE}\n      \
         podSelector:\n        matchLabels:\n          {}: {}",
        DNS_LABEL.0, DNS_LABEL.1
    );
    ports(&mut text, &dns_default());
    text
}

/// One rule for each set of ports.
fn write_rules(
    text: &mut String,
    peers: &str,
    rules: &Rules,
    subject: &WorkloadId,
    plan: &Plan<'_>,
) {
    let mut by_ports: BTreeMap<&PortSet, (Vec<&Other>, BTreeSet<&String>)> = BTreeMap::new();
    for (other, (ports, why)) in rules {
        let rule = by_ports.entry(ports).or_default();
        rule.0.push(other);
        rule.1.extend(why);
    }
    for (set, (others, why)) in by_ports {
        for reason in why.iter().take(REASONS_WRITTEN) {
            let _ = writeln!(text, "  # {}", comment(reason));
        }
        if why.len() > REASONS_WRITTEN {
            let _ = writeln!(text, "  # and {} more reasons", why.len() - REASONS_WRITTEN);
        }
        let _ = writeln!(text, "  - {peers}:");
        for other in others {
            write_peer(text, other, subject, plan);
        }
        ports(text, set);
    }
}

fn write_peer(text: &mut String, other: &Other, subject: &WorkloadId, plan: &Plan<'_>) {
    match other {
        Other::AnyPod => text.push_str("    - namespaceSelector: {}\n"),
        Other::Block(block) => {
            let _ = writeln!(text, "    - ipBlock:\n        cidr: {}", scalar(&block.to_string()));
        }
        Other::Workload(workload) => {
            let mut dash = "- ";
            if workload.namespace != subject.namespace {
                let _ = writeln!(
                    text,
                    "    - namespaceSelector:\n        matchLabels:\n          {NAMESPACE_NAME}: {}",
                    scalar(&workload.namespace)
                );
                dash = "  ";
            }
            let mut peer = String::new();
            selector(&mut peer, "podSelector", &plan.labels[workload], 6);
            text.push_str(&peer.replacen("      ", &format!("    {dash}"), 1));
        }
    }
}

fn selector(text: &mut String, name: &str, labels: &Labels, indent: usize) {
    let pad = " ".repeat(indent);
    if labels.is_empty() {
        let _ = writeln!(text, "{pad}{name}: {{}}");
        return;
    }
    let _ = writeln!(text, "{pad}{name}:\n{pad}  matchLabels:");
    for (key, value) in labels {
        let _ = writeln!(text, "{pad}    {}: {}", scalar(key), scalar(value));
    }
}

fn ports(text: &mut String, set: &PortSet) {
    if set.is_all() {
        return;
    }
    text.push_str("    ports:\n");
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
        for (first, last) in set.ranges(protocol) {
            let _ = write!(text, "    - protocol: {protocol}\n      port: {first}\n");
            if first != last {
                let _ = writeln!(text, "      endPort: {last}");
            }
        }
    }
}

/// Plain where no YAML reader could take it for anything else than a text.
fn scalar(text: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'/' | b'_');
    let letter = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
    let word = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if letter && text.bytes().all(plain) && !word.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

/// Nothing in a reason ends the comment.
fn comment(text: &str) -> String {
    cofferdam_finding::render::escape(text).replace(['\n', '\r'], " ")
}

/// Names of objects are of lower-case letters, digits, `-` and `.`.
fn name_of(text: &str) -> String {
    let fits = |it: char| {
        if it.is_ascii_alphanumeric() || it == '.' { it.to_ascii_lowercase() } else { '-' }
    };
    text.trim_end_matches('*')
        .chars()
        .map(fits)
        .collect::<String>()
        .trim_matches(['-', '.'])
        .to_owned()
}
