use super::{Check, Level, Observed, Pod, rule};

pub(super) static CHECK: Check = Check {
    id: "privileged",
    level: Level::Baseline,
    versions: &[(0, check)],
    overrides: &[],
    rule: rule(
        "kube-privileged",
        "A container is privileged",
        cofferdam_finding::Severity::High,
        "A container sets securityContext.privileged to true.",
        "It has every capability, every device of the node and no seccomp, AppArmor or SELinux \
         confinement: root in it is root on the node, by mounting a disk or loading a module.",
        "Remove the field. Add the one capability, or mount the one device, that the program \
         needs.",
    ),
};

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    pod.containers()
        .filter(|(_, container)| container.security().privileged == Some(true))
        .map(|(path, _)| Observed::new(path + ".securityContext.privileged", "true", "false"))
        .collect()
}
