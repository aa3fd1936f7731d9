//! What to change so that a rule holds, where that can be said without knowing the program.

use super::edit::{Change, Put, path};
use crate::{Workload, pss::Observed};

/// Rules that have changes.
pub(super) const RULES: &[&str] = &[
    "kube-apparmor-off",
    "kube-capabilities-kept",
    "kube-host-namespaces",
    "kube-privilege-escalation",
    "kube-privileged",
    "kube-proc-mount",
    "kube-proc-mount-restricted",
    "kube-root-allowed",
    "kube-seccomp-off",
    "kube-seccomp-unset",
    "kube-token-mounted",
    "kube-writable-root",
];

/// Changes for the fields that break `rule`; none where a person has to decide.
pub(super) fn changes(rule: &str, observed: &[Observed], workload: &Workload<'_>) -> Vec<Change> {
    if !RULES.contains(&rule) {
        return Vec::new();
    }
    let mut changes: Vec<Change> = Vec::new();
    for one in observed {
        let change = match rule {
            "kube-capabilities-kept" if one.field.ends_with(".drop") => {
                Change { path: path(&one.field), put: Put::Item("ALL".into()) }
            }
            "kube-capabilities-kept" => continue,
            // Where nothing is set, the pod says it for all of its containers.
            "kube-root-allowed" if one.saw == "unset" => {
                let field = format!("{}.securityContext.runAsNonRoot", workload.path);
                Change { path: path(&field), put: Put::Bool(true) }
            }
            "kube-seccomp-unset" if one.saw == "unset" => {
                let field = format!("{}.securityContext.seccompProfile.type", workload.path);
                Change { path: path(&field), put: Put::Text("RuntimeDefault".into()) }
            }
            "kube-seccomp-off" | "kube-seccomp-unset" | "kube-apparmor-off" => {
                if !one.field.ends_with("Profile.type") {
                    continue;
                }
                Change { path: path(&one.field), put: Put::Text("RuntimeDefault".into()) }
            }
            "kube-proc-mount" | "kube-proc-mount-restricted" => {
                Change { path: path(&one.field), put: Put::Text("Default".into()) }
            }
            _ => match one.wanted.as_str() {
                "true" => Change { path: path(&one.field), put: Put::Bool(true) },
                "false" => Change { path: path(&one.field), put: Put::Bool(false) },
                _ => continue,
            },
        };
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    changes
}
