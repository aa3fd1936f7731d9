use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-runtime-socket",
        "A pod mounts the socket of the container runtime",
        cofferdam_finding::Severity::Critical,
        "A hostPath volume is the socket of Docker, containerd, CRI-O or Podman, or a folder that \
         holds it.",
        "Whoever speaks to the runtime starts a privileged container on the node, and is root \
         there; mounting the socket read-only changes nothing.",
        "Remove the volume. Build images with a tool that needs no runtime; read metrics from the \
         kubelet.",
    ),
    look,
};

/// Sockets as runtimes put them.
const SOCKETS: [&str; 8] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/var/run/containerd/containerd.sock",
    "/run/containerd/containerd.sock",
    "/var/run/crio/crio.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/run/k3s/containerd/containerd.sock",
];

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let volumes = subject.workload.spec.volumes.iter();
    volumes
        .filter_map(|volume| {
            let path = volume.host_path()?.path.trim_end_matches('/');
            let holds = SOCKETS.iter().any(|socket| {
                // Of the root, another rule tells.
                socket.strip_prefix(path).is_some_and(|rest| {
                    !path.is_empty() && (rest.is_empty() || rest.starts_with('/'))
                })
            });
            let field = subject.pod.field(&format!("volumes[{}].hostPath.path", volume.name));
            holds.then(|| Observed::new(field, path, ""))
        })
        .collect()
}
