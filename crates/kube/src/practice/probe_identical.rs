use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-probe-identical",
        "A container is restarted for being busy",
        cofferdam_finding::Severity::Low,
        "The liveness probe of a container does what its readiness probe does, by the same \
         request.",
        "A program that is overloaded fails both: instead of being left in peace until it has \
         caught up, it is restarted, and its load goes to the others, which then fail likewise.",
        "Let the liveness probe ask for less, or wait longer, than the readiness probe; leave \
         it out if a restart does not help.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let containers = subject.pod.containers();
    containers
        .filter_map(|(path, container)| {
            let liveness = container.inner.liveness_probe.as_ref()?;
            let readiness = container.inner.readiness_probe.as_ref()?;
            let is_any = liveness.handler() != (None, None, None, None);
            let is_same = is_any
                && liveness.handler() == readiness.handler()
                && liveness.failure_threshold <= readiness.failure_threshold;
            let field = path + ".livenessProbe";
            is_same.then(|| Observed::new(field, "the readinessProbe", "one that asks for less"))
        })
        .collect()
}
