//! The rules about tenants: what each looks for, why, and what to do.

use cofferdam_finding::{Reference, Rule, Severity, Topic};

/// What a finding says, beside the text of its rule.
pub(super) struct TenantRule {
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    /// The title of a finding about a tenant, with so many pieces of evidence.
    pub(super) title: fn(&str, usize) -> String,
    pub(super) fix: &'static str,
}

const REFERENCES: &[Reference] = &[
    Reference::new("NIST SP 800-190", "4.3.3"),
    Reference::new("URL", "https://kubernetes.io/docs/concepts/security/multi-tenancy/"),
];

pub(super) const REACH: TenantRule = TenantRule {
    id: "kube-tenant-reach",
    severity: Severity::High,
    title: |tenant, count| format!("pods of {tenant} reach pods of other tenants: {count}"),
    fix: "deny ingress and egress by default in the tenants' namespaces: cofferdam kube tenants generate",
};
pub(super) const ACCESS: TenantRule = TenantRule {
    id: "kube-tenant-access",
    severity: Severity::High,
    title: |tenant, count| {
        format!("service accounts of {tenant} have roles over others, by bindings: {count}")
    },
    fix: "bind roles within the tenant's own namespaces",
};
pub(super) const ESCAPE: TenantRule = TenantRule {
    id: "kube-tenant-node-escape",
    severity: Severity::Critical,
    title: |tenant, count| format!("workloads of {tenant} that can take over their nodes: {count}"),
    fix: "take the privilege away, and enforce the baseline level on the namespace",
};
pub(super) const SHARED_NODE: TenantRule = TenantRule {
    id: "kube-tenant-shared-node",
    severity: Severity::Info,
    title: |tenant, count| format!("nodes that {tenant} shares with other tenants: {count}"),
    fix: "give tenants nodes of their own, by taints and node selectors, where they do not trust each other",
};
pub(super) const NO_QUOTA: TenantRule = TenantRule {
    id: "kube-tenant-no-quota",
    severity: Severity::Medium,
    title: |tenant, count| {
        format!("namespaces of {tenant} that may take as much as there is: {count}")
    },
    fix: "add a ResourceQuota for memory, processors and pods: cofferdam kube tenants generate",
};
pub(super) const NO_LIMIT: TenantRule = TenantRule {
    id: "kube-tenant-no-memory-limit",
    severity: Severity::Low,
    title: |tenant, count| format!("workloads of {tenant} without a limit of memory: {count}"),
    fix: "set limits.memory, or add a LimitRange with a default",
};
pub(super) const PRIORITY: TenantRule = TenantRule {
    id: "kube-tenant-system-priority",
    severity: Severity::Medium,
    title: |tenant, count| {
        format!("workloads of {tenant} that go before those of everybody: {count}")
    },
    fix: "use a priority class of the tenant's own, and bound the system's classes by a quota",
};
pub(super) const POD_SECURITY: TenantRule = TenantRule {
    id: "kube-tenant-pod-security",
    severity: Severity::Medium,
    title: |tenant, count| {
        format!("namespaces of {tenant} that enforce no Pod Security level: {count}")
    },
    fix: "label the namespace pod-security.kubernetes.io/enforce: baseline, or restricted",
};

/// The rules about tenants.
pub(crate) static RULES: &[Rule] = &[
    Rule::new(
        REACH.id,
        "Pods of one tenant reach pods of another",
        REACH.severity,
        Topic::Network,
        [
            "Works out from all network policies together which pods of a tenant reach \
                 pods of another tenant.",
            "A tenant that was taken over, or that means harm, can attack the services of \
                 others directly.",
            "Deny by default in every namespace of a tenant and allow what is within the \
                 tenant; 'cofferdam kube tenants generate' writes such policies.",
        ],
        REFERENCES,
    ),
    Rule::new(
        ACCESS.id,
        "Service accounts of one tenant have roles over others",
        ACCESS.severity,
        Topic::Access,
        [
            "Looks for role bindings in a tenant's namespace with service accounts of \
                 another, and for bindings over the whole cluster to service accounts of a \
                 tenant.",
            "Whoever runs code as that account reads or changes what belongs to others.",
            "Bind roles in the tenant's own namespaces. 'cofferdam kube rbac paths \
                 --tenant-label LABEL' finds the longer ways, too.",
        ],
        REFERENCES,
    ),
    Rule::new(
        ESCAPE.id,
        "Workloads of a tenant can take over their nodes",
        ESCAPE.severity,
        Topic::Isolation,
        [
            "Looks for privileged containers, dangerous capabilities, namespaces and \
                 directories of the host in the workloads of a tenant.",
            "Root on a node is root over the pods of every tenant that run there, with \
                 their secrets and tokens.",
            "Take the privilege away; enforce a Pod Security level so that it does not \
                 come back. Where it is needed, give the tenant nodes of its own.",
        ],
        REFERENCES,
    ),
    Rule::new(
        SHARED_NODE.id,
        "Tenants share nodes",
        SHARED_NODE.severity,
        Topic::Isolation,
        [
            "Looks at which nodes pods of more than one tenant run.",
            "Between their containers is one kernel: a flaw in it is a way from one \
                 tenant to the other, and so is the load that one puts on it.",
            "Where tenants do not trust each other, give each its own nodes (taints, \
                 tolerations set by admission, node selectors), or run pods in virtual \
                 machines by a runtime class.",
        ],
        REFERENCES,
    ),
    Rule::new(
        NO_QUOTA.id,
        "Namespaces of a tenant have no quota",
        NO_QUOTA.severity,
        Topic::Configuration,
        [
            "Looks for a ResourceQuota, for all pods, that bounds memory, processors and \
                 the number of pods in every namespace of a tenant.",
            "One tenant can take everything, on purpose or by accident, and the pods of \
                 others are not scheduled.",
            "Add a ResourceQuota to each namespace.",
        ],
        REFERENCES,
    ),
    Rule::new(
        NO_LIMIT.id,
        "Workloads of a tenant have no limit of memory",
        NO_LIMIT.severity,
        Topic::Configuration,
        [
            "Looks for containers without a limit of memory in namespaces that have no \
                 LimitRange with a default.",
            "A leak takes the memory of the node, and the kernel ends processes of other \
                 tenants.",
            "Set limits.memory, or add a LimitRange with a default to the namespace.",
        ],
        REFERENCES,
    ),
    Rule::new(
        PRIORITY.id,
        "Workloads of a tenant have the priority of the system",
        PRIORITY.severity,
        Topic::Configuration,
        [
            "Looks for workloads of a tenant with a priority class of the system.",
            "Where there is not enough room, such pods evict the pods of other tenants.",
            "Use another class; allow system-cluster-critical and system-node-critical in \
                 the cluster's namespaces only, by a quota with a scope.",
        ],
        REFERENCES,
    ),
    Rule::new(
        POD_SECURITY.id,
        "Namespaces of a tenant enforce no Pod Security level",
        POD_SECURITY.severity,
        Topic::Configuration,
        [
            "Looks at the label pod-security.kubernetes.io/enforce of every namespace of \
                 a tenant. It is missing, or privileged.",
            "Whoever may create pods there gets root on a node with a privileged one, and \
                 so the other tenants' secrets.",
            "Label the namespace with baseline or restricted; 'cofferdam kube pss' says \
                 what breaks it. If another admission controller does the same, a waiver may \
                 say so.",
        ],
        REFERENCES,
    ),
];
