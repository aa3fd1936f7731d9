use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// Annotations that repeat the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// One object of the API, of a kind known or unknown.
///
/// The body is kept as compact JSON text and parsed where it is looked at: a dump of 100,000 objects
/// costs little more memory than its text, and kinds that nothing here knows survive unchanged. Left
/// out are `metadata.managedFields`, the annotation in which `kubectl apply` repeats the object, and
/// the values of Secrets (their keys stay).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// API group; empty for the core group.
    pub group: String,
    /// Version within the group: `v1`, `v1beta1`.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; none for cluster-scoped objects, and where a manifest leaves it open.
    pub namespace: Option<String>,
    /// Name; empty if the object has none, `prefix*` if the server is to generate it.
    pub name: String,
    /// Where it was read from.
    pub source: Source,
    /// Whether a later object of the same kind, namespace and name takes its place.
    pub superseded: bool,
    /// The whole object as JSON.
    pub body: Box<str>,
}

/// Where an object was read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// Index into [`Snapshot::files`](crate::Snapshot::files).
    pub file: u32,
    /// Document within the file, from 1.
    pub document: u32,
    /// Place within the document's `items`, from 0.
    pub item: Option<u32>,
    /// Line on which the object begins, from 1; 0 where it is not known.
    pub line: u32,
}

/// An object is not what its kind says.
#[derive(Debug, Error)]
#[error("{field}: {reason}")]
pub struct ViewError {
    /// Path of the field: `spec.containers[0].image`; `.` for the object itself.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Why a value is not an object of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NotAnObject {
    #[error("it is not a mapping")]
    NotAMapping,
    #[error("it has no kind and no apiVersion")]
    NoType,
    #[error("apiVersion and kind have to be texts")]
    TypeIsNoText,
    #[error("metadata has to be a mapping with texts for name and namespace")]
    Metadata,
}

impl Object {
    /// Takes an object out of a parsed document; `inherited` is the type of a list's items.
    pub(crate) fn new(
        mut value: Value,
        inherited: Option<(&str, &str)>,
        source: Source,
    ) -> Result<Self, NotAnObject> {
        let map = value.as_object_mut().ok_or(NotAnObject::NotAMapping)?;
        if let Some((api_version, kind)) = inherited {
            map.entry("apiVersion").or_insert_with(|| api_version.into());
            map.entry("kind").or_insert_with(|| kind.into());
        }
        let (api_version, kind) = match (map.get("apiVersion"), map.get("kind")) {
            (Some(Value::String(api_version)), Some(Value::String(kind))) => {
                (api_version.clone(), kind.clone())
            }
            (None, _) | (_, None) => return Err(NotAnObject::NoType),
            _ => return Err(NotAnObject::TypeIsNoText),
        };
        prune(map, &api_version, &kind);
        let (namespace, name) = names(map)?;
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        Ok(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind,
            namespace,
            name,
            source,
            superseded: false,
            body: value.to_string().into_boxed_str(),
        })
    }

    /// Whether this is a `kind` of `group`, in whatever version.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.kind == kind && self.group == group
    }

    /// The namespace it is in, or goes into when nothing else is said.
    pub fn namespace_or_default(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    /// The object as a type of [`api`](crate::api), or as one of the caller's own.
    ///
    /// # Errors
    /// If a field has another type than its kind defines.
    pub fn view<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ViewError> {
        // The path is only followed where there is an error to tell about.
        serde_json::from_str(&self.body).or_else(|_| {
            let mut deserializer = serde_json::Deserializer::from_str(&self.body);
            serde_path_to_error::deserialize(&mut deserializer).map_err(|error| ViewError {
                field: error.path().to_string(),
                reason: without_position(&error.inner().to_string()),
            })
        })
    }

    /// How reports call it: `Deployment shop/web`, `ClusterRole admin`.
    pub fn title(&self) -> String {
        let name = if self.name.is_empty() { "(unnamed)" } else { &self.name };
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{name}", self.kind),
            None => format!("{} {name}", self.kind),
        }
    }
}

/// Positions in the compacted text mean nothing to anybody.
fn without_position(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

fn prune(map: &mut Map<String, Value>, api_version: &str, kind: &str) {
    if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
        metadata.remove("managedFields");
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(LAST_APPLIED);
        }
    }
    if api_version == "v1" && kind == "Secret" {
        for field in ["data", "stringData"] {
            if let Some(Value::Object(data)) = map.get_mut(field) {
                data.values_mut().for_each(|value| *value = "".into());
            }
        }
    }
}

fn names(map: &Map<String, Value>) -> Result<(Option<String>, String), NotAnObject> {
    let metadata = match map.get("metadata") {
        None | Some(Value::Null) => return Ok((None, String::new())),
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(NotAnObject::Metadata),
    };
    let text = |key: &str| match metadata.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(NotAnObject::Metadata),
    };
    let generated = || Ok(text("generateName")?.map(|prefix| format!("{prefix}*")));
    let name = text("name")?.map_or_else(generated, |name| Ok(Some(name)))?;
    Ok((text("namespace")?, name.unwrap_or_default()))
}
