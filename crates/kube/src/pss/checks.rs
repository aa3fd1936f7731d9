//! The checks of the standard, one file each (two where one is the stricter form of the other).

mod allow_privilege_escalation;
mod app_armor_profile;
mod capabilities;
mod host_namespaces;
mod host_path_volumes;
mod host_ports;
mod host_probes;
mod privileged;
mod proc_mount;
mod restricted_volumes;
mod run_as_non_root;
mod run_as_user;
mod se_linux_options;
mod seccomp_profile;
mod sysctls;
mod windows_host_process;

use cofferdam_finding::{Reference, Rule, Severity, Topic};

use super::{
    Level,
    pod::{Observed, Pod},
};

/// Finds the fields that break a check.
pub(super) type Look = fn(&Pod<'_>) -> Vec<Observed>;

/// A check, as `k8s.io/pod-security-admission` defines it.
#[derive(Debug)]
pub struct Check {
    /// Its name there.
    pub id: &'static str,
    /// The level from which it counts.
    pub level: Level,
    /// What it looks at, from which minor version on, in rising order.
    pub(super) versions: &'static [(u32, Look)],
    /// Checks of the lower level whose place it takes, from its own first version on.
    pub(super) overrides: &'static [&'static str],
    /// The rule that findings name.
    pub rule: Rule,
}

/// All checks: those of baseline, then those that restricted adds, by name.
pub static CHECKS: [&Check; 19] = [
    &app_armor_profile::CHECK,
    &capabilities::BASELINE,
    &host_namespaces::CHECK,
    &host_path_volumes::CHECK,
    &host_ports::CHECK,
    &host_probes::CHECK,
    &privileged::CHECK,
    &proc_mount::BASELINE,
    &se_linux_options::CHECK,
    &seccomp_profile::BASELINE,
    &sysctls::CHECK,
    &windows_host_process::CHECK,
    &allow_privilege_escalation::CHECK,
    &capabilities::RESTRICTED,
    &proc_mount::RESTRICTED,
    &restricted_volumes::CHECK,
    &run_as_non_root::CHECK,
    &run_as_user::CHECK,
    &seccomp_profile::RESTRICTED,
];

impl Check {
    /// What it looks at in a minor version; none before it existed.
    pub(super) fn at(&self, minor: u32) -> Option<Look> {
        self.versions.iter().rev().find(|(from, _)| *from <= minor).map(|(_, check)| *check)
    }
}

static REFERENCES: &[Reference] = &[
    Reference::new("URL", "https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    Reference::new("NIST SP 800-190", "3.5.3"),
    Reference::new("CIS Kubernetes", "5.2"),
];

const fn rule(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    what: &'static str,
    why: &'static str,
    fix: &'static str,
) -> Rule {
    Rule::new(id, title, severity, Topic::Isolation, [what, why, fix], REFERENCES)
}
