use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-token-mounted",
        "A pod has a token of the account default",
        cofferdam_finding::Severity::Low,
        "A pod names no service account and does not set automountServiceAccountToken to false. \
         (The account default may set it.)",
        "Whoever gets into the pod has a token of the account that all pods without one share; \
         what anybody ever gives that account, it has.",
        "Set automountServiceAccountToken to false. A program that speaks to the API server gets \
         an account of its own.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let workload = subject.workload;
    let is_mounted = workload.spec.automount_service_account_token != Some(false);
    if workload.service_account() != "default" || !is_mounted {
        return Vec::new();
    }
    let saw =
        if workload.spec.automount_service_account_token.is_some() { "true" } else { "unset" };
    vec![Observed::new(subject.pod.field("automountServiceAccountToken"), saw, "false")]
}
