//! The rules. A new one is a file here with a `RULE`, named in [`ALL`].

mod add_instruction;
mod base_old;
mod device;
mod dist_upgrade;
mod duplicate_root;
mod empty_password;
mod healthcheck;
mod key_file;
mod latest_tag;
mod leftover;
mod not_pinned;
mod old;
mod package_cache;
mod pipe_to_shell;
mod port;
mod registry;
mod root_user;
pub(super) mod search_cut;
mod secret_argument;
mod secret_file;
pub(super) mod secret_variable;
mod sensitive_volume;
mod set_id;
mod ssh_port;
mod ssh_server;
mod sudo;
mod unsafe_environment;
mod update_alone;
mod world_writable;

use std::iter;

use cofferdam_finding::{
    Applicability, Evidence, Finding, Fingerprint, Fix, Reference, Rule, Severity, Status, Topic,
};
use time::Date;

use super::Image;

/// A rule, what to do about it in one line, and the check.
pub(super) struct ImageRule {
    pub(super) rule: Rule,
    /// What to do, in one line.
    pub(super) fix: &'static str,
    pub(super) check: fn(&Image<'_>, Date) -> Vec<Observation>,
}

/// Something that breaks a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Observation {
    /// What it is about; findings about the same subject become one.
    pub(super) subject: String,
    /// One line that says what is the case.
    pub(super) title: String,
    /// Where it is; the subject where that is empty.
    pub(super) location: String,
    /// What is there.
    pub(super) saw: String,
    /// What should be there.
    pub(super) wanted: &'static str,
    /// Severity, where it is not the rule's.
    pub(super) severity: Option<Severity>,
}

/// All rules, by what they are about.
pub(super) static ALL: &[&ImageRule] = &[
    &root_user::RULE,
    &secret_variable::RULE,
    &secret_argument::RULE,
    &secret_file::RULE,
    &key_file::RULE,
    &empty_password::RULE,
    &duplicate_root::RULE,
    &set_id::RULE,
    &world_writable::RULE,
    &device::RULE,
    &unsafe_environment::RULE,
    &sensitive_volume::RULE,
    &ssh_server::RULE,
    &ssh_port::RULE,
    &port::RULE,
    &sudo::RULE,
    &add_instruction::RULE,
    &pipe_to_shell::RULE,
    &update_alone::RULE,
    &dist_upgrade::RULE,
    &package_cache::RULE,
    &leftover::RULE,
    &latest_tag::RULE,
    &old::RULE,
    &base_old::RULE,
    &healthcheck::RULE,
    &registry::RULE,
    &not_pinned::RULE,
];

/// Every rule about images, the coverage rule too.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    ALL.iter().map(|image| &image.rule).chain(iter::once(&search_cut::RULE))
}

impl ImageRule {
    pub(super) fn findings(&'static self, image: &Image<'_>, today: Date) -> Vec<Finding> {
        let observed = (self.check)(image, today);
        observed.into_iter().map(|observation| self.finding(observation)).collect()
    }

    fn finding(&'static self, observation: Observation) -> Finding {
        let Observation { subject, title, location, saw, wanted, severity } = observation;
        let location = if location.is_empty() { subject.clone() } else { location };
        Finding {
            context: None,
            fingerprint: Fingerprint::of(&self.rule.id, &subject),
            rule: self.rule.id.clone(),
            subject,
            title,
            status: Status::Fail,
            severity: severity.unwrap_or(self.rule.severity),
            evidence: vec![Evidence {
                location,
                saw,
                wanted: wanted.to_owned(),
                ..Evidence::default()
            }],
            fix: Some(Fix {
                summary: self.fix.to_owned(),
                edits: Vec::new(),
                applicability: Applicability::Manual,
            }),
        }
    }
}

/// A rule on configuration, with what, why and how to fix it.
const fn rule(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    [what, why, fix]: [&'static str; 3],
    references: &'static [Reference],
) -> Rule {
    Rule::new(id, title, severity, Topic::Configuration, [what, why, fix], references)
}

/// A recommendation of the CIS Docker benchmark.
const fn cis(id: &'static str) -> Reference {
    Reference::new("CIS", id)
}

/// A section of NIST SP 800-190.
const fn nist(id: &'static str) -> Reference {
    Reference::new("NIST SP 800-190", id)
}

const fn cwe(id: &'static str) -> Reference {
    Reference::new("CWE", id)
}

/// One observation for each entry that is `what`.
fn by_file(
    image: &Image<'_>,
    what: crate::layer::What,
    wanted: &'static str,
    title: fn(&str) -> String,
) -> Vec<Observation> {
    let entries = image.notable().filter(|(notable, _)| notable.what == what);
    let observation = |(notable, layer): (&crate::layer::Notable, Option<String>)| Observation {
        subject: notable.path.clone(),
        title: title(&notable.path),
        location: notable.path.clone(),
        saw: layer
            .map_or_else(|| "the file".to_owned(), |layer| format!("the file, in layer {layer}")),
        wanted,
        severity: None,
    };
    entries.map(observation).collect()
}

/// The accounts of the image.
fn accounts<'a>(image: &Image<'a>) -> &'a [crate::layer::Account] {
    empty_password::last(image, |layer| layer.passwd.as_deref()).unwrap_or_default()
}
