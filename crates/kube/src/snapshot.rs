use std::collections::{BTreeMap, HashMap};

use cofferdam_finding::Gap;
use serde::{Deserialize, Serialize};

use crate::{Object, Source, rules};

/// Everything that is known of a cluster, from wherever it came: the one input of every analysis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Names of the files that were read, as the user would find them.
    pub files: Vec<String>,
    /// All objects in the order in which they were read, those that nothing here knows included.
    pub objects: Vec<Object>,
    /// What could not be read or understood.
    pub gaps: Vec<Gap>,
    /// Documents without kind and apiVersion: values files, configuration of other programs.
    pub foreign_documents: usize,
    /// Version of the API server, where it was asked: `v1.34.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
}

/// How many objects of a kind there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Objects.
    pub count: usize,
}

impl Snapshot {
    /// The objects of a kind that count: not those that a later one of the same name replaces.
    pub fn of<'a>(&'a self, group: &'a str, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.is(group, kind) && !object.superseded)
    }

    /// Where an object stands: `deploy.yaml:12`, `dump.json items[7]`.
    pub fn place(&self, source: Source) -> String {
        let file = usize::try_from(source.file).ok().and_then(|index| self.files.get(index));
        let file = file.map_or("?", String::as_str);
        match (source.line, source.item) {
            (0, Some(item)) if source.document <= 1 => format!("{file} items[{item}]"),
            (0, Some(item)) => format!("{file} document {} items[{item}]", source.document),
            (0, None) => format!("{file} document {}", source.document),
            (line, _) => format!("{file}:{line}"),
        }
    }

    /// Kinds with their numbers, by group and kind.
    pub fn kinds(&self) -> Vec<KindCount> {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for object in self.objects.iter().filter(|object| !object.superseded) {
            *counts.entry((&object.group, &object.kind)).or_default() += 1;
        }
        let count = |((group, kind), count): ((&str, &str), usize)| KindCount {
            group: group.to_owned(),
            kind: kind.to_owned(),
            count,
        };
        counts.into_iter().map(count).collect()
    }

    /// Notes something that could not be understood about `object`.
    pub fn gap(&mut self, rule: &'static str, object: String, why: String) {
        self.gaps.push(Gap { rule: rule.into(), object, why });
    }

    /// Settles which of several objects of one name counts: the last, as when they are applied in
    /// order. Exact repetitions are dropped; different ones are gaps.
    pub(crate) fn settle_duplicates(&mut self) {
        let mut last: HashMap<(&str, &str, &str, &str), usize> = HashMap::new();
        let mut earlier: Vec<(usize, usize)> = Vec::new();
        for (index, object) in self.objects.iter().enumerate().rev() {
            if object.name.is_empty() || object.name.ends_with('*') {
                continue;
            }
            let namespace = object.namespace.as_deref().unwrap_or_default();
            match last.entry((&object.group, &object.kind, namespace, &object.name)) {
                std::collections::hash_map::Entry::Occupied(entry) => {
                    earlier.push((index, *entry.get()));
                }
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(index);
                }
            }
        }
        let mut repeated = vec![false; self.objects.len()];
        for (index, counts) in earlier {
            let (object, other) = (&self.objects[index], &self.objects[counts]);
            repeated[index] = object.body == other.body;
            if !repeated[index] {
                let place = self.place(object.source);
                let why = format!(
                    "is defined differently at {} too, which counts where only one can",
                    self.place(other.source)
                );
                let title = format!("{} ({place})", object.title());
                self.gap(rules::OBJECT_AMBIGUOUS, title, why);
                self.objects[index].superseded = true;
            }
        }
        let mut repeated = repeated.into_iter();
        self.objects.retain(|_| !repeated.next().unwrap_or_default());
    }
}
