use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-privileged-port",
        "A container listens below port 1024",
        cofferdam_finding::Severity::Info,
        "A container has a port below 1024 (and not 22, of which another rule tells).",
        "In the node's network, and on nodes whose runtime does not lift the limit, the program \
         has to be root or have NET_BIND_SERVICE for it.",
        "Let the program listen on a higher port; the port of the Service can stay.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in subject.pod.containers() {
        for port in &container.inner.ports {
            let number = port.container_port;
            if (1..1024).contains(&number) && number != 22 {
                let field = format!("{path}.ports[{number}].containerPort");
                seen.push(Observed::new(field, number.to_string(), "1024 or higher"));
            }
        }
    }
    seen
}
