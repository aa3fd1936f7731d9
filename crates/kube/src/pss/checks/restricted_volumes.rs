use super::{Check, Level, Observed, Pod, host_path_volumes, rule};

pub(super) static CHECK: Check = Check {
    id: "restrictedVolumes",
    level: Level::Restricted,
    versions: &[(0, check)],
    overrides: &[host_path_volumes::ID],
    rule: rule(
        "kube-volume-type",
        "A pod uses a volume of a restricted type",
        cofferdam_finding::Severity::Low,
        "A volume is none of configMap, csi, downwardAPI, emptyDir, ephemeral, image, \
         persistentVolumeClaim, projected, secret.",
        "Types that name storage directly (nfs, iscsi, hostPath, the cloud disks) let the author \
         of a pod reach any storage that the node reaches.",
        "Use a persistent volume claim, so that an administrator decides what there is.",
    ),
};

const ALLOWED: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    let volumes = pod.spec.volumes.iter();
    volumes
        .filter_map(|volume| {
            let mut sources = volume.sources.keys().filter(|kind| volume.source(kind).is_some());
            // A volume that says nothing is made an emptyDir by the API server.
            let first = sources.next()?;
            if ALLOWED.iter().any(|kind| volume.source(kind).is_some()) {
                return None;
            }
            Some(Observed::new(pod.field(&format!("volumes[{}]", volume.name)), first, ""))
        })
        .collect()
}
