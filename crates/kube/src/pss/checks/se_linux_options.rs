use super::{Check, Level, Observed, Pod, rule};
use crate::api::SeLinuxOptions;

pub(super) static CHECK: Check = Check {
    id: "seLinuxOptions",
    level: Level::Baseline,
    versions: &[(0, from_start), (31, from_1_31)],
    overrides: &[],
    rule: rule(
        "kube-selinux-options",
        "A custom SELinux label is set",
        cofferdam_finding::Severity::Medium,
        "A pod or a container sets an SELinux user, an SELinux role, or a type that is not one of \
         those for containers.",
        "Types such as spc_t are not confined: the policy that keeps containers from the node's \
         files does not hold for them.",
        "Remove user and role; leave the type to the runtime, or use container_t, \
         container_init_t, container_kvm_t, or (from 1.31) container_engine_t.",
    ),
};

const TYPES: [&str; 4] = ["", "container_t", "container_init_t", "container_kvm_t"];

fn from_start(pod: &Pod<'_>) -> Vec<Observed> {
    check(pod, |kind| TYPES.contains(&kind))
}

fn from_1_31(pod: &Pod<'_>) -> Vec<Observed> {
    check(pod, |kind| TYPES.contains(&kind) || kind == "container_engine_t")
}

fn check(pod: &Pod<'_>, allows: fn(&str) -> bool) -> Vec<Observed> {
    let own =
        pod.security().se_linux_options.as_ref().map(|options| (pod.path.to_owned(), options));
    let containers = pod.containers().filter_map(|(path, container)| {
        Some((path, container.security().se_linux_options.as_ref()?))
    });
    let mut seen = Vec::new();
    for (path, SeLinuxOptions { user, role, kind, .. }) in own.into_iter().chain(containers) {
        let field = |name: &str| format!("{path}.securityContext.seLinuxOptions.{name}");
        if !allows(kind) {
            seen.push(Observed::new(field("type"), kind, "container_t"));
        }
        for (name, value) in [("user", user), ("role", role)] {
            if !value.is_empty() {
                seen.push(Observed::new(field(name), value, ""));
            }
        }
    }
    seen
}
