use std::collections::BTreeMap;

use crate::network::{
    cluster::{Cluster, Pod, WorkloadId},
    selector::Labels,
};

/// Labels that change with every pod or release.
const VOLATILE: &[&str] = &[
    "pod-template-hash",
    "pod-template-generation",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
    "chart",
    "heritage",
    "version",
];

/// Labels by which people mean a workload, the most telling first.
const TELLING: &[&str] = &[
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app",
    "k8s-app",
    "name",
    "component",
    "tier",
    "role",
];

/// Pods that policies can select, by namespace.
pub(super) fn by_namespace(cluster: &Cluster) -> BTreeMap<&str, Vec<&Pod>> {
    let mut pods: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in cluster.pods.iter().filter(|pod| !pod.host_network) {
        pods.entry(&pod.namespace).or_default().push(pod);
    }
    pods
}

/// As few labels as select the pods of `workload` and no others of its namespace, whose pods are
/// `neighbours`; if no labels do, all that its pods share and that stay.
pub(super) fn of(workload: &WorkloadId, neighbours: &[&Pod]) -> Labels {
    let own = |pod: &&&Pod| pod.workload == *workload;
    let mut shared: Option<Labels> = None;
    for pod in neighbours.iter().filter(own) {
        match &mut shared {
            None => shared = Some(pod.labels.clone()),
            Some(shared) => shared.retain(|key, value| pod.labels.get(key) == Some(value)),
        }
    }
    let mut shared = shared.unwrap_or_default();
    shared.retain(|key, _| !VOLATILE.contains(&key.as_str()));
    let others: Vec<&&Pod> = neighbours.iter().filter(|pod| !own(pod)).collect();
    let place = |key: &String| TELLING.iter().position(|it| it == key).unwrap_or(TELLING.len());
    let mut keys: Vec<_> = shared.keys().cloned().collect();
    keys.sort_by_key(|key| (place(key), key.clone()));
    let mut chosen = Labels::new();
    for key in keys {
        let selects_others = |labels: &Labels| {
            others
                .iter()
                .any(|pod| labels.iter().all(|(key, value)| pod.labels.get(key) == Some(value)))
        };
        if !chosen.is_empty() && !selects_others(&chosen) {
            break;
        }
        let value = shared[&key].clone();
        chosen.insert(key, value);
    }
    chosen
}
