use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-secret-in-env",
        "A secret stands in the open",
        cofferdam_finding::Severity::High,
        "An environment variable whose name is that of a password, token or key has a value in the \
         manifest. The value is not printed.",
        "Everybody who may read the workload (a right that most have), the repository of the \
         manifest or its backups has the secret.",
        "Put it into a Secret, mount that as a file, and change the secret: it is known.",
    ),
    look,
};

/// Parts of names of variables that hold secrets.
const NAMES: [&str; 11] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIALS",
    "CONNECTION_STRING",
];

/// Ends of names that say where a secret is, or how it is made, rather than what it is.
const ELSEWHERE: [&str; 12] = [
    "_FILE",
    "_PATH",
    "_DIR",
    "_NAME",
    "_URL",
    "_URI",
    "_ENDPOINT",
    "_TTL",
    "_EXPIRY",
    "_ID",
    "_HEADER",
    "_LENGTH",
];

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in subject.pod.containers() {
        for variable in &container.inner.env {
            let Some(value) = variable.value.as_deref() else { continue };
            if names_a_secret(&variable.name, value) {
                let saw = format!("a value of {} characters", value.chars().count());
                let field = format!("{path}.env[{}].value", variable.name);
                seen.push(Observed::new(field, saw, "valueFrom.secretKeyRef, or a file"));
            }
        }
    }
    seen
}

/// Whether a setting of this name and value gives a secret away.
pub(crate) fn names_a_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
    let names_one = NAMES.iter().any(|part| name.contains(part));
    names_one && !ELSEWHERE.iter().any(|end| name.ends_with(end)) && is_secret(value)
}

/// Switches, numbers, paths and references to other variables are no secrets.
fn is_secret(value: &str) -> bool {
    let is_switch = ["true", "false", "yes", "no", "none", "null"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word));
    let is_short_number = value.len() < 6 && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_reference = value.starts_with("$(") && value.ends_with(')');
    !(value.is_empty() || is_switch || is_short_number || is_reference || value.starts_with('/'))
}
