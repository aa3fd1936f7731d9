//! What somebody's permissions lead to.

use std::collections::HashSet;

use super::{
    graph::{Edge, Graph, Node, Via},
    permission::{CLUSTER_SCOPED, Fold, Mask, Named, Permission as P},
    technique::{Hub, Leads, Only, TECHNIQUES, Whole},
};
use crate::rbac::{
    RoleKind, SubjectId,
    access::{number, place},
};

/// What somebody may do, by namespace; 0 is all of the cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct Powers {
    /// Sorted by namespace, each once.
    pub(super) masks: Vec<(u32, Mask)>,
    pub(super) named: Vec<(u32, Named)>,
}

impl Powers {
    pub(super) fn add(&mut self, namespace: u32, fold: &Fold) {
        let counts = if namespace == 0 { Mask::MAX } else { !CLUSTER_SCOPED };
        if fold.any & counts != 0 {
            self.masks.push((namespace, fold.any & counts));
        }
        for named in &fold.named {
            let bit = named.0.bit();
            if bit & counts != 0 && fold.any & bit == 0 {
                self.named.push((namespace, named.clone()));
            }
        }
    }

    pub(super) fn settle(&mut self) {
        self.masks.sort_unstable_by_key(|(namespace, _)| *namespace);
        self.masks.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 |= later.1;
            }
            same
        });
        self.named.sort_unstable();
        self.named.dedup();
    }

    fn mask(&self, namespace: u32) -> Mask {
        let found = self.masks.binary_search_by_key(&namespace, |(one, _)| *one);
        found.map_or(0, |index| self.masks[index].1)
    }

    fn is_empty(&self) -> bool {
        self.masks.is_empty() && self.named.is_empty()
    }
}

/// The edges of a subject: those of its permissions, those of its groups left to them, and to them.
pub(super) fn of_subject(
    graph: &mut Graph<'_>,
    subject: u32,
    powers: &Powers,
    edges: &mut Vec<Edge>,
) {
    for group in &graph.groups[place(subject)] {
        edges.push(Edge { from: subject, to: *group, via: Via::Group, namespace: 0 });
    }
    if !powers.is_empty() {
        of_powers(graph, subject, Some(subject), powers, edges);
    }
}

/// The edges of what somebody may do; of a `subject`, together with what its groups may.
pub(super) fn of_powers(
    graph: &mut Graph<'_>,
    from: u32,
    subject: Option<u32>,
    powers: &Powers,
    edges: &mut Vec<Edge>,
) {
    let groups: Vec<u32> = subject.map_or_else(Vec::new, |one| graph.groups[place(one)].clone());
    let of_groups = |graph: &Graph<'_>, namespace: u32| {
        groups.iter().fold(0, |mask, group| mask | graph.powers[place(*group)].mask(namespace))
    };
    let mut own = Vec::new();
    let group_cluster = of_groups(graph, 0);
    let cluster = powers.mask(0) | group_cluster;
    let mut scopes: Vec<u32> = powers.masks.iter().map(|(namespace, _)| *namespace).collect();
    if powers.mask(0) != 0 {
        for group in &groups {
            scopes.extend(graph.powers[place(*group)].masks.iter().map(|(one, _)| *one));
        }
    }
    scopes.push(0);
    scopes.sort_unstable();
    scopes.dedup();
    for namespace in scopes {
        let by_groups = of_groups(graph, namespace) | group_cluster;
        let mask = powers.mask(namespace) | by_groups | cluster;
        let known = Known { mask, cluster, by_groups };
        by_technique(graph, from, namespace, known, &mut own);
    }
    let admin = graph.id(Node::Whole(Whole::ClusterAdmin));
    if let Some(edge) = own.iter().find(|edge| edge.to == admin) {
        // Whoever has that needs nothing else.
        edges.push(*edge);
        return;
    }
    for (namespace, named) in &powers.named {
        let mask = powers.mask(*namespace) | of_groups(graph, *namespace) | cluster;
        by_name(graph, from, subject, *namespace, named, mask, &mut own);
    }
    let mut seen = HashSet::new();
    edges.extend(own.into_iter().filter(|edge| seen.insert(edge.to)));
}

/// What somebody may do in a namespace.
#[derive(Clone, Copy)]
struct Known {
    /// By everything that holds there.
    mask: Mask,
    /// By what holds everywhere.
    cluster: Mask,
    /// By groups, which have edges of their own.
    by_groups: Mask,
}

fn by_technique(graph: &Graph<'_>, from: u32, namespace: u32, known: Known, edges: &mut Vec<Edge>) {
    for (index, technique) in TECHNIQUES.iter().enumerate() {
        let needs = technique.mask();
        let has = known.mask & needs == needs;
        let everywhere = known.cluster & needs == needs;
        if !has || known.by_groups & needs == needs || (namespace > 0 && everywhere) {
            continue;
        }
        let to = match technique.leads {
            Leads::Namespace(hub) => Node::Hub(hub, namespace),
            Leads::AllNamespaces(hub) if namespace == 0 => Node::Hub(hub, 0),
            Leads::Anywhere(whole) => Node::Whole(whole),
            Leads::Cluster(whole) if namespace == 0 => Node::Whole(whole),
            Leads::AllNamespaces(_) | Leads::Cluster(_) => continue,
        };
        if !applies(graph, technique.only, namespace) {
            continue;
        }
        let via = Via::Technique(u16::try_from(index).expect("the table is short"));
        edges.push(Edge { from, to: graph.id(to), via, namespace });
    }
}

fn applies(graph: &Graph<'_>, only: Only, namespace: u32) -> bool {
    let takes = &graph.takes_privileged;
    let is_system = namespace == 0 || graph.namespaces[place(namespace)] == "kube-system";
    match only {
        Only::Always => true,
        Only::WherePrivileged => takes[place(namespace)],
        Only::WhereConfined if namespace == 0 => takes.iter().skip(1).any(|takes| !takes),
        Only::WhereConfined => !takes[place(namespace)],
        Only::KubeSystem => is_system,
        Only::AwsAuth => is_system && graph.has_aws_auth,
    }
}

/// What follows from a permission for one name. `mask` is what is held besides.
fn by_name(
    graph: &mut Graph<'_>,
    from: u32,
    subject: Option<u32>,
    namespace: u32,
    (permission, name): &Named,
    mask: Mask,
    edges: &mut Vec<Edge>,
) {
    let has = |permission: P| mask & permission.bit() != 0;
    let mut add = |to: u32, text: &'static str| {
        edges.push(Edge { from, to, via: Via::Named(*permission, text), namespace });
    };
    let hub = |graph: &Graph<'_>, hub: Hub| graph.id(Node::Hub(hub, namespace));
    let whole = |graph: &Graph<'_>, whole: Whole| graph.id(Node::Whole(whole));
    match permission {
        P::ImpersonateUsers => {
            if let Some(user) = graph.access.index.get(&SubjectId::user(name)) {
                add(*user, "impersonate the user");
            }
        }
        P::ImpersonateGroups if has(P::ImpersonateUsers) || has(P::ImpersonateAccounts) => {
            if name == "system:masters" {
                add(whole(graph, Whole::ClusterAdmin), "impersonate the group system:masters");
            } else if let Some(group) = graph.access.index.get(&SubjectId::group(name)) {
                add(*group, "impersonate the group");
            }
        }
        P::ImpersonateAccounts | P::CreateTokens => {
            let text = match permission {
                P::CreateTokens => "create tokens of the account",
                _ => "impersonate the account",
            };
            for account in accounts(graph, namespace, name) {
                add(account, text);
            }
        }
        P::GetSecrets | P::ListSecrets => {
            let account = graph.token_secrets.get(&(namespace, name.clone())).copied();
            if let Some(account) = account {
                add(account, "read the secret with the account's token");
            }
        }
        P::Exec | P::Attach | P::EphemeralContainers | P::ChangePods => {
            let pod = graph.workloads.iter().position(|workload| {
                workload.object.is("", "Pod")
                    && workload.object.name == *name
                    && (namespace == 0
                        || graph.namespaces[place(namespace)] == workload.namespace())
            });
            if let Some(pod) = pod {
                add(graph.id(Node::Workload(number(pod))), "enter the pod");
            }
        }
        P::BindClusterRoles | P::BindRoles => {
            let kind = match permission {
                P::BindClusterRoles => RoleKind::Cluster,
                _ if namespace == 0 => return,
                _ => RoleKind::Namespaced(graph.namespaces[place(namespace)].clone()),
            };
            let Some(role) = graph.access.role(&kind, name) else { return };
            if namespace == 0 && has(P::WriteClusterRoleBindings) {
                add(graph.grant(role, 0), "bind itself to the role");
            } else if has(P::WriteRoleBindings) {
                add(graph.grant(role, namespace), "bind itself to the role in the namespace");
            }
        }
        P::EscalateClusterRoles if namespace == 0 && has(P::WriteClusterRoles) => {
            let Some(subject) = subject else { return };
            let bound = graph.access.bound[place(subject)].iter();
            let own = bound.map(|bound| &graph.access.bindings[place(*bound)]).find(|binding| {
                let role = &graph.access.roles[place(binding.role)];
                role.kind == RoleKind::Cluster && role.name == *name
            });
            let Some(own) = own else { return };
            let text = "write any permission into the ClusterRole, which it has";
            match graph.namespace(own.namespace.as_deref()) {
                0 => add(whole(graph, Whole::ClusterAdmin), text),
                within => add(graph.id(Node::Hub(Hub::Everything, within)), text),
            }
        }
        P::EscalateRoles if has(P::WriteRoles) => {
            add(hub(graph, Hub::Everything), "write any permission into the Role");
        }
        P::ApproveSigner
            if signs_clients(name) && has(P::CreateRequests) && has(P::ApproveRequests) =>
        {
            add(
                whole(graph, Whole::AnyUser),
                "request and approve a client certificate in any name",
            );
            add(
                whole(graph, Whole::AnyGroup),
                "request and approve a client certificate of any group",
            );
        }
        P::ChangeNamespaces if has(P::CreatePods) || has(P::CreateWorkloads) => {
            let within = graph.namespace(Some(name));
            if within > 0 && !graph.takes_privileged[place(within)] {
                let text = "lift the namespace's Pod Security level, and create privileged pods";
                add(whole(graph, Whole::NodeRoot), text);
            }
        }
        P::WriteConfigMaps => {
            let is_system = namespace == 0 || graph.namespaces[place(namespace)] == "kube-system";
            if is_system && name == "aws-auth" && graph.has_aws_auth {
                let text = "make itself an administrator in aws-auth";
                add(whole(graph, Whole::ClusterAdmin), text);
            } else if is_system && matches!(name.as_str(), "coredns" | "kube-proxy") {
                add(whole(graph, Whole::Tamper), "change the configuration of DNS or proxies");
            }
        }
        _ => {}
    }
}

/// Whether approving for a signer gives certificates that the API server takes.
fn signs_clients(signer: &str) -> bool {
    matches!(signer, "kubernetes.io/kube-apiserver-client" | "kubernetes.io/*")
}

fn accounts(graph: &Graph<'_>, namespace: u32, name: &str) -> Vec<u32> {
    let known =
        |namespace: &String| graph.access.index.get(&SubjectId::account(namespace, name)).copied();
    match namespace {
        0 => graph.namespaces.iter().skip(1).filter_map(known).collect(),
        _ => known(&graph.namespaces[place(namespace)]).into_iter().collect(),
    }
}
