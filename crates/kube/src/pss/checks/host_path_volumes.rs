use super::{Check, Level, Observed, Pod, rule};

pub(super) const ID: &str = "hostPathVolumes";

pub(super) static CHECK: Check = Check {
    id: ID,
    level: Level::Baseline,
    versions: &[(0, check)],
    overrides: &[],
    rule: rule(
        "kube-host-path",
        "A pod mounts a path of its node",
        cofferdam_finding::Severity::High,
        "A volume of a pod is a hostPath.",
        "What the pod can read there it can steal (credentials of the kubelet, other pods' \
         secrets); where it can write it can become root on the node.",
        "Use emptyDir, a config map, a secret or a persistent volume. A node agent that needs the \
         path should mount it read-only and as deep as possible.",
    ),
};

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    let volumes = pod.spec.volumes.iter();
    volumes
        .filter_map(|volume| {
            let host = volume.host_path()?;
            let field = pod.field(&format!("volumes[{}].hostPath", volume.name));
            Some(Observed::new(field, host.path, ""))
        })
        .collect()
}
