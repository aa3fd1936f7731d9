use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-node-pinned",
        "A pod goes past the scheduler",
        cofferdam_finding::Severity::Low,
        "The template of a workload names the node that it runs on.",
        "It is put there whatever taints, quotas of nodes and affinities say, and does not move \
         when the node fails. (Pods that a scheduler placed have the field, too, and are not \
         meant.)",
        "Use nodeSelector, affinity or tolerations.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let is_template = subject.workload.object.kind != "Pod";
    let node = subject.workload.spec.node_name.as_deref().filter(|node| !node.is_empty());
    match node {
        Some(node) if is_template => vec![Observed::new(subject.pod.field("nodeName"), node, "")],
        _ => Vec::new(),
    }
}
