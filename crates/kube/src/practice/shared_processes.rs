use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-shared-processes",
        "Containers of a pod see each other's processes",
        cofferdam_finding::Severity::Low,
        "A pod sets shareProcessNamespace to true.",
        "Each container sees the others' processes, their environment and, by /proc/PID/root, \
         their files; those of one user can signal and trace each other.",
        "Remove shareProcessNamespace. For a look into a running pod, 'kubectl debug --target' \
         does.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    if subject.workload.spec.share_process_namespace != Some(true) {
        return Vec::new();
    }
    vec![Observed::new(subject.pod.field("shareProcessNamespace"), "true", "false")]
}
