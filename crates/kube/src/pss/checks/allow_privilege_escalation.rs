use super::{Check, Level, Observed, Pod, rule};

pub(super) static CHECK: Check = Check {
    id: "allowPrivilegeEscalation",
    level: Level::Restricted,
    versions: &[(8, check), (25, unless_windows)],
    overrides: &[],
    rule: rule(
        "kube-privilege-escalation",
        "A container may gain privileges",
        cofferdam_finding::Severity::Medium,
        "A container does not set securityContext.allowPrivilegeEscalation to false.",
        "A set-user-ID program in the image gives its processes more than they started with; the \
         kernel forbids that for good (no_new_privs) where the field is false.",
        "Set allowPrivilegeEscalation to false.",
    ),
};

fn unless_windows(pod: &Pod<'_>) -> Vec<Observed> {
    if pod.spec.is_windows() { Vec::new() } else { check(pod) }
}

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    pod.containers()
        .filter_map(|(path, container)| {
            let saw = match container.security().allow_privilege_escalation {
                Some(false) => return None,
                Some(true) => "true",
                None => "unset",
            };
            let field = path + ".securityContext.allowPrivilegeEscalation";
            Some(Observed::new(field, saw, "false"))
        })
        .collect()
}
