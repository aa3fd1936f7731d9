//! A cluster as kubectl shows it.

use std::cell::OnceCell;

use serde_json::{Map, Value, json};

use super::table::{self, Kind};
use crate::{
    Snapshot,
    rbac::{Access, Request, SubjectId, Target},
};

/// A snapshot that commands ask.
#[derive(Debug)]
pub struct Cluster<'a> {
    snapshot: &'a Snapshot,
    access: OnceCell<Access>,
}

/// Which objects are asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection<'q> {
    /// Namespace; all of them if none.
    pub(super) namespace: Option<&'q str>,
    /// Name; all of them if none.
    pub(super) name: Option<&'q str>,
    /// Labels that have to be there, or must not.
    pub(super) labels: Vec<(String, Option<String>, bool)>,
    /// Fields and what they have to be, or must not be.
    pub(super) fields: Vec<(String, String, bool)>,
}

impl<'a> Cluster<'a> {
    /// Answers from `snapshot`.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, access: OnceCell::new() }
    }

    /// The objects of a kind that a selection takes; an error if the snapshot does not show the kind.
    pub(super) fn objects(
        &self,
        name: &str,
        selection: &Selection<'_>,
    ) -> Result<(Option<Kind>, Vec<Value>), String> {
        let known = table::find(name);
        let is_of = |group: &str, kind: &str| match known {
            Some(known) => known.kind == kind && known.group == group,
            None => is_named(kind, group, name),
        };
        let mut any = false;
        let mut found = Vec::new();
        for object in &self.snapshot.objects {
            if object.superseded || !is_of(&object.group, &object.kind) {
                continue;
            }
            any = true;
            let namespaced = known.is_none_or(|known| known.namespaced);
            let elsewhere = namespaced
                && selection
                    .namespace
                    .is_some_and(|wanted| object.namespace_or_default() != wanted);
            if elsewhere || selection.name.is_some_and(|wanted| object.name != wanted) {
                continue;
            }
            let value: Value = serde_json::from_str(&object.body).map_err(|e| e.to_string())?;
            if selection.takes(&value) {
                found.push(value);
            }
        }
        if !any && known.is_none_or(|known| known.everywhere) {
            return Err(format!("the snapshot of the cluster has no {name}"));
        }
        Ok((known, found))
    }

    /// Whether somebody may do something.
    pub(super) fn allows(&self, user: &str, groups: &[String], request: &Request) -> bool {
        let access = self.access.get_or_init(|| Access::of(self.snapshot));
        access.allows(&SubjectId::user(user), groups, request)
    }

    /// Whether the snapshot shows roles at all.
    pub(super) fn shows_roles(&self) -> bool {
        self.snapshot.of("rbac.authorization.k8s.io", "ClusterRoleBinding").next().is_some()
    }
}

/// A request for a resource of the core group or another one.
pub(super) fn request(verb: &str, resource: &str, namespace: Option<&str>) -> Request {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
    let known = table::find(resource);
    let resource = known.map_or(resource, |kind| kind.plural).to_owned();
    let group = known.map_or(group, |kind| kind.group).to_owned();
    let (namespace, subresource) = (namespace.map(str::to_owned), subresource.to_owned());
    let target = Target::Resource { group, resource, subresource, name: String::new(), namespace };
    Request { verb: verb.to_owned(), target }
}

/// Whether a kind that is in no table is asked for by `name`.
fn is_named(kind: &str, group: &str, name: &str) -> bool {
    let lower = kind.to_ascii_lowercase();
    let wanted = name.to_ascii_lowercase();
    let (first, in_group) = wanted.split_once('.').unwrap_or((&wanted, ""));
    let plural = match lower.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if lower.ends_with('s') => format!("{lower}es"),
        None => format!("{lower}s"),
    };
    (first == lower || first == plural) && (in_group.is_empty() || in_group == group)
}

impl Selection<'_> {
    fn takes(&self, value: &Value) -> bool {
        let labels = &value["metadata"]["labels"];
        let by_label = self.labels.iter().all(|(key, wanted, positive)| {
            let has = match (labels.get(key).and_then(Value::as_str), wanted) {
                (Some(label), Some(wanted)) => label == wanted,
                (label, None) => label.is_some(),
                (None, Some(_)) => false,
            };
            has == *positive
        });
        by_label
            && self.fields.iter().all(|(path, wanted, positive)| {
                let field = path.split('.').try_fold(value, |value, key| value.get(key));
                let field = field.and_then(Value::as_str).unwrap_or_default();
                (field == wanted) == *positive
            })
    }
}

/// Objects as the list that `kubectl get` makes of them.
pub(super) fn list(items: Vec<Value>) -> Value {
    let mut list = Map::new();
    list.insert("apiVersion".into(), "v1".into());
    list.insert("items".into(), Value::Array(items));
    list.insert("kind".into(), "List".into());
    list.insert("metadata".into(), json!({"resourceVersion": ""}));
    Value::Object(list)
}
