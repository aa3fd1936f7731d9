//! Rules on workloads beyond the Pod Security Standards, one file each: images, resources, probes,
//! secrets in the open, tokens nobody needs.

mod capability_escape;
mod cpu_limit;
mod default_namespace;
mod env_repeated;
mod host_aliases;
mod host_path_sensitive;
mod host_path_writable;
mod image_digest;
mod image_registry;
mod image_tag;
mod job_ttl;
mod low_user;
mod mount_propagation;
mod node_name;
mod privileged_port;
mod probe_identical;
mod probe_port;
mod probes;
mod pull_policy;
mod readiness;
mod replicas;
mod requests;
mod resources;
mod root_group;
mod runtime_socket;
mod secret_in_env;
mod secret_ref_in_env;
mod selector_mismatch;
mod shared_processes;
mod spread;
mod ssh_port;
mod token_mounted;
mod tolerates_all;
mod writable_root;

use cofferdam_finding::{
    Applicability, Evidence, Finding, Fingerprint, Fix, Reference, Rule, Severity, Status, Topic,
};

pub(crate) use self::secret_in_env::names_a_secret;
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
pub static PRACTICES: [&Practice; 34] = [
    &capability_escape::PRACTICE,
    &cpu_limit::PRACTICE,
    &default_namespace::PRACTICE,
    &env_repeated::PRACTICE,
    &host_aliases::PRACTICE,
    &host_path_sensitive::PRACTICE,
    &host_path_writable::PRACTICE,
    &image_digest::PRACTICE,
    &image_registry::PRACTICE,
    &image_tag::PRACTICE,
    &job_ttl::PRACTICE,
    &low_user::PRACTICE,
    &resources::PRACTICE,
    &mount_propagation::PRACTICE,
    &node_name::PRACTICE,
    &privileged_port::PRACTICE,
    &probe_identical::PRACTICE,
    &probes::PRACTICE,
    &probe_port::PRACTICE,
    &pull_policy::PRACTICE,
    &readiness::PRACTICE,
    &replicas::PRACTICE,
    &spread::PRACTICE,
    &requests::PRACTICE,
    &root_group::PRACTICE,
    &runtime_socket::PRACTICE,
    &secret_in_env::PRACTICE,
    &secret_ref_in_env::PRACTICE,
    &selector_mismatch::PRACTICE,
    &shared_processes::PRACTICE,
    &ssh_port::PRACTICE,
    &token_mounted::PRACTICE,
    &tolerates_all::PRACTICE,
    &writable_root::PRACTICE,
];

/// The rules that `workload` breaks, as findings.
pub fn evaluate(workload: &Workload<'_>, snapshot: &Snapshot, settings: &Settings) -> Vec<Finding> {
    let broken = observe(workload, settings).into_iter();
    broken.map(|(practice, observed)| practice.finding(&observed, workload, snapshot)).collect()
}

/// The rules that `workload` breaks, and the fields by which.
pub fn observe(
    workload: &Workload<'_>,
    settings: &Settings,
) -> Vec<(&'static Practice, Vec<Observed>)> {
    let pod = Pod { metadata: &workload.metadata, spec: &workload.spec, path: workload.path };
    let subject = Subject { workload, pod, settings };
    let broken = PRACTICES.iter().map(|practice| (*practice, (practice.look)(&subject)));
    broken.filter(|(_, observed)| !observed.is_empty()).collect()
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
