use serde::Deserialize;

use super::{Seen, Wiring, World, rule};
use crate::api::null_is_default;
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-ingress-clear-text",
        "An Ingress takes requests in clear text",
        cofferdam_finding::Severity::Medium,
        cofferdam_finding::Topic::Network,
        "A host of an Ingress is in none of its tls entries.",
        "What is sent, passwords and sessions among it, can be read and changed on the way.",
        "Add the host to spec.tls, with a Secret that has its certificate. Where something in \
         front ends TLS, waive this rule.",
    ),
    look,
};

#[derive(Deserialize)]
struct Ingress {
    #[serde(default, deserialize_with = "null_is_default")]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "null_is_default")]
    tls: Vec<Tls>,
    #[serde(deserialize_with = "null_is_default")]
    rules: Vec<Host>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tls {
    #[serde(deserialize_with = "null_is_default")]
    hosts: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Host {
    #[serde(deserialize_with = "null_is_default")]
    host: String,
}

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    let groups = ["networking.k8s.io", "extensions"];
    for object in groups.iter().flat_map(|group| world.snapshot.of(group, "Ingress")) {
        let Ok(Ingress { spec }) = object.view() else { continue };
        // An entry without hosts is for all of them.
        if spec.tls.iter().any(|tls| tls.hosts.is_empty()) {
            continue;
        }
        let is_covered =
            |host: &str| spec.tls.iter().flat_map(|tls| &tls.hosts).any(|name| covers(name, host));
        let open: Vec<&str> = spec
            .rules
            .iter()
            .map(|rule| rule.host.as_str())
            .filter(|host| !is_covered(host))
            .map(|host| if host.is_empty() { "*" } else { host })
            .collect();
        if !open.is_empty() || spec.rules.is_empty() && spec.tls.is_empty() {
            seen.push((
                object,
                Observed::new(
                    "spec.tls".into(),
                    format!("nothing for {}", open.join(", ")),
                    "the host",
                ),
            ));
        }
    }
    seen
}

/// Whether a name of a certificate, which may begin with `*.`, is for `host`.
fn covers(name: &str, host: &str) -> bool {
    let wild = name.strip_prefix("*.");
    name == host
        || wild.is_some_and(|parent| host.split_once('.').is_some_and(|(_, rest)| rest == parent))
}
