use super::{Check, Level, Observed, Pod, rule};

pub(super) static CHECK: Check = Check {
    id: "runAsUser",
    level: Level::Restricted,
    versions: &[(23, check), (35, unless_user_namespace)],
    overrides: &[],
    rule: rule(
        "kube-root-user",
        "A container runs as root",
        cofferdam_finding::Severity::Medium,
        "A pod or a container sets runAsUser to 0. From 1.35 pods in a user namespace of their own \
         (hostUsers: false) are exempt.",
        "Root in a container is root of the node but for what confines the container.",
        "Set runAsUser to a number above 0, or remove it and give the image a user.",
    ),
};

fn unless_user_namespace(pod: &Pod<'_>) -> Vec<Observed> {
    if pod.spec.has_user_namespace() { Vec::new() } else { check(pod) }
}

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    let own = pod.security().run_as_user.map(|user| (pod.path.to_owned(), user));
    let containers = pod
        .containers()
        .filter_map(|(path, container)| Some((path, container.security().run_as_user?)));
    own.into_iter()
        .chain(containers)
        .filter(|(_, user)| *user == 0)
        .map(|(path, _)| {
            Observed::new(path + ".securityContext.runAsUser", "0", "a number above 0")
        })
        .collect()
}
