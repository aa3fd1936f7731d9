use super::{Practice, Subject, rule};
use crate::{
    api::{IntOrString, Probe},
    pss::Observed,
};

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-probe-port-unknown",
        "A probe asks at a port that has no such name",
        cofferdam_finding::Severity::Medium,
        "A probe names a port that the container does not define.",
        "The probe never succeeds: the container is restarted for ever, or never gets a \
         request.",
        "Name a port of the container, or give its number.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let mut seen = Vec::new();
    for (path, container) in subject.pod.containers() {
        let inner = container.inner;
        let probes = [
            ("livenessProbe", &inner.liveness_probe),
            ("readinessProbe", &inner.readiness_probe),
            ("startupProbe", &inner.startup_probe),
        ];
        for (field, probe) in probes {
            let Some(name) = probe.as_ref().and_then(port_name) else { continue };
            if !inner.ports.iter().any(|port| port.name.as_deref() == Some(name)) {
                let field = format!("{path}.{field}.port");
                seen.push(Observed::new(field, name, "the name of a port, or a number"));
            }
        }
    }
    seen
}

/// A text of digits is a number.
fn port_name(probe: &Probe) -> Option<&str> {
    let action = probe.http_get.as_ref().or(probe.tcp_socket.as_ref())?;
    match action.port.as_ref()? {
        IntOrString::String(name) if name.parse::<u16>().is_err() => Some(name),
        _ => None,
    }
}
