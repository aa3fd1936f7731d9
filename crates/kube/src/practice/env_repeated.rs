use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-env-repeated",
        "A variable is set twice",
        cofferdam_finding::Severity::Low,
        "A container sets an environment variable more than once.",
        "The last one counts, and 'kubectl apply' may drop either when the manifest changes: \
         whoever reads the first takes something for granted that does not hold.",
        "Remove one of them.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in subject.pod.containers() {
        let mut names: Vec<&str> =
            container.inner.env.iter().map(|variable| variable.name.as_str()).collect();
        names.sort_unstable();
        let mut repeated: Vec<&str> =
            names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        repeated.dedup();
        let field = |name: &str| format!("{path}.env[{name}]");
        seen.extend(repeated.iter().map(|name| Observed::new(field(name), "set twice", "once")));
    }
    seen
}
