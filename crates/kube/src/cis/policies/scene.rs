//! What all checks look at.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::Gap;

use super::{Answer, Seen};
use crate::{
    Object, Snapshot, Workload, Workloads,
    api::{Metadata, ServiceAccount},
    rbac::{Access, Bound, RoleKind, SubjectId},
};

/// Namespaces of the system itself.
const SYSTEM: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];
/// What the API server labels the roles and bindings with that it makes itself.
const BOOTSTRAPPING: &str = "kubernetes.io/bootstrapping";

/// A snapshot, and what is made of it once.
pub(super) struct Scene<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) access: Access,
    found: Workloads<'a>,
    /// Service accounts by namespace and name, and whether pods get their token.
    pub(super) accounts: BTreeMap<(&'a str, &'a str), bool>,
}

impl<'a> Scene<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let account = |object: &'a Object| {
            let view: ServiceAccount = object.view().ok()?;
            let mounts = view.automount_service_account_token != Some(false);
            Some(((object.namespace_or_default(), object.name.as_str()), mounts))
        };
        Self {
            snapshot,
            access: Access::of(snapshot),
            found: snapshot.workloads(),
            accounts: snapshot.of("", "ServiceAccount").filter_map(account).collect(),
        }
    }

    pub(super) fn gaps(&self) -> Vec<Gap> {
        self.found.gaps.iter().chain(&self.access.gaps).cloned().collect()
    }

    /// Workloads outside of the system's namespaces.
    pub(super) fn workloads(&self) -> impl Iterator<Item = &Workload<'a>> {
        self.found.workloads.iter().filter(|one| !is_system(one.namespace()))
    }

    pub(super) fn all_workloads(&self) -> &[Workload<'a>] {
        &self.found.workloads
    }

    /// Namespaces of the cluster's owner: those that exist, and those that something is in.
    pub(super) fn namespaces(&self) -> BTreeSet<&str> {
        let named = self.snapshot.of("", "Namespace").map(|object| object.name.as_str());
        let used = self.workloads().map(|one| one.namespace());
        named.chain(used).filter(|name| !is_system(name)).collect()
    }

    /// Something about an object.
    pub(super) fn seen(&self, object: &Object, saw: impl Into<String>) -> Seen {
        Seen { subject: object.title(), place: self.snapshot.place(object.source), saw: saw.into() }
    }

    /// Bindings of the cluster's owner with the subjects that count, by their indices.
    pub(super) fn bindings(&self) -> impl Iterator<Item = (&Bound, Vec<&SubjectId>)> {
        self.access.bindings.iter().filter_map(|binding| {
            let is_own = !is_default(&self.snapshot.objects[binding.object]);
            let subjects = binding
                .subjects
                .iter()
                .filter_map(|index| self.access.subjects.get(usize::try_from(*index).ok()?));
            let subjects: Vec<&SubjectId> =
                subjects.filter(|subject| !is_of_system(subject)).collect();
            (is_own && !subjects.is_empty()).then_some((binding, subjects))
        })
    }

    /// Unknown if the snapshot shows no bindings at all, or no cluster roles for them to name: every
    /// cluster has some. What is seen is told all the same.
    pub(super) fn with_access(&self, answer: impl FnOnce() -> Vec<Seen>) -> Answer {
        if self.access.bindings.is_empty() && self.access.dangling.is_empty() {
            return Answer::Unknown("the dump has no role bindings".into());
        }
        let seen = answer();
        let has_roles = self.access.roles.iter().any(|role| role.kind == RoleKind::Cluster);
        if seen.is_empty() && !has_roles && !self.access.dangling.is_empty() {
            return Answer::Unknown("the dump has bindings but no cluster roles".into());
        }
        Answer::Seen(seen)
    }

    /// Unknown if the snapshot shows nothing that runs pods.
    pub(super) fn with_workloads(&self, answer: impl FnOnce() -> Vec<Seen>) -> Answer {
        if self.found.workloads.is_empty() {
            return Answer::Unknown("the dump has no workloads".into());
        }
        Answer::Seen(answer())
    }
}

/// Whether a namespace is the system's.
pub(super) fn is_system(namespace: &str) -> bool {
    SYSTEM.contains(&namespace)
}

/// Whether the API server made the object itself.
pub(super) fn is_default(object: &Object) -> bool {
    let labelled = object
        .view::<Metadata>()
        .is_ok_and(|view| view.metadata.labels.contains_key(BOOTSTRAPPING));
    labelled || object.name.starts_with("system:")
}

/// Whether a subject is a part of the control plane.
fn is_of_system(subject: &SubjectId) -> bool {
    match subject {
        SubjectId::User { name } => {
            name.starts_with("system:kube-") || name.starts_with("system:node")
        }
        SubjectId::Group { name } => {
            matches!(name.as_str(), "system:masters" | "system:nodes" | "kubeadm:cluster-admins")
        }
        SubjectId::ServiceAccount { namespace, .. } => namespace == "kube-system",
    }
}
