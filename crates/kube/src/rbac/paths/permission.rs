//! Permissions from which something else follows, and roles folded to bit masks of them.

use crate::{
    api::PolicyRule,
    rbac::{
        Access,
        access::{number, place},
        matching::resource_matches,
    },
};

/// A set of permissions, one bit each.
pub(crate) type Mask = u64;

/// Names that a role may be restricted to before it counts as unrestricted: more are told apart by
/// nobody, and aggregation in circles must not multiply them.
const NAMES_LIMIT: usize = 4096;

/// A permission from which something else follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Permission {
    Everything,
    CreatePods,
    CreateWorkloads,
    ChangeWorkloads,
    ChangePods,
    Exec,
    Attach,
    EphemeralContainers,
    NodesProxy,
    GetSecrets,
    ListSecrets,
    CreateSecrets,
    CreateTokens,
    ImpersonateUsers,
    ImpersonateGroups,
    ImpersonateAccounts,
    BindClusterRoles,
    BindRoles,
    EscalateClusterRoles,
    EscalateRoles,
    WriteClusterRoleBindings,
    WriteRoleBindings,
    WriteClusterRoles,
    WriteRoles,
    CreateRequests,
    ApproveRequests,
    ApproveSigner,
    SignRequests,
    SignSigner,
    MutatingWebhooks,
    ValidatingWebhooks,
    MutatingPolicies,
    MutatingPolicyBindings,
    ValidatingPolicies,
    ChangeDefinitions,
    WriteApiServices,
    CreatePersistentVolumes,
    ChangeNodes,
    ChangeNodeStatus,
    ChangeNamespaces,
    WriteConfigMaps,
    WriteServices,
    WriteEndpoints,
}

use Permission as P;

/// What of the API a permission is.
struct Definition {
    permission: Permission,
    /// Any of these verbs.
    verbs: &'static [&'static str],
    group: &'static str,
    /// Any of these resources.
    resources: &'static [&'static str],
    names: Names,
}

/// What it means that a rule is restricted to names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// The permission is not there: requests to create have no name.
    None,
    /// As good as without: one object is enough.
    Any,
    /// It depends on the names.
    Kept,
}

const CHANGE: &[&str] = &["update", "patch"];
const WRITE: &[&str] = &["create", "update", "patch"];
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

const fn define(
    permission: Permission,
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
    names: Names,
) -> Definition {
    Definition { permission, verbs, group, resources, names }
}

static DEFINITIONS: &[Definition] = &[
    define(P::CreatePods, &["create"], "", &["pods"], Names::None),
    define(P::CreateWorkloads, &["create"], "apps", APPS, Names::None),
    define(P::CreateWorkloads, &["create"], "batch", &["jobs", "cronjobs"], Names::None),
    define(P::CreateWorkloads, &["create"], "", &["replicationcontrollers"], Names::None),
    define(P::ChangeWorkloads, CHANGE, "apps", APPS, Names::Any),
    define(P::ChangeWorkloads, CHANGE, "batch", &["cronjobs"], Names::Any),
    define(P::ChangeWorkloads, CHANGE, "", &["replicationcontrollers"], Names::Any),
    define(P::ChangePods, CHANGE, "", &["pods"], Names::Kept),
    // A web socket opens with a GET.
    define(P::Exec, &["create", "get"], "", &["pods/exec"], Names::Kept),
    define(P::Attach, &["create", "get"], "", &["pods/attach"], Names::Kept),
    define(P::EphemeralContainers, CHANGE, "", &["pods/ephemeralcontainers"], Names::Kept),
    define(P::NodesProxy, &["create", "get"], "", &["nodes/proxy"], Names::Any),
    define(P::GetSecrets, &["get"], "", &["secrets"], Names::Kept),
    define(P::ListSecrets, &["list", "watch"], "", &["secrets"], Names::Kept),
    define(P::CreateSecrets, &["create"], "", &["secrets"], Names::None),
    define(P::CreateTokens, &["create"], "", &["serviceaccounts/token"], Names::Kept),
    define(P::ImpersonateUsers, &["impersonate"], "", &["users"], Names::Kept),
    define(P::ImpersonateGroups, &["impersonate"], "", &["groups"], Names::Kept),
    define(P::ImpersonateAccounts, &["impersonate"], "", &["serviceaccounts"], Names::Kept),
    define(P::BindClusterRoles, &["bind"], RBAC, &["clusterroles"], Names::Kept),
    define(P::BindRoles, &["bind"], RBAC, &["roles"], Names::Kept),
    define(P::EscalateClusterRoles, &["escalate"], RBAC, &["clusterroles"], Names::Kept),
    define(P::EscalateRoles, &["escalate"], RBAC, &["roles"], Names::Kept),
    define(P::WriteClusterRoleBindings, WRITE, RBAC, &["clusterrolebindings"], Names::Any),
    define(P::WriteRoleBindings, WRITE, RBAC, &["rolebindings"], Names::Any),
    define(P::WriteClusterRoles, CHANGE, RBAC, &["clusterroles"], Names::Kept),
    define(P::WriteRoles, WRITE, RBAC, &["roles"], Names::Any),
    define(
        P::CreateRequests,
        &["create"],
        CERTIFICATES,
        &["certificatesigningrequests"],
        Names::None,
    ),
    define(
        P::ApproveRequests,
        CHANGE,
        CERTIFICATES,
        &["certificatesigningrequests/approval"],
        Names::Any,
    ),
    define(P::ApproveSigner, &["approve"], CERTIFICATES, &["signers"], Names::Kept),
    define(
        P::SignRequests,
        CHANGE,
        CERTIFICATES,
        &["certificatesigningrequests/status"],
        Names::Any,
    ),
    define(P::SignSigner, &["sign"], CERTIFICATES, &["signers"], Names::Kept),
    define(P::MutatingWebhooks, WRITE, ADMISSION, &["mutatingwebhookconfigurations"], Names::Any),
    define(
        P::ValidatingWebhooks,
        WRITE,
        ADMISSION,
        &["validatingwebhookconfigurations"],
        Names::Any,
    ),
    define(P::MutatingPolicies, WRITE, ADMISSION, &["mutatingadmissionpolicies"], Names::Any),
    define(
        P::MutatingPolicyBindings,
        WRITE,
        ADMISSION,
        &["mutatingadmissionpolicybindings"],
        Names::Any,
    ),
    define(
        P::ValidatingPolicies,
        &["update", "patch", "delete"],
        ADMISSION,
        &["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
        Names::Any,
    ),
    define(
        P::ChangeDefinitions,
        CHANGE,
        "apiextensions.k8s.io",
        &["customresourcedefinitions"],
        Names::Any,
    ),
    define(P::WriteApiServices, WRITE, "apiregistration.k8s.io", &["apiservices"], Names::Any),
    define(P::CreatePersistentVolumes, &["create"], "", &["persistentvolumes"], Names::None),
    define(P::ChangeNodes, CHANGE, "", &["nodes"], Names::Any),
    define(P::ChangeNodeStatus, CHANGE, "", &["nodes/status"], Names::Any),
    define(P::ChangeNamespaces, CHANGE, "", &["namespaces"], Names::Kept),
    define(P::WriteConfigMaps, WRITE, "", &["configmaps"], Names::Kept),
    define(P::WriteServices, WRITE, "", &["services"], Names::Any),
    define(P::WriteEndpoints, WRITE, "", &["endpoints"], Names::Any),
    define(P::WriteEndpoints, WRITE, "discovery.k8s.io", &["endpointslices"], Names::Any),
];

/// Permissions on what is in no namespace: a binding within one gives nothing of them.
pub(crate) const CLUSTER_SCOPED: Mask = P::NodesProxy.bit()
    | P::ImpersonateUsers.bit()
    | P::ImpersonateGroups.bit()
    | P::EscalateClusterRoles.bit()
    | P::WriteClusterRoleBindings.bit()
    | P::WriteClusterRoles.bit()
    | P::CreateRequests.bit()
    | P::ApproveRequests.bit()
    | P::ApproveSigner.bit()
    | P::SignRequests.bit()
    | P::SignSigner.bit()
    | P::MutatingWebhooks.bit()
    | P::ValidatingWebhooks.bit()
    | P::MutatingPolicies.bit()
    | P::MutatingPolicyBindings.bit()
    | P::ValidatingPolicies.bit()
    | P::ChangeDefinitions.bit()
    | P::WriteApiServices.bit()
    | P::CreatePersistentVolumes.bit()
    | P::ChangeNodes.bit()
    | P::ChangeNodeStatus.bit();

const APPS: &[&str] = &["deployments", "daemonsets", "statefulsets", "replicasets"];

impl Permission {
    pub(crate) const fn bit(self) -> Mask {
        // The discriminant is below 64; there are that many variants at most.
        1 << (self as u8)
    }
}

/// A permission that a rule gives for some names only.
pub(crate) type Named = (Permission, String);

/// What a role permits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fold {
    pub(crate) any: Mask,
    /// Sorted, each once.
    pub(crate) named: Vec<Named>,
}

impl Fold {
    /// Adds what another permits; says whether that was news.
    pub(crate) fn add(&mut self, other: &Self) -> bool {
        let before = (self.any, self.named.len());
        self.any |= other.any;
        if !other.named.is_empty() {
            self.named.extend(other.named.iter().cloned());
            self.named.sort_unstable();
            self.named.dedup();
            if self.named.len() > NAMES_LIMIT {
                self.any |=
                    self.named.drain(..).fold(0, |mask, (permission, _)| mask | permission.bit());
            }
        }
        before != (self.any, self.named.len())
    }
}

/// Adds what `rule` permits.
pub(crate) fn fold_rule(rule: &PolicyRule, fold: &mut Fold) {
    if rule.resources.is_empty() {
        return;
    }
    let star = |words: &[String]| words.iter().any(|word| word == "*");
    let (all_verbs, all_groups) = (star(&rule.verbs), star(&rule.api_groups));
    if all_verbs && all_groups && star(&rule.resources) && rule.resource_names.is_empty() {
        fold.any |= Permission::Everything.bit();
    }
    for definition in DEFINITIONS {
        let known = fold.any & definition.permission.bit() != 0;
        if known || !permits(rule, definition, all_verbs, all_groups) {
            continue;
        }
        match (rule.resource_names.is_empty(), definition.names) {
            (true, _) | (false, Names::Any) => fold.any |= definition.permission.bit(),
            (false, Names::None) => {}
            (false, Names::Kept) => {
                let named =
                    rule.resource_names.iter().map(|name| (definition.permission, name.clone()));
                fold.named.extend(named);
            }
        }
    }
}

fn permits(rule: &PolicyRule, definition: &Definition, all_verbs: bool, all_groups: bool) -> bool {
    (all_groups || rule.api_groups.iter().any(|group| group == definition.group))
        && (all_verbs || rule.verbs.iter().any(|verb| definition.verbs.contains(&verb.as_str())))
        && rule.resources.iter().any(|pattern| {
            definition.resources.iter().any(|resource| {
                let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                resource_matches(pattern, resource, subresource)
            })
        })
}

/// Whether `rule` gives `permission`, for `name` if that is said.
pub(crate) fn gives(rule: &PolicyRule, permission: Permission, name: Option<&str>) -> bool {
    let mut fold = Fold::default();
    fold_rule(rule, &mut fold);
    fold.any & permission.bit() != 0
        || fold
            .named
            .iter()
            .any(|(one, named)| *one == permission && name.is_none_or(|name| name == named))
}

/// What each role permits, with what it aggregates.
pub(crate) fn fold_roles(access: &Access) -> Vec<Fold> {
    let mut folds: Vec<Fold> = access
        .roles
        .iter()
        .map(|role| {
            let mut fold = Fold::default();
            role.rules.iter().for_each(|rule| fold_rule(rule, &mut fold));
            fold.named.sort_unstable();
            fold.named.dedup();
            fold
        })
        .collect();
    // Permissions only ever grow, so that this ends in circles, too.
    let mut changed: Vec<u32> = (0..number(folds.len()))
        .filter(|role| !access.aggregators[place(*role)].is_empty())
        .collect();
    while let Some(role) = changed.pop() {
        for taker in &access.aggregators[place(role)] {
            let fold = folds[place(role)].clone();
            if folds[place(*taker)].add(&fold) {
                changed.push(*taker);
            }
        }
    }
    folds
}
