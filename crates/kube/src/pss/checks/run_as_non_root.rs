use super::{Check, Level, Observed, Pod, rule};

pub(super) static CHECK: Check = Check {
    id: "runAsNonRoot",
    level: Level::Restricted,
    versions: &[(0, check), (35, unless_user_namespace)],
    overrides: &[],
    rule: rule(
        "kube-root-allowed",
        "A container may run as root",
        cofferdam_finding::Severity::Medium,
        "Neither the pod nor the container sets runAsNonRoot to true, or one sets it to false. \
         From 1.35 pods in a user namespace of their own (hostUsers: false) are exempt.",
        "Root in a container is root of the node but for what confines the container: one flaw \
         there is enough, and files of volumes are written as root.",
        "Set spec.securityContext.runAsNonRoot of the pod to true, and give the image a user.",
    ),
};

fn unless_user_namespace(pod: &Pod<'_>) -> Vec<Observed> {
    if pod.spec.has_user_namespace() { Vec::new() } else { check(pod) }
}

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    let field = |path: &str| format!("{path}.securityContext.runAsNonRoot");
    let own = pod.security().run_as_non_root;
    let explicit = (own == Some(false)).then(|| Observed::new(field(pod.path), "false", "true"));
    let containers = pod.containers().filter_map(|(path, container)| {
        match (container.security().run_as_non_root, own) {
            (Some(false), _) => Some(Observed::new(field(&path), "false", "true")),
            // Where the pod says false, that is what has to change.
            (None, None) => Some(Observed::new(field(&path), "unset", "true")),
            _ => None,
        }
    });
    explicit.into_iter().chain(containers).collect()
}
