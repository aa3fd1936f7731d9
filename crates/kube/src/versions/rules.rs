use cofferdam_finding::{Reference, Rule, Severity, Topic};

/// A release gets no fixes any more.
pub(super) const END_OF_LIFE: &str = "kube-version-end-of-life";
/// A patch is missing.
pub(super) const BEHIND: &str = "kube-version-behind";
/// Versions are further apart than is supported.
pub(super) const SKEW: &str = "kube-version-skew";
/// The container runtime gets no fixes any more.
pub(super) const RUNTIME_END_OF_LIFE: &str = "kube-runtime-end-of-life";
/// A version is not known.
pub(super) const UNKNOWN: &str = "kube-version-unknown";
/// The table is old.
pub(super) const DATA_STALE: &str = "kube-version-data-stale";

/// The rules on versions. (Vulnerabilities are rules, too: they come out of the table.)
pub static RULES: &[Rule] = &[
    rule(
        END_OF_LIFE,
        "A release of Kubernetes is out of support",
        Severity::High,
        Topic::Vulnerability,
        "Compares the minor release of the API server and of the kubelets with the days on which \
         support ends, about fourteen months after each release.",
        "Vulnerabilities that become known are not fixed in it any more; many are not even \
         examined for it.",
        "Upgrade one minor release at a time, the control plane before the nodes.",
    ),
    rule(
        BEHIND,
        "Patches of Kubernetes are missing",
        Severity::Low,
        Topic::Vulnerability,
        "Compares the patch of the API server and of the kubelets with the newest of the same \
         minor release.",
        "Patches fix defects and vulnerabilities and change nothing else.",
        "Upgrade to the newest patch of the release.",
    ),
    rule(
        SKEW,
        "Versions of kubelet and API server are too far apart",
        Severity::Medium,
        Topic::Configuration,
        "A kubelet may not be newer than the API server, and at most three minor releases older \
         (two before 1.25).",
        "Other combinations are not tested: pods may lose fields that confine them, because the \
         older side does not know them.",
        "Upgrade the nodes, or the control plane first where a kubelet is newer.",
    ),
    rule(
        RUNTIME_END_OF_LIFE,
        "A container runtime is out of support",
        Severity::Medium,
        Topic::Vulnerability,
        "Compares the release of containerd on each node with the day on which its support ends.",
        "What keeps containers in is no longer fixed.",
        "Upgrade the runtime of the node.",
    ),
    rule(
        UNKNOWN,
        "A version is not known",
        Severity::Low,
        Topic::Coverage,
        "The snapshot does not show the version of the API server or of the nodes, or shows one \
         that the table does not have.",
        "Whether it is supported or vulnerable was not looked at.",
        "Say it with --server-version, and dump the nodes with the rest: kubectl get nodes -o \
         json. Newer releases than the table's need a newer Cofferdam.",
    ),
    rule(
        DATA_STALE,
        "The table of versions is old",
        Severity::Low,
        Topic::Coverage,
        "Compares the day of each source of the table with today: one is more than 30 days old.",
        "Patches and vulnerabilities that became known since are missing.",
        "Use a newer Cofferdam.",
    ),
];

static REFERENCES: &[Reference] = &[
    Reference::new("URL", "https://kubernetes.io/releases/version-skew-policy/"),
    Reference::new(
        "URL",
        "https://kubernetes.io/docs/reference/issues-security/official-cve-feed/",
    ),
    Reference::new("NIST SP 800-190", "3.5.1"),
];

const fn rule(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    topic: Topic,
    what: &'static str,
    why: &'static str,
    fix: &'static str,
) -> Rule {
    Rule::new(id, title, severity, topic, [what, why, fix], REFERENCES)
}
