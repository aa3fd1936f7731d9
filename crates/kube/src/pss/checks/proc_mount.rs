use super::{Check, Level, Observed, Pod, rule};

const ID: &str = "procMount";

pub(super) static BASELINE: Check = Check {
    id: ID,
    level: Level::Baseline,
    versions: &[(0, check), (35, unless_user_namespace)],
    overrides: &[],
    rule: rule(
        "kube-proc-mount",
        "/proc is not masked",
        cofferdam_finding::Severity::High,
        "A container sets procMount to something else than Default. From 1.35 this is allowed to \
         pods in a user namespace of their own (hostUsers: false).",
        "Unmasked, /proc shows kernel memory and keys, and root can write to sysrq-trigger and to \
         the settings of the node's kernel.",
        "Remove procMount.",
    ),
};

pub(super) static RESTRICTED: Check = Check {
    id: "procMount_restricted",
    level: Level::Restricted,
    versions: &[(35, check)],
    overrides: &[ID],
    rule: rule(
        "kube-proc-mount-restricted",
        "/proc is not masked",
        cofferdam_finding::Severity::Medium,
        "A container sets procMount to something else than Default. At the level restricted this \
         holds for pods in a user namespace, too.",
        "Unmasked, /proc shows more of the node's kernel than a program needs.",
        "Remove procMount.",
    ),
};

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    pod.containers()
        .filter_map(|(path, container)| {
            let mount = container.security().proc_mount.as_deref()?;
            let field = path + ".securityContext.procMount";
            (mount != "Default").then(|| Observed::new(field, mount, "Default"))
        })
        .collect()
}

fn unless_user_namespace(pod: &Pod<'_>) -> Vec<Observed> {
    if pod.spec.has_user_namespace() { Vec::new() } else { check(pod) }
}
