//! 5.1: roles, bindings, service accounts.

use std::collections::BTreeSet;

use super::{
    Answer, Seen,
    scene::{Scene, is_default, is_system},
};
use crate::rbac::{Request, RoleKind, SubjectId, Target, rule_allows};

/// The group of roles and bindings.
const RBAC: &str = "rbac.authorization.k8s.io";
/// The group that the API server asks no rule about.
const MASTERS: &str = "system:masters";
/// Names that are told; the rest as a number.
const TOLD: usize = 5;

/// Verbs on a resource of a group: `nodes/proxy` of the core group.
type Asked = (&'static [&'static str], &'static str, &'static str);

pub(super) fn cluster_admin(scene: &Scene<'_>) -> Answer {
    scene.with_access(|| {
        let is_admin = |binding: &crate::rbac::Bound| {
            let role = usize::try_from(binding.role).ok();
            role.and_then(|role| scene.access.roles.get(role))
                .is_some_and(|role| role.kind == RoleKind::Cluster && role.name == "cluster-admin")
        };
        let bindings = scene.bindings().filter(|(binding, _)| is_admin(binding));
        bindings
            .map(|(binding, subjects)| {
                let object = &scene.snapshot.objects[binding.object];
                scene.seen(object, format!("cluster-admin for {}", names(&subjects)))
            })
            .collect()
    })
}

fn names(subjects: &[&SubjectId]) -> String {
    let mut told: Vec<String> = subjects.iter().take(TOLD).map(ToString::to_string).collect();
    if subjects.len() > TOLD {
        told.push(format!("{} more", subjects.len() - TOLD));
    }
    told.join(", ")
}

/// Bindings that permit one of the things asked for.
fn granting(scene: &Scene<'_>, asked: &[Asked]) -> Answer {
    let mut requests = Vec::new();
    for (verbs, group, resource) in asked {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        for verb in *verbs {
            let target = Target::Resource {
                group: (*group).to_owned(),
                resource: resource.to_owned(),
                subresource: subresource.to_owned(),
                name: String::new(),
                namespace: None,
            };
            requests.push(Request { verb: (*verb).to_owned(), target });
        }
    }
    scene.with_access(|| {
        let mut seen = Vec::new();
        for (binding, subjects) in scene.bindings() {
            let rules = scene.access.rules_of(binding);
            let permits = |request: &&Request| rules.iter().any(|rule| rule_allows(rule, request));
            let permitted: BTreeSet<String> = requests.iter().filter(permits).map(told).collect();
            if !permitted.is_empty() {
                let permitted = permitted.into_iter().collect::<Vec<_>>().join(", ");
                let saw = format!("{permitted} for {}", names(&subjects));
                seen.push(scene.seen(&scene.snapshot.objects[binding.object], saw));
            }
        }
        seen
    })
}

fn told(request: &Request) -> String {
    match &request.target {
        Target::Resource { resource, subresource, .. } if subresource.is_empty() => {
            format!("{} {resource}", request.verb)
        }
        Target::Resource { resource, subresource, .. } => {
            format!("{} {resource}/{subresource}", request.verb)
        }
        Target::Path(path) => format!("{} {path}", request.verb),
    }
}

pub(super) fn secrets(scene: &Scene<'_>) -> Answer {
    granting(scene, &[(&["get", "list", "watch"], "", "secrets")])
}

pub(super) fn pod_creation(scene: &Scene<'_>) -> Answer {
    granting(scene, &[(&["create"], "", "pods")])
}

pub(super) fn volume_creation(scene: &Scene<'_>) -> Answer {
    granting(scene, &[(&["create"], "", "persistentvolumes")])
}

pub(super) fn node_proxy(scene: &Scene<'_>) -> Answer {
    granting(scene, &[(&["get", "create", "update", "patch", "delete"], "", "nodes/proxy")])
}

pub(super) fn request_approval(scene: &Scene<'_>) -> Answer {
    let group = "certificates.k8s.io";
    granting(scene, &[(&["update", "patch"], group, "certificatesigningrequests/approval")])
}

pub(super) fn webhook_writing(scene: &Scene<'_>) -> Answer {
    const WRITES: &[&str] = &["create", "update", "patch", "delete"];
    let group = "admissionregistration.k8s.io";
    granting(
        scene,
        &[
            (WRITES, group, "validatingwebhookconfigurations"),
            (WRITES, group, "mutatingwebhookconfigurations"),
        ],
    )
}

pub(super) fn token_creation(scene: &Scene<'_>) -> Answer {
    granting(scene, &[(&["create"], "", "serviceaccounts/token")])
}

pub(super) fn escalation(scene: &Scene<'_>) -> Answer {
    const WIDEN: &[&str] = &["bind", "escalate"];
    granting(
        scene,
        &[
            (WIDEN, RBAC, "roles"),
            (WIDEN, RBAC, "clusterroles"),
            (&["impersonate"], "", "users"),
            (&["impersonate"], "", "groups"),
            (&["impersonate"], "", "serviceaccounts"),
        ],
    )
}

pub(super) fn wildcards(scene: &Scene<'_>) -> Answer {
    scene.with_access(|| {
        let mut seen = Vec::new();
        for role in &scene.access.roles {
            let object = &scene.snapshot.objects[role.object];
            let of_system =
                matches!(&role.kind, RoleKind::Namespaced(namespace) if is_system(namespace));
            if of_system || is_default(object) {
                continue;
            }
            let mut fields = BTreeSet::new();
            for rule in &role.rules {
                for (field, values) in [
                    ("verbs", &rule.verbs),
                    ("resources", &rule.resources),
                    ("apiGroups", &rule.api_groups),
                ] {
                    if values.iter().any(|value| value == "*") {
                        fields.insert(field);
                    }
                }
            }
            if !fields.is_empty() {
                let fields: Vec<&str> = fields.into_iter().collect();
                seen.push(scene.seen(object, format!("* in {}", fields.join(", "))));
            }
        }
        seen
    })
}

pub(super) fn system_masters(scene: &Scene<'_>) -> Answer {
    scene.with_access(|| {
        let masters = SubjectId::group(MASTERS);
        let names_it = |binding: &&crate::rbac::Bound| {
            binding.subjects.iter().any(|index| {
                let subject = usize::try_from(*index).ok();
                subject.and_then(|index| scene.access.subjects.get(index)) == Some(&masters)
            })
        };
        let bindings = scene.access.bindings.iter().filter(names_it);
        let objects = bindings.map(|binding| &scene.snapshot.objects[binding.object]);
        let own = objects.filter(|object| !is_default(object) && object.name != "cluster-admin");
        own.map(|object| scene.seen(object, format!("it names the group {MASTERS}"))).collect()
    })
}

pub(super) fn default_account(scene: &Scene<'_>) -> Answer {
    if scene.accounts.is_empty() {
        return Answer::Unknown("the dump has no service accounts".into());
    }
    let mut seen = Vec::new();
    for object in scene.snapshot.of("", "ServiceAccount") {
        let key = (object.namespace_or_default(), object.name.as_str());
        if object.name == "default" && !is_system(key.0) && scene.accounts.get(&key) == Some(&true)
        {
            seen.push(scene.seen(object, "pods get its token"));
        }
    }
    for workload in scene.workloads() {
        if workload.service_account() == "default" {
            seen.push(scene.seen(workload.object, "it runs as the default account"));
        }
    }
    for (binding, subjects) in scene.bindings() {
        let is_default = |subject: &&&SubjectId| matches!(subject, SubjectId::ServiceAccount { name, .. } if name == "default");
        if let Some(account) = subjects.iter().find(is_default) {
            let object = &scene.snapshot.objects[binding.object];
            seen.push(scene.seen(object, format!("it gives {account} a role")));
        }
    }
    Answer::Seen(seen)
}

pub(super) fn needless_token(scene: &Scene<'_>) -> Answer {
    if scene.access.bindings.is_empty() {
        return Answer::Unknown("the dump has no role bindings".into());
    }
    let bound: BTreeSet<&SubjectId> = scene
        .access
        .bindings
        .iter()
        .flat_map(|binding| &binding.subjects)
        .filter_map(|index| scene.access.subjects.get(usize::try_from(*index).ok()?))
        .collect();
    scene.with_workloads(|| {
        let needless = |workload: &&crate::Workload<'_>| {
            let key = (workload.namespace(), workload.service_account());
            let by_account = scene.accounts.get(&key).copied().unwrap_or(true);
            let mounts = workload.spec.automount_service_account_token.unwrap_or(by_account);
            mounts && !bound.contains(&SubjectId::account(key.0, key.1))
        };
        let workloads = scene.workloads().filter(needless);
        workloads
            .map(|workload| {
                let account = workload.service_account();
                scene.seen(workload.object, format!("no role is bound to its account {account}"))
            })
            .collect::<Vec<Seen>>()
    })
}
