//! Matching again what a new database says something else about, and what follows for images.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use super::{Component, Fleet, Matched, State, Topic, index, place};
use crate::{
    database::{Database, DatabaseError, Ecosystem, End, PackageRow},
    matching::{Answer, vulnerabilities},
};

/// What a new database changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What the packages were matched with before; `None` if with nothing.
    pub before: Option<Matched>,
    /// Names of packages in an ecosystem, in the index.
    pub topics: usize,
    /// Of those, what the database says something else about than before.
    pub topics_changed: usize,
    /// Packages (each version counts once) that were matched again.
    pub packages_matched: usize,
    /// Vulnerabilities that images have now and did not have before.
    pub gained: Vec<Change>,
    /// Vulnerabilities that images had before and do not have now, by what is known now.
    pub lost: Vec<Change>,
    /// Vulnerabilities that images still have, and for which there is a fix now.
    pub fixable: Vec<Change>,
}

/// A vulnerability of a source package, and the images that are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `CVE-2024-5535`.
    pub id: String,
    /// The package: of a distribution its source, of a language `npm:NAME`.
    pub subject: String,
    /// Installed versions that are concerned, of whichever package.
    pub versions: Vec<String>,
    /// The first version without it, where there is one; of several the one named last.
    pub fixed: Option<String>,
    /// Names of the images, in order.
    pub images: Vec<String>,
}

/// A vulnerability (by its text) of a subject (kind or empty, and source name).
type Key = (u32, Option<u32>, u32);
/// For each vulnerability of something, whether there is a fix for all that has it.
type Affected = BTreeMap<Key, bool>;

impl Fleet {
    /// Matches again what `database` says something else about than the one before, and what was
    /// never matched. Images whose packages were never matched are in no change.
    ///
    /// # Errors
    /// If the database is damaged. The index is then as it was.
    pub fn rematch(&mut self, database: &Database) -> Result<Changes, DatabaseError> {
        let same = self.matched.as_ref().is_some_and(|m| m.checksum == database.checksum());
        let before = self.matched.clone();
        let mut rematch = Rematch { database, ecosystems: HashMap::new() };
        let (topics, changed) = rematch.topics(self, same)?;
        let mut states: Vec<(u32, State)> = Vec::new();
        let mut texts = Texts::default();
        for (number, component) in self.components.iter().enumerate() {
            if component.state.known && !changed.contains(&component.topic) {
                continue;
            }
            let answer = rematch.answer(self, component, &topics[place(component.topic)])?;
            states.push((index(number), texts.state(self, answer)));
        }
        let (topics_changed, packages_matched) = (changed.len(), states.len());
        self.topics = topics;
        self.strings.append(&mut texts.new);
        let counted = Changes {
            before,
            topics: self.topics.len(),
            topics_changed,
            packages_matched,
            ..Changes::default()
        };
        let changes = Effects::of(self, &states).describe(self, counted);
        for (number, state) in states {
            self.components[place(number)].state = state;
        }
        self.matched = Some(Matched {
            checksum: database.checksum(),
            generation: database.header().generation,
            date: database.header().date().to_owned(),
        });
        Ok(changes)
    }
}

/// A database and what was looked up in it.
struct Rematch<'a> {
    database: &'a Database,
    ecosystems: HashMap<u32, Option<Ecosystem<'a>>>,
}

impl<'a> Rematch<'a> {
    fn ecosystem(
        &mut self,
        fleet: &Fleet,
        name: u32,
    ) -> Result<Option<Ecosystem<'a>>, DatabaseError> {
        if let Some(known) = self.ecosystems.get(&name) {
            return Ok(*known);
        }
        let found = self.database.ecosystem(fleet.text(name))?;
        self.ecosystems.insert(name, found);
        Ok(found)
    }

    /// The topics as the database has them, and which of them it says something else about.
    fn topics(
        &mut self,
        fleet: &Fleet,
        same: bool,
    ) -> Result<(Vec<Topic>, HashSet<u32>), DatabaseError> {
        let mut topics = fleet.topics.clone();
        let mut changed = HashSet::new();
        for (number, topic) in topics.iter_mut().enumerate() {
            // One that was never matched has no fingerprint.
            if same && topic.fingerprint != [0; 16] {
                continue;
            }
            let ecosystem = self.ecosystem(fleet, topic.ecosystem)?;
            let outweighed = match topic.outweighed_by {
                Some(distribution) => self.ecosystem(fleet, distribution)?.is_some(),
                None => false,
            };
            topic.covered = ecosystem.is_some() || outweighed;
            let rows = match ecosystem.filter(|_| !outweighed) {
                Some(ecosystem) => ecosystem.rows(fleet.text(topic.name))?,
                None => Vec::new(),
            };
            let fingerprint = fingerprint(self.database, &rows, (topic.covered, outweighed))?;
            if fingerprint != topic.fingerprint {
                topic.fingerprint = fingerprint;
                changed.insert(index(number));
            }
        }
        Ok((topics, changed))
    }

    fn answer(
        &mut self,
        fleet: &Fleet,
        component: &Component,
        topic: &Topic,
    ) -> Result<Answer, DatabaseError> {
        let outweighed = match topic.outweighed_by {
            Some(distribution) => self.ecosystem(fleet, distribution)?.is_some(),
            None => false,
        };
        match self.ecosystem(fleet, topic.ecosystem)?.filter(|_| !outweighed) {
            Some(ecosystem) => {
                vulnerabilities(&fleet.package(component), self.database, &ecosystem)
            }
            None => Ok(Answer::default()),
        }
    }
}

/// The digest of everything about a package that its match depends on.
fn fingerprint(
    database: &Database,
    rows: &[PackageRow<'_>],
    (covered, outweighed): (bool, bool),
) -> Result<[u8; 16], DatabaseError> {
    let mut hasher = Sha256::new();
    hasher.update([1, u8::from(covered), u8::from(outweighed)]);
    let mut put = |text: Option<&str>| {
        let length = text.map_or(u32::MAX, |text| index(text.len()));
        hasher.update(length.to_le_bytes());
        hasher.update(text.unwrap_or_default());
    };
    for PackageRow { record, row } in rows {
        let record = database.record(*record)?;
        put(Some(&record.id));
        for about in record.about.iter().filter(|about| **about != record.record) {
            put(Some(&database.record(*about)?.id));
        }
        put(Some(if record.direct { "direct" } else { "update" }));
        put(row.module);
        for range in &row.ranges {
            put(range.introduced);
            match range.end {
                End::Open => put(None),
                End::Fixed(version) => put(Some(version)),
                End::LastAffected(version) => {
                    ["last", version].map(Some).into_iter().for_each(&mut put)
                }
            }
        }
        put(Some(if row.support_ended { "ended" } else { "next" }));
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Ok(half)
}

/// Texts of answers that the index may not have yet.
#[derive(Default)]
struct Texts {
    known: HashMap<Box<str>, u32>,
    new: Vec<Box<str>>,
    filled: bool,
}

impl Texts {
    fn state(&mut self, fleet: &Fleet, answer: Answer) -> State {
        let vulnerabilities = answer.vulnerabilities.into_iter().map(|one| {
            let fixed = one.fixed.map(|version| self.number(fleet, &version));
            (self.number(fleet, &one.id), fixed)
        });
        let vulnerabilities = vulnerabilities.collect();
        State { known: true, undecided: answer.undecided, vulnerabilities }
    }

    fn number(&mut self, fleet: &Fleet, text: &str) -> u32 {
        if !self.filled {
            self.known.extend(fleet.strings.iter().cloned().zip(0..));
            self.filled = true;
        }
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        let number = index(fleet.strings.len() + self.new.len());
        self.known.insert(text.into(), number);
        self.new.push(text.into());
        number
    }
}

/// What new states of components mean for sets of them.
struct Effects<'a> {
    new: HashMap<u32, &'a State>,
    /// The vulnerabilities that some component gained, lost or got a fix for.
    keys: HashSet<Key>,
}

/// What became of a vulnerability of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Gained,
    Lost,
    Fixable,
}

impl<'a> Effects<'a> {
    fn of(fleet: &Fleet, states: &'a [(u32, State)]) -> Self {
        let mut keys = HashSet::new();
        for (number, new) in states {
            let component = &fleet.components[place(*number)];
            let old: HashSet<_> = component.state.vulnerabilities.iter().copied().collect();
            let now: HashSet<_> = new.vulnerabilities.iter().copied().collect();
            let changed = old.symmetric_difference(&now);
            keys.extend(changed.map(|(id, _)| key(fleet, component, *id)));
        }
        let new = states.iter().map(|(number, state)| (*number, state)).collect();
        Self { new, keys }
    }

    /// The vulnerabilities of `state` that may have changed for some set.
    fn add(&self, fleet: &Fleet, component: &Component, state: &State, to: &mut Affected) {
        for (id, fixed) in &state.vulnerabilities {
            let key = key(fleet, component, *id);
            if self.keys.contains(&key) {
                let all_fixed = to.entry(key).or_insert(true);
                *all_fixed &= fixed.is_some();
            }
        }
    }

    /// Whether the packages of a set were matched before: a new image has no earlier state.
    fn is_known(fleet: &Fleet, components: &[u32]) -> bool {
        components.iter().all(|number| fleet.components[place(*number)].state.known)
    }

    fn describe(&self, fleet: &Fleet, counted: Changes) -> Changes {
        let mut found: BTreeMap<(Turn, Key), Concerned> = BTreeMap::new();
        if !self.keys.is_empty() {
            let relevant = self.relevant(fleet);
            let mut images: Vec<Vec<u32>> = vec![Vec::new(); fleet.sets.len()];
            for (number, entry) in fleet.images.iter().enumerate() {
                images[place(entry.set)].push(index(number));
            }
            for (set, images) in fleet.sets.iter().zip(images) {
                self.set(fleet, (&set.components, &images), &relevant, &mut found);
            }
        }
        let mut changes = counted;
        for ((turn, key), concerned) in found {
            let list = match turn {
                Turn::Gained => &mut changes.gained,
                Turn::Lost => &mut changes.lost,
                Turn::Fixable => &mut changes.fixable,
            };
            list.push(concerned.change(fleet, key));
        }
        for list in [&mut changes.gained, &mut changes.lost, &mut changes.fixable] {
            list.sort_by(|a, b| (&a.id, &a.subject).cmp(&(&b.id, &b.subject)));
        }
        changes
    }

    /// By component, whether it has or had one of the vulnerabilities.
    fn relevant(&self, fleet: &Fleet) -> Vec<bool> {
        let concerns = |(number, component): (usize, &Component)| {
            let has = |state: &State| {
                let mut ids = state.vulnerabilities.iter();
                ids.any(|(id, _)| self.keys.contains(&key(fleet, component, *id)))
            };
            has(&component.state) || self.new.get(&index(number)).is_some_and(|state| has(state))
        };
        fleet.components.iter().enumerate().map(concerns).collect()
    }

    fn set(
        &self,
        fleet: &Fleet,
        (components, images): (&[u32], &[u32]),
        relevant: &[bool],
        found: &mut BTreeMap<(Turn, Key), Concerned>,
    ) {
        let some: Vec<u32> = components.iter().copied().filter(|c| relevant[place(*c)]).collect();
        if images.is_empty() || some.is_empty() || !Self::is_known(fleet, components) {
            return;
        }
        let (mut before, mut after) = (Affected::new(), Affected::new());
        for number in &some {
            let component = &fleet.components[place(*number)];
            let state = self.new.get(number).copied().unwrap_or(&component.state);
            self.add(fleet, component, &component.state, &mut before);
            self.add(fleet, component, state, &mut after);
        }
        for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let turn = match (before.get(key), after.get(key)) {
                (None, Some(_)) => Turn::Gained,
                (Some(_), None) => Turn::Lost,
                (Some(false), Some(true)) => Turn::Fixable,
                _ => continue,
            };
            let concerned = found.entry((turn, *key)).or_default();
            concerned.images.extend(images);
            concerned.note(fleet, self, *key, &some);
        }
    }
}

/// What a change is about.
#[derive(Default)]
struct Concerned {
    versions: BTreeSet<u32>,
    fixed: Option<u32>,
    images: Vec<u32>,
}

impl Concerned {
    fn note(&mut self, fleet: &Fleet, effects: &Effects<'_>, wanted: Key, components: &[u32]) {
        for number in components {
            let component = &fleet.components[place(*number)];
            let states = [Some(&component.state), effects.new.get(number).copied()];
            for (id, fixed) in states.into_iter().flatten().flat_map(|s| &s.vulnerabilities) {
                if key(fleet, component, *id) == wanted {
                    self.versions.insert(component.version);
                    self.fixed = fixed.or(self.fixed);
                }
            }
        }
    }

    fn change(self, fleet: &Fleet, (id, kind, name): Key) -> Change {
        let text = |number: u32| fleet.text(number).to_owned();
        let mut images: Vec<String> =
            self.images.iter().map(|image| text(fleet.images[place(*image)].name)).collect();
        images.sort();
        images.dedup();
        Change {
            id: text(id),
            subject: subject(fleet, kind, name),
            versions: self.versions.into_iter().map(text).collect(),
            fixed: self.fixed.map(text),
            images,
        }
    }
}

/// As scans name what has a vulnerability.
pub(super) fn subject(fleet: &Fleet, kind: Option<u32>, name: u32) -> String {
    let name = fleet.text(name);
    kind.map_or_else(|| name.to_owned(), |kind| format!("{}:{name}", fleet.text(kind)))
}

fn key(fleet: &Fleet, component: &Component, id: u32) -> Key {
    (id, kind_of(fleet, component), component.source_name)
}

/// The kind of a language; names of a distribution's packages stand for themselves.
pub(super) fn kind_of(fleet: &Fleet, component: &Component) -> Option<u32> {
    let text = fleet.text(component.kind);
    (!matches!(text, "deb" | "apk" | "rpm" | "alpm")).then_some(component.kind)
}
