use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-image-registry",
        "An image is from a registry that is not allowed",
        cofferdam_finding::Severity::Medium,
        "The image of a container is in none of the registries and repositories that --registry \
         names. A name without a registry is of docker.io.",
        "What is in other registries was not scanned, signed or approved here.",
        "Copy the image to a registry that is allowed, and name it there.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let allowed = &subject.settings.registries;
    if allowed.is_empty() {
        return Vec::new();
    }
    let containers = subject.pod.containers();
    containers
        .filter(|(_, container)| !container.inner.image.is_empty())
        .filter(|(_, container)| {
            let name = full_name(&container.inner.image);
            !allowed.iter().any(|prefix| is_within(&name, prefix.trim_end_matches('/')))
        })
        .map(|(path, container)| {
            Observed::new(path + ".image", &container.inner.image, allowed.join(", "))
        })
        .collect()
}

/// Whole parts only: `quay.io/org` does not allow `quay.io/organisation`.
fn is_within(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', '@']))
}

/// The name with its registry, as runtimes complete it.
fn full_name(image: &str) -> String {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => image.to_owned(),
        Some(_) => format!("docker.io/{image}"),
        None => format!("docker.io/library/{image}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_and_compared_by_parts() {
        for (image, prefix, within) in [
            ("nginx", "docker.io/library", true),
            ("org/app:1", "docker.io/org", true),
            ("quay.io/org/app", "quay.io/org", true),
            ("quay.io/organisation/app", "quay.io/org", false),
            ("quay.io.evil.example/org/app", "quay.io", false),
            ("localhost/app", "localhost", true),
        ] {
            assert_eq!(is_within(&full_name(image), prefix), within, "{image} {prefix}");
        }
    }
}
