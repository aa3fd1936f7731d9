use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-host-aliases",
        "A pod has names of its own for addresses",
        cofferdam_finding::Severity::Info,
        "A pod sets hostAliases.",
        "A name then leads somewhere else than everywhere else: requests and what is sent with \
         them go to an address that nobody sees in DNS.",
        "Use DNS, or a Service of type ExternalName.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let aliases = &subject.workload.spec.host_aliases;
    let told: Vec<String> =
        aliases.iter().map(|alias| format!("{}={}", alias.hostnames.join(","), alias.ip)).collect();
    if told.is_empty() {
        return Vec::new();
    }
    vec![Observed::new(subject.pod.field("hostAliases"), told.join(" "), "")]
}
