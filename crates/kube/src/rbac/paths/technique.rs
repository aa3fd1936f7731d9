//! What follows from a permission: one row a technique.

use super::permission::{Mask, Permission as P};

/// Where a technique leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leads {
    /// To something within the namespace in which the permissions hold, or in all of them.
    Namespace(Hub),
    /// To the same in all namespaces, from permissions that hold in all of the cluster.
    AllNamespaces(Hub),
    /// To something of the whole cluster, from permissions in any namespace.
    Anywhere(Whole),
    /// To something of the whole cluster, from permissions that hold in all of it.
    Cluster(Whole),
}

/// A power over a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Hub {
    Everything,
    RunPods,
    EnterPods,
    ReadSecrets,
    Accounts,
}

impl Hub {
    pub(super) const ALL: [Self; 5] =
        [Self::Everything, Self::RunPods, Self::EnterPods, Self::ReadSecrets, Self::Accounts];
}

/// A power over the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Whole {
    ClusterAdmin,
    NodeRoot,
    AnyUser,
    AnyGroup,
    Tamper,
}

impl Whole {
    pub(super) const ALL: [Self; 5] =
        [Self::ClusterAdmin, Self::NodeRoot, Self::AnyUser, Self::AnyGroup, Self::Tamper];
}

/// When a technique works only under a condition on the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Only {
    Always,
    /// No Pod Security level is enforced that forbids privileged pods.
    WherePrivileged,
    /// One of them is, which this technique lifts.
    WhereConfined,
    /// In kube-system.
    KubeSystem,
    /// In kube-system with the map that makes administrators on EKS.
    AwsAuth,
}

/// What follows from permissions that somebody has together.
pub(super) struct Technique {
    /// All of these are needed.
    pub(super) needs: &'static [P],
    pub(super) leads: Leads,
    pub(super) only: Only,
    /// Completes "can …".
    pub(super) text: &'static str,
}

impl Technique {
    pub(super) fn mask(&self) -> Mask {
        self.needs.iter().fold(0, |mask, permission| mask | permission.bit())
    }
}

const fn row(needs: &'static [P], leads: Leads, only: Only, text: &'static str) -> Technique {
    Technique { needs, leads, only, text }
}

use Hub::{Accounts, EnterPods, Everything, ReadSecrets, RunPods};
use Leads::{AllNamespaces, Anywhere, Cluster, Namespace};
use Only::{Always, AwsAuth, KubeSystem, WhereConfined, WherePrivileged};
use Whole::{AnyGroup, AnyUser, ClusterAdmin, NodeRoot, Tamper};

/// All techniques that rest on permissions without regard to names. Those that depend on names are
/// in `edges.rs`.
pub(super) static TECHNIQUES: &[Technique] = &[
    row(&[P::Everything], Cluster(ClusterAdmin), Always, "do everything"),
    row(&[P::Everything], Namespace(Everything), Always, "do everything in the namespace"),
    row(&[P::CreatePods], Namespace(RunPods), Always, "create pods"),
    row(&[P::CreateWorkloads], Namespace(RunPods), Always, "create workloads, which create pods"),
    row(&[P::ChangeWorkloads], Namespace(RunPods), Always, "change the template of workloads"),
    row(&[P::ChangePods], Namespace(EnterPods), Always, "replace the image of running pods"),
    row(&[P::Exec], Namespace(EnterPods), Always, "execute programs in pods"),
    row(&[P::Attach], Namespace(EnterPods), Always, "attach to processes in pods"),
    row(
        &[P::EphemeralContainers],
        Namespace(EnterPods),
        Always,
        "put containers into running pods",
    ),
    row(
        &[P::EphemeralContainers],
        Anywhere(NodeRoot),
        WherePrivileged,
        "put a privileged container into a running pod",
    ),
    row(
        &[P::NodesProxy],
        AllNamespaces(EnterPods),
        Always,
        "execute programs in any pod by the kubelet's API",
    ),
    row(&[P::GetSecrets], Namespace(ReadSecrets), Always, "read secrets"),
    row(&[P::ListSecrets], Namespace(ReadSecrets), Always, "list secrets with their values"),
    row(
        &[P::CreateSecrets, P::GetSecrets],
        Namespace(Accounts),
        Always,
        "create a token secret for any service account, and read it",
    ),
    row(
        &[P::CreateSecrets, P::ListSecrets],
        Namespace(Accounts),
        Always,
        "create a token secret for any service account, and list it",
    ),
    row(&[P::CreateTokens], Namespace(Accounts), Always, "create tokens of service accounts"),
    row(&[P::ImpersonateAccounts], Namespace(Accounts), Always, "impersonate service accounts"),
    row(&[P::ImpersonateUsers], Cluster(AnyUser), Always, "impersonate any user"),
    row(
        &[P::ImpersonateUsers, P::ImpersonateGroups],
        Cluster(ClusterAdmin),
        Always,
        "impersonate the group system:masters",
    ),
    row(
        &[P::ImpersonateAccounts, P::ImpersonateGroups],
        Cluster(ClusterAdmin),
        Always,
        "impersonate the group system:masters",
    ),
    row(
        &[P::BindClusterRoles, P::WriteClusterRoleBindings],
        Cluster(ClusterAdmin),
        Always,
        "bind itself to cluster-admin",
    ),
    row(
        &[P::BindClusterRoles, P::WriteRoleBindings],
        Namespace(Everything),
        Always,
        "bind itself to any ClusterRole in the namespace",
    ),
    row(
        &[P::EscalateClusterRoles, P::WriteClusterRoles],
        Cluster(ClusterAdmin),
        Always,
        "write any permission into a ClusterRole that it has",
    ),
    row(
        &[P::EscalateRoles, P::WriteRoles],
        Namespace(Everything),
        Always,
        "write any permission into a Role that it has",
    ),
    row(
        &[P::CreateRequests, P::ApproveRequests, P::ApproveSigner],
        Cluster(AnyUser),
        Always,
        "request and approve a client certificate in any name",
    ),
    row(
        &[P::CreateRequests, P::ApproveRequests, P::ApproveSigner],
        Cluster(AnyGroup),
        Always,
        "request and approve a client certificate of any group",
    ),
    row(
        &[P::SignRequests, P::SignSigner],
        Cluster(AnyUser),
        Always,
        "sign client certificates, given the key of an authority",
    ),
    row(
        &[P::MutatingWebhooks],
        Cluster(ClusterAdmin),
        Always,
        "change every object that anybody writes, by a webhook of its own",
    ),
    row(
        &[P::MutatingPolicies, P::MutatingPolicyBindings],
        Cluster(ClusterAdmin),
        Always,
        "change every object that anybody writes, by an admission policy",
    ),
    row(
        &[P::ValidatingWebhooks],
        Cluster(Tamper),
        Always,
        "see and refuse every object that anybody writes, by a webhook of its own",
    ),
    row(&[P::ValidatingPolicies], Cluster(Tamper), Always, "take away admission policies"),
    row(
        &[P::ChangeDefinitions],
        Cluster(Tamper),
        Always,
        "see and change all objects of a custom kind, by a conversion webhook",
    ),
    row(
        &[P::WriteApiServices],
        Cluster(Tamper),
        Always,
        "answer for an API group in place of the server",
    ),
    row(
        &[P::CreatePersistentVolumes, P::CreatePods],
        Anywhere(NodeRoot),
        WhereConfined,
        "mount a node's disk by a persistent volume, which no Pod Security level forbids",
    ),
    row(
        &[P::CreatePersistentVolumes, P::CreateWorkloads],
        Anywhere(NodeRoot),
        WhereConfined,
        "mount a node's disk by a persistent volume, which no Pod Security level forbids",
    ),
    row(
        &[P::ChangeNamespaces, P::CreatePods],
        Anywhere(NodeRoot),
        WhereConfined,
        "lift the namespace's Pod Security level, and create privileged pods",
    ),
    row(
        &[P::ChangeNamespaces, P::CreateWorkloads],
        Anywhere(NodeRoot),
        WhereConfined,
        "lift the namespace's Pod Security level, and create privileged workloads",
    ),
    row(&[P::ChangeNodes], Cluster(Tamper), Always, "steer pods by labels and taints of nodes"),
    row(&[P::ChangeNodeStatus], Cluster(Tamper), Always, "steer pods by the status of nodes"),
    row(
        &[P::WriteConfigMaps],
        Anywhere(ClusterAdmin),
        AwsAuth,
        "make itself an administrator in aws-auth",
    ),
    row(
        &[P::WriteConfigMaps],
        Anywhere(Tamper),
        KubeSystem,
        "change the configuration of the cluster's DNS and proxies",
    ),
    row(&[P::WriteEndpoints], Cluster(Tamper), Always, "send the traffic of any service to itself"),
    row(
        &[P::WriteServices],
        Cluster(Tamper),
        Always,
        "take traffic to any address, by externalIPs of services",
    ),
];
