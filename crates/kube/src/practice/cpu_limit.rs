use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-cpu-unlimited",
        "A container may use all processors of its node",
        cofferdam_finding::Severity::Info,
        "A container has no limits.cpu. (A limit range of the namespace may set one.)",
        "A program that computes without end, a miner among them, slows down its neighbours as \
         far as their requests allow. Many leave processors unlimited on purpose: then waive \
         this rule.",
        "Set resources.limits.cpu, or see to requests that protect the others.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let containers = subject.pod.containers();
    containers
        .filter(|(path, _)| !path.contains(".ephemeralContainers["))
        .filter(|(_, container)| !container.inner.resources.limits.contains_key("cpu"))
        .map(|(path, _)| Observed::new(path + ".resources.limits.cpu", "unset", "a limit"))
        .collect()
}
