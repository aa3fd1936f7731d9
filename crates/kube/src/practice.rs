//! Rules on workloads beyond the Pod Security Standards, one file each: images, resources, probes,
//! secrets in the open, tokens nobody needs.

mod default_namespace;
mod image_registry;
mod image_tag;
mod probes;
mod resources;
mod runtime_socket;
mod secret_in_env;
mod token_mounted;
mod writable_root;

use cofferdam_finding::{
    Applicability, Evidence, Finding, Fingerprint, Fix, Reference, Rule, Severity, Status, Topic,
};

use crate::{
    Snapshot, Workload,
    pss::{Observed, Pod},
};

/// What the rules cannot know by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Registries and repositories that images may come from (`quay.io/org`); empty allows all.
    pub registries: Vec<String>,
}

/// A rule on workloads.
#[derive(Debug)]
pub struct Practice {
    /// What findings name.
    pub rule: Rule,
    look: fn(&Subject<'_, '_>) -> Vec<Observed>,
}

/// What a rule looks at.
struct Subject<'a, 'w> {
    workload: &'a Workload<'w>,
    pod: Pod<'a>,
    settings: &'a Settings,
}

/// All of them, by id.
pub static PRACTICES: [&Practice; 9] = [
    &default_namespace::PRACTICE,
    &image_registry::PRACTICE,
    &image_tag::PRACTICE,
    &probes::PRACTICE,
    &resources::PRACTICE,
    &runtime_socket::PRACTICE,
    &secret_in_env::PRACTICE,
    &token_mounted::PRACTICE,
    &writable_root::PRACTICE,
];

/// The rules that `workload` breaks, as findings.
pub fn evaluate(workload: &Workload<'_>, snapshot: &Snapshot, settings: &Settings) -> Vec<Finding> {
    let pod = Pod { metadata: &workload.metadata, spec: &workload.spec, path: workload.path };
    let subject = Subject { workload, pod, settings };
    let broken = PRACTICES.iter().filter_map(|practice| {
        let observed = (practice.look)(&subject);
        (!observed.is_empty()).then(|| practice.finding(&observed, workload, snapshot))
    });
    broken.collect()
}

impl Practice {
    fn finding(
        &self,
        observed: &[Observed],
        workload: &Workload<'_>,
        snapshot: &Snapshot,
    ) -> Finding {
        let place = snapshot.place(workload.object.source);
        let evidence = observed.iter().map(|one| Evidence {
            location: format!("{place} {}", one.field),
            saw: one.saw.clone(),
            wanted: one.wanted.clone(),
            package: None,
            line: None,
        });
        let subject = workload.object.title();
        Finding {
            rule: self.rule.id.clone(),
            title: Observed::summary(observed),
            status: Status::Fail,
            severity: self.rule.severity,
            evidence: evidence.collect(),
            fix: Some(Fix {
                summary: self.rule.explain.fix.to_string(),
                edits: Vec::new(),
                applicability: Applicability::Manual,
            }),
            context: None,
            fingerprint: Fingerprint::of(&self.rule.id, &subject),
            subject,
        }
    }
}

static REFERENCES: &[Reference] = &[
    Reference::new(
        "URL",
        "https://kubernetes.io/docs/concepts/security/application-security-checklist/",
    ),
    Reference::new("NIST SP 800-190", "3.4"),
];

const fn rule(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    what: &'static str,
    why: &'static str,
    fix: &'static str,
) -> Rule {
    Rule::new(id, title, severity, Topic::Configuration, [what, why, fix], REFERENCES)
}
