use super::{Check, Level, Observed, Pod, rule};

/// Annotations that older servers read; the name of the container follows.
const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) static CHECK: Check = Check {
    id: "appArmorProfile",
    level: Level::Baseline,
    versions: &[(0, check)],
    overrides: &[],
    rule: rule(
        "kube-apparmor-off",
        "AppArmor is switched off",
        cofferdam_finding::Severity::Medium,
        "A pod or a container asks for another AppArmor profile than RuntimeDefault or a \
         Localhost one, by field or by the older annotation.",
        "The profile of the runtime denies mounts, writes to /proc and /sys and tracing of other \
         processes even to root in the container. Unconfined takes that away.",
        "Remove the field or annotation, or set the type to RuntimeDefault.",
    ),
};

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    let wanted = "RuntimeDefault or Localhost";
    let own =
        pod.security().app_armor_profile.as_ref().map(|profile| (pod.path.to_owned(), profile));
    let containers = pod.containers().filter_map(|(path, container)| {
        Some((path, container.security().app_armor_profile.as_ref()?))
    });
    let fields = own.into_iter().chain(containers).filter_map(|(path, profile)| {
        let is_allowed = matches!(profile.kind.as_str(), "RuntimeDefault" | "Localhost");
        let field = path + ".securityContext.appArmorProfile.type";
        (!is_allowed).then(|| Observed::new(field, &profile.kind, wanted))
    });
    let annotations = pod.metadata.annotations.iter().filter_map(|(key, value)| {
        let is_allowed =
            value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
        let is_bad = key.starts_with(ANNOTATION) && !is_allowed;
        is_bad.then(|| Observed::new(pod.annotation(key), value, "runtime/default or localhost/*"))
    });
    fields.chain(annotations).collect()
}
