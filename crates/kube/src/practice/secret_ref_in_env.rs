use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-secret-ref-in-env",
        "A secret is put into the environment",
        cofferdam_finding::Severity::Info,
        "A container has a variable, or all of its variables, out of a Secret.",
        "The environment is inherited by every program that the container starts, is shown in \
         /proc and in many crash reports, and does not follow when the secret is changed.",
        "Mount the Secret as a volume, and read the file.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in subject.pod.containers() {
        for variable in &container.inner.env {
            let source = variable.value_from.as_ref();
            if let Some(key) = source.and_then(|source| source.secret_key_ref.as_ref()) {
                let field = format!("{path}.env[{}].valueFrom.secretKeyRef", variable.name);
                seen.push(Observed::new(field, format!("{}/{}", key.name, key.key), "a file"));
            }
        }
        for (index, source) in container.inner.env_from.iter().enumerate() {
            if let Some(secret) = &source.secret_ref {
                let field = format!("{path}.envFrom[{index}].secretRef");
                seen.push(Observed::new(field, &secret.name, "a file"));
            }
        }
    }
    seen
}
