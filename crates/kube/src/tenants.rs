//! Tenants: namespaces that belong together, and what lets one tenant reach, read, starve or escalate
//! into another.
//!
//! [`Tenants`] says which namespace is whose; [`findings`] says what is between them;
//! [`manifest`] writes a tenant that has none of it.

mod access;
mod manifest;
mod network;
pub(crate) mod rules;
mod share;

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{Applicability, Evidence, Finding, Fingerprint, Fix, Gap, Status};

pub use self::manifest::{Plan, PlanError, manifest};
use self::rules::TenantRule;
use crate::{Snapshot, api::Metadata, network::Cluster, rbac::Access};

/// Pieces of evidence of a finding; the rest as a number.
const EVIDENCE_TOLD: usize = 20;

/// Which namespace is whose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenants {
    /// Tenant by namespace. A namespace that is nobody's (the cluster's own) is not in it.
    pub of_namespace: BTreeMap<String, String>,
}

impl Tenants {
    /// Namespaces with one value of `label` are one tenant.
    pub fn by_label(snapshot: &Snapshot, label: &str) -> Self {
        let namespaces = snapshot.of("", "Namespace").filter_map(|object| {
            let metadata = object.view::<Metadata>().ok()?.metadata;
            Some((object.name.clone(), metadata.labels.get(label)?.clone()))
        });
        Self { of_namespace: namespaces.collect() }
    }

    /// The tenant that a namespace is of.
    pub fn of(&self, namespace: &str) -> Option<&str> {
        self.of_namespace.get(namespace).map(String::as_str)
    }

    /// Names of the tenants.
    pub fn names(&self) -> BTreeSet<&str> {
        self.of_namespace.values().map(String::as_str).collect()
    }
}

/// What is between the tenants of a snapshot: one finding for each tenant and rule. Besides, what could
/// not be understood of its policies, roles and workloads, beyond the snapshot's own gaps.
pub fn findings(snapshot: &Snapshot, tenants: &Tenants) -> (Vec<Finding>, Vec<Gap>) {
    let (cluster, access) = (Cluster::read(snapshot), Access::of(snapshot));
    let mut findings = network::reach(&cluster, tenants);
    findings.extend(access::bindings(&access, tenants));
    findings.extend(share::nodes(snapshot, tenants));
    findings.extend(share::starving(snapshot, tenants));
    findings.extend(share::pod_security(snapshot, tenants));
    let mut gaps: Vec<Gap> = Vec::new();
    for gap in cluster.gaps.into_iter().chain(access.gaps).chain(snapshot.workloads().gaps) {
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }
    (findings, gaps)
}

/// One finding of `rule` for each tenant that has evidence.
fn by_tenant(rule: &TenantRule, evidence: BTreeMap<&str, Vec<Evidence>>) -> Vec<Finding> {
    let found = evidence.into_iter().filter(|(_, evidence)| !evidence.is_empty());
    found
        .map(|(tenant, mut evidence)| {
            evidence.sort();
            evidence.dedup();
            let subject = format!("Tenant {tenant}");
            let title = (rule.title)(tenant, evidence.len());
            if evidence.len() > EVIDENCE_TOLD {
                let saw = format!("{} more", evidence.len() - EVIDENCE_TOLD);
                evidence.truncate(EVIDENCE_TOLD);
                evidence.push(Evidence { location: subject.clone(), saw, ..Evidence::default() });
            }
            Finding {
                rule: rule.id.into(),
                context: None,
                fingerprint: Fingerprint::of(rule.id, &subject),
                subject,
                title,
                status: Status::Fail,
                severity: rule.severity,
                evidence,
                fix: Some(Fix {
                    summary: rule.fix.to_owned(),
                    edits: Vec::new(),
                    applicability: Applicability::Manual,
                }),
            }
        })
        .collect()
}

fn evidence(location: impl Into<String>, saw: impl Into<String>, wanted: &str) -> Evidence {
    Evidence {
        location: location.into(),
        saw: saw.into(),
        wanted: wanted.to_owned(),
        ..Evidence::default()
    }
}
