//! Rules on how objects refer to each other, and on kinds that run nothing, one file each: Services
//! that lead nowhere, Ingresses in clear text, bindings for everybody, versions that are gone.

mod account_missing;
mod api_removed;
mod autoscaler_dangling;
mod binding_anonymous;
mod binding_default;
mod budget_blocks;
mod budget_missing;
mod config_secret;
mod external_ips;
mod ingress_dangling;
mod ingress_tls;
mod namespace_open;
mod role_wildcard;
mod service_dangling;
mod service_exposed;
mod service_port;
mod volume_host;

use std::collections::{BTreeMap, HashMap};

use cofferdam_finding::{
    Applicability, Evidence, Finding, Fingerprint, Fix, Reference, Rule, Severity, Status, Topic,
};

use crate::{Object, Snapshot, Workload, pss::Observed};

/// A rule on objects as they are together.
#[derive(Debug)]
pub struct Wiring {
    /// What findings name.
    pub rule: Rule,
    look: for<'a> fn(&World<'a>) -> Vec<Seen<'a>>,
}

/// An object that breaks a rule, and by what.
type Seen<'a> = (&'a Object, Observed);

/// What the rules look at.
struct World<'a> {
    snapshot: &'a Snapshot,
    workloads: &'a [Workload<'a>],
    /// Places of workloads, by namespace.
    by_namespace: HashMap<&'a str, Vec<usize>>,
}

/// All of them, by id.
pub static WIRINGS: [&Wiring; 17] = [
    &account_missing::WIRING,
    &api_removed::WIRING,
    &autoscaler_dangling::WIRING,
    &binding_anonymous::WIRING,
    &binding_default::WIRING,
    &budget_blocks::WIRING,
    &budget_missing::WIRING,
    &ingress_tls::WIRING,
    &ingress_dangling::WIRING,
    &namespace_open::WIRING,
    &role_wildcard::WIRING,
    &config_secret::WIRING,
    &service_dangling::WIRING,
    &service_exposed::WIRING,
    &external_ips::WIRING,
    &service_port::WIRING,
    &volume_host::WIRING,
];

/// API group of roles and bindings.
const GROUP: &str = "rbac.authorization.k8s.io";
/// Kinds of bindings.
const BINDINGS: [&str; 2] = ["RoleBinding", "ClusterRoleBinding"];

/// The rules that `snapshot` with these `workloads` breaks, as findings.
pub fn evaluate(snapshot: &Snapshot, workloads: &[Workload<'_>]) -> Vec<Finding> {
    let mut by_namespace: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, workload) in workloads.iter().enumerate() {
        by_namespace.entry(workload.namespace()).or_default().push(index);
    }
    let world = World { snapshot, workloads, by_namespace };
    let mut findings = Vec::new();
    for wiring in WIRINGS {
        // What one object breaks by several fields is one finding.
        let mut by_object: Vec<(&Object, Vec<Observed>)> = Vec::new();
        for (object, observed) in (wiring.look)(&world) {
            match by_object.last_mut() {
                Some((last, all)) if std::ptr::eq(*last, object) => all.push(observed),
                _ => by_object.push((object, vec![observed])),
            }
        }
        let found = by_object.iter();
        findings.extend(found.map(|(object, observed)| wiring.finding(object, observed, snapshot)));
    }
    findings
}

impl<'a> World<'a> {
    fn has_workloads(&self, namespace: &str) -> bool {
        self.by_namespace.contains_key(namespace)
    }

    fn workloads_in(&self, namespace: &str) -> impl Iterator<Item = &'a Workload<'a>> {
        let places = self.by_namespace.get(namespace).map(Vec::as_slice).unwrap_or_default();
        places.iter().map(|index| &self.workloads[*index])
    }
}

impl Wiring {
    fn finding(&self, object: &Object, observed: &[Observed], snapshot: &Snapshot) -> Finding {
        let place = snapshot.place(object.source);
        let evidence = observed.iter().map(|one| Evidence {
            location: format!("{place} {}", one.field),
            saw: one.saw.clone(),
            wanted: one.wanted.clone(),
            ..Evidence::default()
        });
        let subject = object.title();
        Finding {
            rule: self.rule.id.clone(),
            title: Observed::summary(observed),
            status: Status::Fail,
            severity: self.rule.severity,
            evidence: evidence.collect(),
            context: None,
            fix: Some(Fix {
                summary: self.rule.explain.fix.to_string(),
                edits: Vec::new(),
                applicability: Applicability::Manual,
            }),
            fingerprint: Fingerprint::of(&self.rule.id, &subject),
            subject,
        }
    }
}

/// Whether the server itself keeps a role or binding.
fn is_bootstrap(labels: &BTreeMap<String, String>) -> bool {
    labels.contains_key("kubernetes.io/bootstrapping")
}

static REFERENCES: &[Reference] = &[
    Reference::new(
        "URL",
        "https://kubernetes.io/docs/concepts/security/application-security-checklist/",
    ),
    Reference::new("NIST SP 800-190", "3.3"),
];

const fn rule(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    topic: Topic,
    what: &'static str,
    why: &'static str,
    fix: &'static str,
) -> Rule {
    Rule::new(id, title, severity, topic, [what, why, fix], REFERENCES)
}
