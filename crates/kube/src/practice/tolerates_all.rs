use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-tolerates-all",
        "A pod may run on any node",
        cofferdam_finding::Severity::Low,
        "A workload other than a DaemonSet tolerates every taint, or those of the control \
         plane.",
        "Taints keep pods away from control planes and from nodes that others have for \
         themselves: this pod, and whoever takes it over, gets there.",
        "Tolerate the one taint that is meant, by its key.",
    ),
    look,
};

const CONTROL_PLANE: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    // Agents of nodes have to be everywhere, and so have the pods that they made.
    let is_agent = |kind: &str| kind == "DaemonSet";
    let owner = subject.workload.own.controller().map(|owner| owner.kind.as_str());
    if is_agent(&subject.workload.object.kind) || owner.is_some_and(is_agent) {
        return Vec::new();
    }
    let tolerations = subject.workload.spec.tolerations.iter();
    tolerations
        .filter_map(|one| {
            let is_all =
                one.key.is_empty() && one.operator == "Exists" && one.effect != "NoExecute";
            let is_control_plane = CONTROL_PLANE.contains(&one.key.as_str());
            let saw = if is_all { "every taint" } else { &one.key };
            let field = subject.pod.field("tolerations");
            (is_all || is_control_plane).then(|| Observed::new(field, saw, "a taint of its own"))
        })
        .collect()
}
