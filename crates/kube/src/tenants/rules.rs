//! The rules about tenants: what each looks for, why, and what to do.

use std::borrow::Cow;

use cofferdam_finding::{Explanation, Reference, Rule, Severity, Topic};

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
    Rule {
        id: Cow::Borrowed(REACH.id),
        title: Cow::Borrowed("Pods of one tenant reach pods of another"),
        severity: REACH.severity,
        topic: Topic::Network,
        explain: Explanation {
            what: Cow::Borrowed(
                "Works out from all network policies together which pods of a tenant reach \
                 pods of another tenant.",
            ),
            why: Cow::Borrowed(
                "A tenant that was taken over, or that means harm, can attack the services of \
                 others directly.",
            ),
            fix: Cow::Borrowed(
                "Deny by default in every namespace of a tenant and allow what is within the \
                 tenant; 'cofferdam kube tenants generate' writes such policies.",
            ),
        },
        references: Cow::Borrowed(REFERENCES),
    },
    Rule {
        id: Cow::Borrowed(ACCESS.id),
        title: Cow::Borrowed("Service accounts of one tenant have roles over others"),
        severity: ACCESS.severity,
        topic: Topic::Access,
        explain: Explanation {
            what: Cow::Borrowed(
                "Looks for role bindings in a tenant's namespace with service accounts of \
                 another, and for bindings over the whole cluster to service accounts of a \
                 tenant.",
            ),
            why: Cow::Borrowed(
                "Whoever runs code as that account reads or changes what belongs to others.",
            ),
            fix: Cow::Borrowed(
                "Bind roles in the tenant's own namespaces. 'cofferdam kube rbac paths \
                 --tenant-label LABEL' finds the longer ways, too.",
            ),
        },
        references: Cow::Borrowed(REFERENCES),
    },
    Rule {
        id: Cow::Borrowed(ESCAPE.id),
        title: Cow::Borrowed("Workloads of a tenant can take over their nodes"),
        severity: ESCAPE.severity,
        topic: Topic::Isolation,
        explain: Explanation {
            what: Cow::Borrowed(
                "Looks for privileged containers, dangerous capabilities, namespaces and \
                 directories of the host in the workloads of a tenant.",
            ),
            why: Cow::Borrowed(
                "Root on a node is root over the pods of every tenant that run there, with \
                 their secrets and tokens.",
            ),
            fix: Cow::Borrowed(
                "Take the privilege away; enforce a Pod Security level so that it does not \
                 come back. Where it is needed, give the tenant nodes of its own.",
            ),
        },
        references: Cow::Borrowed(REFERENCES),
    },
    Rule {
        id: Cow::Borrowed(SHARED_NODE.id),
        title: Cow::Borrowed("Tenants share nodes"),
        severity: SHARED_NODE.severity,
        topic: Topic::Isolation,
        explain: Explanation {
            what: Cow::Borrowed("Looks at which nodes pods of more than one tenant run."),
            why: Cow::Borrowed(
                "Between their containers is one kernel: a flaw in it is a way from one \
                 tenant to the other, and so is the load that one puts on it.",
            ),
            fix: Cow::Borrowed(
                "Where tenants do not trust each other, give each its own nodes (taints, \
                 tolerations set by admission, node selectors), or run pods in virtual \
                 machines by a runtime class.",
            ),
        },
        references: Cow::Borrowed(REFERENCES),
    },
    Rule {
        id: Cow::Borrowed(NO_QUOTA.id),
        title: Cow::Borrowed("Namespaces of a tenant have no quota"),
        severity: NO_QUOTA.severity,
        topic: Topic::Configuration,
        explain: Explanation {
            what: Cow::Borrowed(
                "Looks for a ResourceQuota, for all pods, that bounds memory, processors and \
                 the number of pods in every namespace of a tenant.",
            ),
            why: Cow::Borrowed(
                "One tenant can take everything, on purpose or by accident, and the pods of \
                 others are not scheduled.",
            ),
            fix: Cow::Borrowed("Add a ResourceQuota to each namespace."),
        },
        references: Cow::Borrowed(REFERENCES),
    },
    Rule {
        id: Cow::Borrowed(NO_LIMIT.id),
        title: Cow::Borrowed("Workloads of a tenant have no limit of memory"),
        severity: NO_LIMIT.severity,
        topic: Topic::Configuration,
        explain: Explanation {
            what: Cow::Borrowed(
                "Looks for containers without a limit of memory in namespaces that have no \
                 LimitRange with a default.",
            ),
            why: Cow::Borrowed(
                "A leak takes the memory of the node, and the kernel ends processes of other \
                 tenants.",
            ),
            fix: Cow::Borrowed(
                "Set limits.memory, or add a LimitRange with a default to the namespace.",
            ),
        },
        references: Cow::Borrowed(REFERENCES),
    },
    Rule {
        id: Cow::Borrowed(PRIORITY.id),
        title: Cow::Borrowed("Workloads of a tenant have the priority of the system"),
        severity: PRIORITY.severity,
        topic: Topic::Configuration,
        explain: Explanation {
            what: Cow::Borrowed(
                "Looks for workloads of a tenant with a priority class of the system.",
            ),
            why: Cow::Borrowed(
                "Where there is not enough room, such pods evict the pods of other tenants.",
            ),
            fix: Cow::Borrowed(
                "Use another class; allow system-cluster-critical and system-node-critical in \
                 the cluster's namespaces only, by a quota with a scope.",
            ),
        },
        references: Cow::Borrowed(REFERENCES),
    },
    Rule {
        id: Cow::Borrowed(POD_SECURITY.id),
        title: Cow::Borrowed("Namespaces of a tenant enforce no Pod Security level"),
        severity: POD_SECURITY.severity,
        topic: Topic::Configuration,
        explain: Explanation {
            what: Cow::Borrowed(
                "Looks at the label pod-security.kubernetes.io/enforce of every namespace of \
                 a tenant. It is missing, or privileged.",
            ),
            why: Cow::Borrowed(
                "Whoever may create pods there gets root on a node with a privileged one, and \
                 so the other tenants' secrets.",
            ),
            fix: Cow::Borrowed(
                "Label the namespace with baseline or restricted; 'cofferdam kube pss' says \
                 what breaks it. If another admission controller does the same, a waiver may \
                 say so.",
            ),
        },
        references: Cow::Borrowed(REFERENCES),
    },
];
