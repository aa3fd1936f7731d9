use serde_json::{Map, Value};

use super::write::SERVER_VERSION;
use crate::{Object, Snapshot, Source, object::NotAnObject, rules};

/// Repeated keys of one document that are told about.
const REPEATED_KEYS_TOLD: usize = 8;

/// Takes parsed documents into a snapshot, an item of a list at a time: a dump is never in memory
/// as a tree.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    snapshot: &'a mut Snapshot,
    file: u32,
    document: u32,
    taken: usize,
    list: List,
    repeated: usize,
}

/// The items of a list whose own kind is not known yet: `items` comes before `kind`.
#[derive(Debug, Default)]
struct List {
    /// Items that said what they are, and were taken.
    typed: usize,
    /// The others, as compact JSON with place and line.
    untyped: Vec<(Box<str>, Source)>,
    next: u32,
}

impl<'a> Intake<'a> {
    pub(super) fn new(snapshot: &'a mut Snapshot, file: u32) -> Self {
        Self { snapshot, file, document: 0, taken: 0, list: List::default(), repeated: 0 }
    }

    /// Whether a document of this file was understood.
    pub(super) fn took_any(&self) -> bool {
        self.taken > 0
    }

    /// Begins the next document.
    pub(super) fn begin(&mut self) {
        self.document += 1;
        self.list = List::default();
        self.repeated = 0;
    }

    /// Takes an element of the document's `items`.
    pub(super) fn item(&mut self, value: Value, line: u32) {
        let source =
            Source { file: self.file, document: self.document, item: Some(self.list.next), line };
        self.list.next = self.list.next.saturating_add(1);
        let typed = |key| value.get(key).is_some_and(Value::is_string);
        if typed("kind") && typed("apiVersion") {
            self.list.typed += 1;
            self.admit(value, None, source);
        } else {
            self.list.untyped.push((value.to_string().into_boxed_str(), source));
        }
    }

    /// Ends the document; `root` is all of it but its `items`.
    pub(super) fn end(&mut self, root: Value, line: u32) {
        self.taken += 1;
        let list = std::mem::take(&mut self.list);
        let source = Source { file: self.file, document: self.document, item: None, line };
        let mut map = match root {
            Value::Object(map) => map,
            Value::Null => return,
            Value::Array(values) => {
                self.list = list;
                values.into_iter().for_each(|value| self.item(value, line));
                let list = std::mem::take(&mut self.list);
                return self.untyped(list, None);
            }
            _ => {
                self.snapshot.foreign_documents += 1;
                return;
            }
        };
        let text = |key| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let is_list = kind.as_deref().is_some_and(|kind| kind.ends_with("List"));
        if is_list || list.typed > 0 {
            let item_kind = kind.as_deref().and_then(|kind| kind.strip_suffix("List"));
            let item_kind = item_kind.filter(|kind| !kind.is_empty());
            self.gaps_of(&mut map);
            self.untyped(list, api_version.as_deref().zip(item_kind));
        } else {
            if !list.untyped.is_empty() {
                let parse = |(text, _): (Box<str>, Source)| serde_json::from_str(&text).ok();
                let items = list.untyped.into_iter().filter_map(parse).collect();
                map.insert("items".into(), Value::Array(items));
            }
            self.admit(Value::Object(map), None, source);
        }
    }

    /// A key that stands twice in one mapping of the document.
    pub(super) fn repeated_key(&mut self, path: &str) {
        self.repeated += 1;
        if self.repeated <= REPEATED_KEYS_TOLD {
            let why = format!("the key {path} stands twice; the last one counts");
            let object = self.name();
            self.snapshot.gap(rules::OBJECT_AMBIGUOUS, object, why);
        }
    }

    /// The document cannot be understood, or not beyond what was taken.
    pub(super) fn broken(&mut self, line: usize, reason: &str, hint: &str) {
        let list = std::mem::take(&mut self.list);
        self.untyped(list, None);
        let why = format!("line {line}: {reason}{hint}");
        let object = self.name();
        self.snapshot.gap(rules::MANIFEST_NOT_UNDERSTOOD, object, why);
    }

    fn name(&self) -> String {
        let file = usize::try_from(self.file).ok().and_then(|file| self.snapshot.files.get(file));
        format!("{} document {}", file.map_or("?", String::as_str), self.document)
    }

    /// A snapshot that was written remembers what could not be read when it was taken, and of whom.
    fn gaps_of(&mut self, map: &mut Map<String, Value>) {
        let gaps = map.remove("gaps").map(serde_json::from_value::<Vec<_>>);
        self.snapshot.gaps.extend(gaps.into_iter().flatten().flatten());
        let annotations = map.get("metadata").and_then(|metadata| metadata.get("annotations"));
        let version = annotations.and_then(|all| all.get(SERVER_VERSION)?.as_str());
        if let Some(version) = version {
            self.snapshot.server_version = Some(version.to_owned());
        }
    }

    fn untyped(&mut self, list: List, inherited: Option<(&str, &str)>) {
        for (text, source) in list.untyped {
            match serde_json::from_str(&text) {
                Ok(value) => self.admit(value, inherited, source),
                Err(error) => {
                    let place = self.snapshot.place(source);
                    self.snapshot.gap(rules::MANIFEST_NOT_UNDERSTOOD, place, error.to_string());
                }
            }
        }
    }

    /// Takes an object; of a list within a list, its items. The nesting of values bounds this one.
    fn admit(&mut self, mut value: Value, inherited: Option<(&str, &str)>, source: Source) {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let item_kind = kind.as_deref().and_then(|kind| kind.strip_suffix("List"));
        if let (Some(item_kind), Some(Value::Array(items))) = (item_kind, value.get_mut("items")) {
            let items = std::mem::take(items);
            let inherited = api_version.as_deref().zip(Some(item_kind));
            let inherited = inherited.filter(|(_, kind)| !kind.is_empty());
            items.into_iter().for_each(|item| self.admit(item, inherited, source));
            return;
        }
        match Object::new(value, inherited, source) {
            Ok(object) => self.push(object),
            // In a folder there are other documents; in a list everything should be an object.
            Err(NotAnObject::NoType) if source.item.is_none() => {
                self.snapshot.foreign_documents += 1;
            }
            Err(error) => {
                let place = self.snapshot.place(source);
                self.snapshot.gap(rules::MANIFEST_NOT_UNDERSTOOD, place, error.to_string());
            }
        }
    }

    fn push(&mut self, object: Object) {
        if object.name.is_empty() && !NAMELESS_KINDS.contains(&object.kind.as_str()) {
            let place = format!("{} ({})", object.title(), self.snapshot.place(object.source));
            let why = "has no name; no server would take it".to_owned();
            self.snapshot.gap(rules::OBJECT_UNNAMED, place, why);
        }
        self.snapshot.objects.push(object);
    }
}

/// Configuration files in the form of objects, which nobody sends to a server.
const NAMELESS_KINDS: &[&str] = &[
    "AdmissionConfiguration",
    "AuditPolicy",
    "Cluster",
    "ClusterConfiguration",
    "Component",
    "Config",
    "EncryptionConfiguration",
    "InitConfiguration",
    "JoinConfiguration",
    "KubeletConfiguration",
    "KubeProxyConfiguration",
    "KubeSchedulerConfiguration",
    "Kustomization",
    "PodSecurityConfiguration",
    "Policy",
];
