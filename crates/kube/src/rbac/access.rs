use std::collections::{BTreeMap, HashMap};

use cofferdam_finding::Gap;
use serde::Deserialize;

use super::subject::SubjectId;
use crate::{
    Object, Snapshot, ViewError,
    api::{AggregationRule, ClusterRole, PolicyRule, RoleRef, Subject, null_is_default},
    rules,
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Roles, bindings and subjects of a snapshot.
#[derive(Debug, Default)]
pub struct Access {
    /// Roles and ClusterRoles.
    pub roles: Vec<RoleEntry>,
    /// Bindings whose role exists; those that dangle are gaps of none: the server ignores them.
    pub bindings: Vec<Bound>,
    /// Everybody whom a binding names, and every service account that exists.
    pub subjects: Vec<SubjectId>,
    /// Bindings of each subject, by index.
    pub(super) bound: Vec<Vec<u32>>,
    /// Index of each subject.
    pub(super) index: HashMap<SubjectId, u32>,
    /// Index of each role, by the namespace of a Role and the name.
    role_index: HashMap<(Option<String>, String), u32>,
    /// For each role, those that take its rules over by aggregation.
    pub(super) aggregators: Vec<Vec<u32>>,
    /// For each role, those whose rules it takes over.
    pub(super) aggregated: Vec<Vec<u32>>,
    /// Bindings to roles that do not exist, as object titles with the role.
    pub dangling: Vec<(String, String)>,
    /// Objects that could not be understood.
    pub gaps: Vec<Gap>,
}

/// A Role or ClusterRole.
#[derive(Debug, Clone)]
pub struct RoleEntry {
    /// Which of the two.
    pub kind: RoleKind,
    /// Name.
    pub name: String,
    /// Its own rules; what it aggregates comes on top.
    pub rules: Vec<PolicyRule>,
    /// Index of its object in the snapshot.
    pub object: usize,
}

/// Where a role can be bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RoleKind {
    /// Anywhere.
    Cluster,
    /// In this namespace.
    Namespaced(String),
}

/// A binding of a role that exists.
#[derive(Debug, Clone)]
pub struct Bound {
    /// Name of the binding.
    pub name: String,
    /// Namespace that it holds in; none for all of the cluster.
    pub namespace: Option<String>,
    /// Index of the role.
    pub role: u32,
    /// Indices of the subjects.
    pub subjects: Vec<u32>,
    /// Index of its object in the snapshot.
    pub object: usize,
}

/// A Role without what is not looked at here: there may be a hundred thousand.
#[derive(Deserialize)]
struct RulesOnly {
    #[serde(default, deserialize_with = "null_is_default")]
    rules: Vec<PolicyRule>,
}

/// A binding, likewise.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BindingOnly {
    #[serde(default, deserialize_with = "null_is_default")]
    subjects: Vec<Subject>,
    #[serde(default, deserialize_with = "null_is_default")]
    role_ref: RoleRef,
}

impl RoleEntry {
    /// `ClusterRole admin`, `Role shop/reader`.
    pub fn title(&self) -> String {
        match &self.kind {
            RoleKind::Cluster => format!("ClusterRole {}", self.name),
            RoleKind::Namespaced(namespace) => format!("Role {namespace}/{}", self.name),
        }
    }
}

impl Bound {
    /// `ClusterRoleBinding ops`, `RoleBinding shop/ops`.
    pub fn title(&self) -> String {
        match &self.namespace {
            None => format!("ClusterRoleBinding {}", self.name),
            Some(namespace) => format!("RoleBinding {namespace}/{}", self.name),
        }
    }
}

impl Access {
    /// Takes roles, bindings and service accounts out of `snapshot`.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut access = Self::default();
        let mut aggregations = Vec::new();
        let mut labels = Vec::new();
        let current =
            || snapshot.objects.iter().enumerate().filter(|(_, object)| !object.superseded);
        for (index, object) in current().filter(|(_, object)| object.group == GROUP) {
            let read = match object.kind.as_str() {
                "Role" => access.add_role(index, object, &mut labels),
                "ClusterRole" => {
                    access.add_cluster_role(index, object, &mut labels, &mut aggregations)
                }
                _ => continue,
            };
            access.note(snapshot, object, read);
        }
        access.aggregate(&labels, &aggregations, snapshot);
        access.bind(snapshot);
        for (_, object) in current().filter(|(_, object)| object.is("", "ServiceAccount")) {
            access.intern(SubjectId::account(object.namespace_or_default(), &object.name));
        }
        access
    }

    fn note(&mut self, snapshot: &Snapshot, object: &Object, read: Result<(), ViewError>) {
        if let Err(error) = read {
            self.gaps.push(Gap {
                rule: rules::OBJECT_NOT_UNDERSTOOD.into(),
                object: format!("{} ({})", object.title(), snapshot.place(object.source)),
                why: error.to_string(),
            });
        }
    }

    fn add_role(
        &mut self,
        index: usize,
        object: &Object,
        labels: &mut Vec<BTreeMap<String, String>>,
    ) -> Result<(), ViewError> {
        let role: RulesOnly = object.view()?;
        let kind = RoleKind::Namespaced(object.namespace_or_default().to_owned());
        labels.push(BTreeMap::new());
        self.roles.push(RoleEntry {
            kind,
            name: object.name.clone(),
            rules: role.rules,
            object: index,
        });
        Ok(())
    }

    fn add_cluster_role(
        &mut self,
        index: usize,
        object: &Object,
        labels: &mut Vec<BTreeMap<String, String>>,
        aggregations: &mut Vec<(u32, AggregationRule)>,
    ) -> Result<(), ViewError> {
        let role: ClusterRole = object.view()?;
        if let Some(rule) = role.aggregation_rule {
            aggregations.push((number(self.roles.len()), rule));
        }
        labels.push(role.metadata.labels);
        let (kind, name) = (RoleKind::Cluster, object.name.clone());
        self.roles.push(RoleEntry { kind, name, rules: role.rules, object: index });
        Ok(())
    }

    /// Links roles with those whose rules they take over. Cycles stay cycles: nothing here follows
    /// them without a mark on what it has seen.
    fn aggregate(
        &mut self,
        labels: &[BTreeMap<String, String>],
        aggregations: &[(u32, AggregationRule)],
        snapshot: &Snapshot,
    ) {
        self.aggregators = vec![Vec::new(); self.roles.len()];
        self.aggregated = vec![Vec::new(); self.roles.len()];
        if aggregations.is_empty() {
            return;
        }
        let mut by_label: HashMap<(&str, &str), Vec<u32>> = HashMap::new();
        let cluster: Vec<u32> = (0..number(self.roles.len()))
            .filter(|role| self.roles[place(*role)].kind == RoleKind::Cluster)
            .collect();
        for role in &cluster {
            for (key, value) in &labels[place(*role)] {
                by_label.entry((key, value)).or_default().push(*role);
            }
        }
        for (role, rule) in aggregations {
            let mut taken: Vec<u32> = Vec::new();
            for selector in &rule.cluster_role_selectors {
                let candidates = match selector.match_labels.iter().next() {
                    Some((key, value)) => {
                        by_label.get(&(key.as_str(), value.as_str())).map_or(&[][..], Vec::as_slice)
                    }
                    None => &cluster,
                };
                for candidate in candidates {
                    match selector.selects(&labels[place(*candidate)]) {
                        Some(true) if candidate != role => taken.push(*candidate),
                        Some(_) => {}
                        None => {
                            let object = &snapshot.objects[self.roles[place(*role)].object];
                            self.gaps.push(Gap {
                                rule: rules::OBJECT_NOT_UNDERSTOOD.into(),
                                object: object.title(),
                                why: "aggregationRule: an operator is not known".into(),
                            });
                            break;
                        }
                    }
                }
            }
            taken.sort_unstable();
            taken.dedup();
            for one in &taken {
                self.aggregators[place(*one)].push(*role);
            }
            self.aggregated[place(*role)] = taken;
        }
    }

    fn bind(&mut self, snapshot: &Snapshot) {
        for (index, role) in self.roles.iter().enumerate() {
            let namespace = role.kind.namespace().map(str::to_owned);
            self.role_index.insert((namespace, role.name.clone()), number(index));
        }
        let mut key = (None, String::new());
        for (index, object) in snapshot.objects.iter().enumerate() {
            let in_namespace = match object.kind.as_str() {
                "RoleBinding" => true,
                "ClusterRoleBinding" => false,
                _ => continue,
            };
            if object.group != GROUP || object.superseded {
                continue;
            }
            let binding: BindingOnly = match object.view() {
                Ok(binding) => binding,
                Err(error) => {
                    self.note(snapshot, object, Err(error));
                    continue;
                }
            };
            let namespace = in_namespace.then(|| object.namespace_or_default().to_owned());
            let is_role = binding.role_ref.kind == "Role";
            key.0 = if is_role { namespace.clone() } else { None };
            key.1.clone_from(&binding.role_ref.name);
            // A ClusterRoleBinding cannot name a Role.
            let role = if is_role && !in_namespace { None } else { self.role_index.get(&key) };
            let Some(role) = role.copied() else {
                let role = format!("{} {}", binding.role_ref.kind, binding.role_ref.name);
                self.dangling.push((object.title(), role));
                continue;
            };
            let mut subjects: Vec<u32> = Vec::with_capacity(binding.subjects.len());
            for subject in &binding.subjects {
                let id = match subject.kind.as_str() {
                    "User" => SubjectId::user(&subject.name),
                    "Group" => SubjectId::group(&subject.name),
                    "ServiceAccount" => {
                        let own = namespace.as_deref().unwrap_or_default();
                        let place =
                            if subject.namespace.is_empty() { own } else { &subject.namespace };
                        if place.is_empty() {
                            continue; // Matches nobody, and the server would not take it.
                        }
                        SubjectId::account(place, &subject.name)
                    }
                    _ => continue,
                };
                subjects.push(self.intern(id));
            }
            subjects.sort_unstable();
            subjects.dedup();
            let bound = number(self.bindings.len());
            for subject in &subjects {
                self.bound[place(*subject)].push(bound);
            }
            let name = object.name.clone();
            self.bindings.push(Bound { name, namespace, role, subjects, object: index });
        }
    }

    /// The index of a role.
    pub(super) fn role(&self, kind: &RoleKind, name: &str) -> Option<u32> {
        let namespace = kind.namespace().map(str::to_owned);
        self.role_index.get(&(namespace, name.to_owned())).copied()
    }

    /// The index of a subject, which is a new one if it was not known.
    pub(super) fn intern(&mut self, id: SubjectId) -> u32 {
        if let Some(index) = self.index.get(&id) {
            return *index;
        }
        let index = number(self.subjects.len());
        self.subjects.push(id.clone());
        self.bound.push(Vec::new());
        self.index.insert(id, index);
        index
    }

    /// The role itself and all whose rules it takes over, each once.
    pub(super) fn sources_of(&self, role: u32) -> Vec<u32> {
        reach(role, &self.aggregated)
    }
}

fn reach(start: u32, edges: &[Vec<u32>]) -> Vec<u32> {
    if edges[place(start)].is_empty() {
        return vec![start];
    }
    let mut seen = vec![start];
    let mut marks = std::collections::HashSet::from([start]);
    let mut next = 0;
    while let Some(node) = seen.get(next).copied() {
        next += 1;
        for to in &edges[place(node)] {
            if marks.insert(*to) {
                seen.push(*to);
            }
        }
    }
    seen
}

/// Indices are 32 bits: a snapshot is bounded far below that.
pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a snapshot has fewer than four thousand million objects")
}

/// An index as the standard library wants it.
pub(super) fn place(index: u32) -> usize {
    usize::try_from(index).expect("32 bits fit")
}
