//! Kinds by the names that kubectl takes.

/// A kind of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
    pub(super) short: &'static [&'static str],
    pub(super) namespaced: bool,
    /// Whether every cluster has some: a snapshot without any does not show the kind.
    pub(super) everywhere: bool,
}

const fn kind(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    namespaced: bool,
    everywhere: bool,
) -> Kind {
    Kind { group, kind, plural, short, namespaced, everywhere }
}

/// Group of roles and bindings.
const RBAC: &str = "rbac.authorization.k8s.io";

/// Kinds that benchmarks ask for.
const KINDS: [Kind; 27] = [
    kind("", "Pod", "pods", &["po"], true, true),
    kind("", "Namespace", "namespaces", &["ns"], false, true),
    kind("", "Node", "nodes", &["no"], false, true),
    kind("", "Service", "services", &["svc"], true, true),
    kind("", "ServiceAccount", "serviceaccounts", &["sa"], true, true),
    kind("", "ConfigMap", "configmaps", &["cm"], true, true),
    kind("", "Secret", "secrets", &[], true, false),
    kind("", "PersistentVolume", "persistentvolumes", &["pv"], false, false),
    kind("", "ReplicationController", "replicationcontrollers", &["rc"], true, false),
    kind("", "ResourceQuota", "resourcequotas", &["quota"], true, false),
    kind("", "LimitRange", "limitranges", &["limits"], true, false),
    kind("apps", "DaemonSet", "daemonsets", &["ds"], true, false),
    kind("apps", "Deployment", "deployments", &["deploy"], true, false),
    kind("apps", "ReplicaSet", "replicasets", &["rs"], true, false),
    kind("apps", "StatefulSet", "statefulsets", &["sts"], true, false),
    kind(
        "autoscaling",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        &["hpa"],
        true,
        false,
    ),
    kind("batch", "CronJob", "cronjobs", &["cj"], true, false),
    kind("batch", "Job", "jobs", &[], true, false),
    kind("networking.k8s.io", "NetworkPolicy", "networkpolicies", &["netpol"], true, false),
    kind("networking.k8s.io", "Ingress", "ingresses", &["ing"], true, false),
    kind(RBAC, "Role", "roles", &[], true, true),
    kind(RBAC, "RoleBinding", "rolebindings", &[], true, true),
    kind(RBAC, "ClusterRole", "clusterroles", &[], false, true),
    kind(RBAC, "ClusterRoleBinding", "clusterrolebindings", &[], false, true),
    kind(
        "certificates.k8s.io",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        &["csr"],
        false,
        false,
    ),
    kind(
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        &[],
        false,
        false,
    ),
    kind(
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        &[],
        false,
        false,
    ),
];

/// What `kubectl get all` asks for, in its order.
const ALL: [&str; 9] = [
    "pods",
    "replicationcontrollers",
    "services",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "cronjobs",
    "jobs",
];

/// The kind of that name: `pods`, `pod`, `po`, `pods.v1`, `Pod`.
pub(super) fn find(name: &str) -> Option<Kind> {
    let lower = name.to_ascii_lowercase();
    let (first, group) = lower.split_once('.').unwrap_or((&lower, ""));
    KINDS.into_iter().find(|kind| {
        let named = kind.plural == first
            || kind.kind.to_ascii_lowercase() == first
            || kind.short.contains(&first);
        named && (group.is_empty() || group == kind.group || group.ends_with(kind.group))
    })
}

/// The kinds of `kubectl get all`.
pub(super) fn all() -> impl Iterator<Item = Kind> {
    ALL.into_iter().filter_map(find)
}
