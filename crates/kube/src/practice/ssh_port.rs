use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-ssh-port",
        "A container offers SSH",
        cofferdam_finding::Severity::Medium,
        "A container has port 22.",
        "Whoever gets in by SSH gets past the API server, its authorisation and its audit log; \
         keys and passwords for it live in the image or a volume.",
        "Take the SSH server out. 'kubectl exec' and 'kubectl debug' do the same, with a \
         record.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in subject.pod.containers() {
        let is_ssh = |protocol: Option<&str>| protocol.is_none_or(|protocol| protocol == "TCP");
        for port in &container.inner.ports {
            if port.container_port == 22 && is_ssh(port.protocol.as_deref()) {
                seen.push(Observed::new(format!("{path}.ports[22].containerPort"), "22", ""));
            }
        }
    }
    seen
}
