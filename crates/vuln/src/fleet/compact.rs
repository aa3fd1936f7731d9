//! Dropping what no image needs any more.

use std::collections::HashMap;

use super::{Component, Entry, Fleet, Set, State, Topic, index, place};

impl Fleet {
    /// The same index without sets, packages and texts that no image refers to.
    pub(super) fn compacted(self) -> Self {
        let mut used = vec![false; self.sets.len()];
        self.images.iter().for_each(|entry| used[place(entry.set)] = true);
        if used.iter().all(|used| *used) {
            return self;
        }
        let mut compaction = Compaction::new(&self);
        let mut sets: HashMap<u32, u32> = HashMap::new();
        for (number, set) in self.sets.iter().enumerate().filter(|(number, _)| used[*number]) {
            let kept = compaction.set(set);
            sets.insert(index(number), index(compaction.to.sets.len()));
            compaction.to.sets.push(kept);
        }
        for entry in &self.images {
            let kept = compaction.entry(entry, sets[&entry.set]);
            compaction.to.images.push(kept);
        }
        Self { matched: self.matched.clone(), ..compaction.to }
    }
}

/// The index as it grows anew, and the new number of each old one.
struct Compaction<'a> {
    from: &'a Fleet,
    to: Fleet,
    strings: Vec<Option<u32>>,
    topics: Vec<Option<u32>>,
    components: Vec<Option<u32>>,
}

impl<'a> Compaction<'a> {
    fn new(from: &'a Fleet) -> Self {
        Self {
            from,
            to: Fleet::default(),
            strings: vec![None; from.strings.len()],
            topics: vec![None; from.topics.len()],
            components: vec![None; from.components.len()],
        }
    }

    fn string(&mut self, old: u32) -> u32 {
        let known = &mut self.strings[place(old)];
        *known.get_or_insert_with(|| {
            self.to.strings.push(self.from.strings[place(old)].clone());
            index(self.to.strings.len() - 1)
        })
    }

    fn set(&mut self, set: &Set) -> Set {
        let mut components: Vec<u32> = set.components.iter().map(|c| self.component(*c)).collect();
        components.sort_unstable();
        Set {
            key: set.key,
            analyser: self.string(set.analyser),
            os: self.string(set.os),
            components,
            gaps: set.gaps.iter().map(|gap| gap.map(|text| self.string(text))).collect(),
        }
    }

    fn component(&mut self, old: u32) -> u32 {
        if let Some(known) = self.components[place(old)] {
            return known;
        }
        let component = &self.from.components[place(old)];
        let vulnerabilities = component.state.vulnerabilities.iter();
        let vulnerabilities = vulnerabilities
            .map(|(id, fixed)| (self.string(*id), fixed.map(|version| self.string(version))))
            .collect();
        let kept = Component {
            topic: self.topic(component.topic),
            kind: self.string(component.kind),
            name: self.string(component.name),
            version: self.string(component.version),
            source_name: self.string(component.source_name),
            source_version: self.string(component.source_version),
            module: component.module.map(|module| self.string(module)),
            state: State { vulnerabilities, ..component.state },
        };
        self.to.components.push(kept);
        let new = index(self.to.components.len() - 1);
        self.components[place(old)] = Some(new);
        new
    }

    fn topic(&mut self, old: u32) -> u32 {
        if let Some(known) = self.topics[place(old)] {
            return known;
        }
        let topic = &self.from.topics[place(old)];
        let kept = Topic {
            ecosystem: self.string(topic.ecosystem),
            name: self.string(topic.name),
            outweighed_by: topic.outweighed_by.map(|distribution| self.string(distribution)),
            ..*topic
        };
        self.to.topics.push(kept);
        let new = index(self.to.topics.len() - 1);
        self.topics[place(old)] = Some(new);
        new
    }

    fn entry(&mut self, entry: &Entry, set: u32) -> Entry {
        Entry {
            name: self.string(entry.name),
            digest: entry.digest.map(|digest| self.string(digest)),
            platform: entry.platform.map(|platform| self.string(platform)),
            added: entry.added,
            set,
        }
    }
}
