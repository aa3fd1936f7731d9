use super::{Check, Level, Observed, Pod, rule};
use crate::api::SecurityProfile;

const BASELINE_ID: &str = "seccompProfile_baseline";
/// Annotations that servers before 1.19 read.
const POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";
const WANTED: &str = "RuntimeDefault or Localhost";

pub(super) static BASELINE: Check = Check {
    id: BASELINE_ID,
    level: Level::Baseline,
    versions: &[(0, annotations), (19, not_off)],
    overrides: &[],
    rule: rule(
        "kube-seccomp-off",
        "The system call filter is switched off",
        cofferdam_finding::Severity::Medium,
        "A pod or a container sets its seccomp profile to something else than RuntimeDefault or \
         Localhost (before 1.19 by annotation).",
        "Unconfined, every system call of the kernel is in reach, and with it every flaw in them.",
        "Set seccompProfile.type to RuntimeDefault, or to Localhost with a profile of your own.",
    ),
};

pub(super) static RESTRICTED: Check = Check {
    id: "seccompProfile_restricted",
    level: Level::Restricted,
    versions: &[(19, set), (25, unless_windows)],
    overrides: &[BASELINE_ID],
    rule: rule(
        "kube-seccomp-unset",
        "No system call filter is asked for",
        cofferdam_finding::Severity::Medium,
        "Neither the pod nor the container sets a seccomp profile of type RuntimeDefault or \
         Localhost.",
        "Without one the kubelet runs the container unconfined, unless its nodes are set up \
         otherwise.",
        "Set spec.securityContext.seccompProfile.type of the pod to RuntimeDefault.",
    ),
};

fn is_filter(profile: &SecurityProfile) -> bool {
    matches!(profile.kind.as_str(), "RuntimeDefault" | "Localhost")
}

fn annotations(pod: &Pod<'_>) -> Vec<Observed> {
    let containers = pod.containers();
    let keys = containers.map(|(_, one)| format!("{CONTAINER_ANNOTATION}{}", one.inner.name));
    std::iter::once(POD_ANNOTATION.to_owned())
        .chain(keys)
        .filter_map(|key| {
            let value = pod.metadata.annotations.get(&key)?;
            let is_allowed = matches!(value.as_str(), "runtime/default" | "docker/default")
                || value.starts_with("localhost/");
            let wanted = "runtime/default or localhost/*";
            (!is_allowed).then(|| Observed::new(pod.annotation(&key), value, wanted))
        })
        .collect()
}

fn not_off(pod: &Pod<'_>) -> Vec<Observed> {
    let own = pod.security().seccomp_profile.as_ref().map(|profile| (pod.path.to_owned(), profile));
    let containers = pod.containers().filter_map(|(path, container)| {
        Some((path, container.security().seccomp_profile.as_ref()?))
    });
    own.into_iter()
        .chain(containers)
        .filter(|(_, profile)| !is_filter(profile))
        .map(|(path, profile)| Observed::new(field(path), &profile.kind, WANTED))
        .collect()
}

fn unless_windows(pod: &Pod<'_>) -> Vec<Observed> {
    if pod.spec.is_windows() { Vec::new() } else { set(pod) }
}

fn set(pod: &Pod<'_>) -> Vec<Observed> {
    let mut seen = not_off(pod);
    if pod.security().seccomp_profile.as_ref().is_some_and(is_filter) {
        return seen;
    }
    let unset = pod.containers().filter(|(_, one)| one.security().seccomp_profile.is_none());
    seen.extend(unset.map(|(path, _)| Observed::new(field(path), "unset", WANTED)));
    seen
}

fn field(path: String) -> String {
    path + ".securityContext.seccompProfile.type"
}
