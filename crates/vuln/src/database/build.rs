//! Making a database: the same advisories give the same bytes, in whatever order they come.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cofferdam_finding::{Context, Severity};

use super::{
    Database, DatabaseError, SourceInfo, Text,
    format::{SECTIONS, assemble},
    lookup::{DIRECT, ID_IS_STRING, RATED, RATING_SHIFT, id_order, pack_cve},
    read::{put_number, put_text},
    row::{End, Range, Row, encode_rows, rating_code},
    text::{Known, encode_texts},
    threat,
};
use crate::feed::Advisory;

/// Collects advisories and writes them as a database.
#[derive(Debug, Default)]
pub struct Builder {
    pub(super) sources: Vec<SourceInfo>,
    pub(super) strings: Interner,
    pub(super) records: HashMap<u32, Record>,
    pub(super) ecosystems: BTreeMap<String, Packages>,
    /// By CVE.
    pub(super) threats: HashMap<String, Context>,
    /// What the texts of the database that this is built onto were compressed to.
    blocks: Known,
}

#[derive(Debug, Default)]
pub(super) struct Packages {
    pub(super) sources: u32,
    pub(super) rows: BTreeMap<String, Vec<(u32, Row<u32>)>>,
}

#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) about: BTreeSet<u32>,
    pub(super) direct: bool,
    pub(super) rating: Option<Severity>,
    pub(super) title: Option<(Precedence, String)>,
    pub(super) vectors: BTreeSet<String>,
    pub(super) aliases: BTreeSet<String>,
    pub(super) references: BTreeSet<String>,
}

/// Where the title of a vulnerability comes from, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precedence {
    Own,
    LineOfAdvisory,
    TitleOfAdvisory,
}

/// References kept for a record.
const REFERENCES: usize = 4;

impl Record {
    fn suggest_title(&mut self, precedence: Precedence, title: &str) {
        let suggestion = (precedence, title.to_owned());
        if !title.is_empty() && self.title.as_ref().is_none_or(|title| suggestion < *title) {
            self.title = Some(suggestion);
        }
    }

    fn text(&self) -> Text {
        Text {
            title: self.title.as_ref().map(|(_, title)| title.clone()).unwrap_or_default(),
            vectors: self.vectors.iter().cloned().collect(),
            aliases: self.aliases.iter().cloned().collect(),
            references: self.references.iter().take(REFERENCES).cloned().collect(),
        }
    }
}

/// Gives every text a number, so that each is in memory once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Interner {
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        // Four thousand million texts do not fit into memory in the first place.
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    fn text(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|i| self.texts.get(i)).map_or("", String::as_str)
    }
}

impl Builder {
    /// An empty database.
    pub fn new() -> Self {
        Self::default()
    }

    /// A database that has all that another one has, for adding to it.
    ///
    /// # Errors
    /// If the other one is damaged.
    pub fn onto(base: &Database) -> Result<Self, DatabaseError> {
        let sources = base.header().sources.clone();
        let mut builder = Self { sources, blocks: base.known_blocks()?, ..Self::default() };
        let texts = base.texts();
        let mut ids = Vec::with_capacity(base.record_count());
        for number in 0..u32::try_from(base.record_count()).unwrap_or(u32::MAX) {
            let id = base.record(number)?.id;
            ids.push(builder.strings.number(&id));
            if let Some(threat) = base.threat(number)? {
                builder.threats.insert(id.into_owned(), threat);
            }
        }
        let id_of = |number: u32| usize::try_from(number).ok().and_then(|i| ids.get(i)).copied();
        for (number, id) in (0..).zip(&ids) {
            let (known, text) = (base.record(number)?, texts.get(number)?);
            let about = known.about.iter().filter(|about| **about != number);
            let title = Some(text.title).filter(|title| !title.is_empty());
            let record = Record {
                about: about.filter_map(|about| id_of(*about)).collect(),
                direct: known.direct,
                rating: known.rating,
                title: title.map(|title| (Precedence::Own, title)),
                vectors: text.vectors.into_iter().collect(),
                aliases: text.aliases.into_iter().collect(),
                references: text.references.into_iter().collect(),
            };
            builder.records.insert(*id, record);
        }
        for ecosystem in base.ecosystems()? {
            let mut packages = Packages { sources: ecosystem.source_bits(), ..Packages::default() };
            for name in ecosystem.package_names()? {
                let rows = ecosystem.rows(name)?.into_iter().filter_map(|row| {
                    Some((id_of(row.record)?, row.row.map(|text| builder.strings.number(text))))
                });
                packages.rows.insert(name.to_owned(), rows.collect());
            }
            builder.ecosystems.insert(ecosystem.name.to_owned(), packages);
        }
        Ok(builder)
    }

    /// The number of a source that is there already, by its name.
    pub fn source_named(&self, name: &str) -> Option<usize> {
        self.sources.iter().position(|source| source.name == name)
    }

    /// Adds what is known of attacks on a vulnerability to what is known already.
    pub fn threat(&mut self, cve: &str, threat: Context) {
        let known = self.threats.entry(cve.to_owned()).or_default();
        known.exploited = threat.exploited.or(known.exploited.take());
        known.epss = threat.epss.or(known.epss);
    }

    /// Forgets what is known of attacks, of one kind, before a newer list of it is added.
    pub fn forget_threats(&mut self, forget: impl Fn(&mut Context)) {
        self.threats.values_mut().for_each(forget);
    }

    /// Adds a source; the number that it returns goes with its advisories.
    pub fn source(&mut self, source: SourceInfo) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    /// What is known of a source, for adding what became of its records.
    pub fn source_mut(&mut self, source: usize) -> Option<&mut SourceInfo> {
        self.sources.get_mut(source)
    }

    /// Adds an advisory of a source.
    pub fn add(&mut self, source: usize, advisory: &Advisory) {
        let id = self.strings.number(&advisory.id);
        let about: Vec<u32> = advisory
            .about
            .iter()
            .filter(|about| **about != advisory.id)
            .map(|about| self.strings.number(about))
            .collect();
        for (cve, number) in advisory.about.iter().filter(|a| **a != advisory.id).zip(&about) {
            let record = self.records.entry(*number).or_default();
            if let Some(line) = advisory.titles.get(cve) {
                record.suggest_title(Precedence::LineOfAdvisory, line);
            }
            record.suggest_title(Precedence::TitleOfAdvisory, &advisory.title);
            if advisory.direct {
                record.vectors.extend(advisory.vectors.iter().cloned());
                record.references.extend(advisory.references.iter().cloned());
            }
        }
        let record = self.records.entry(id).or_default();
        record.about.extend(about);
        record.direct |= advisory.direct;
        record.rating = record.rating.max(advisory.rating);
        record.suggest_title(Precedence::Own, &advisory.title);
        record.vectors.extend(advisory.vectors.iter().cloned());
        record.aliases.extend(advisory.aliases.iter().cloned());
        record.references.extend(advisory.references.iter().cloned());
        self.add_rows(source, id, advisory);
    }

    fn add_rows(&mut self, source: usize, id: u32, advisory: &Advisory) {
        for affected in &advisory.affected {
            let row = affected.row.map(|text| self.strings.number(text));
            let packages = self.ecosystems.entry(affected.ecosystem.clone()).or_default();
            packages.sources |= if source < 32 { 1 << source } else { 0 };
            let rows = packages.rows.entry(affected.package.clone()).or_default();
            if !rows.contains(&(id, row.clone())) {
                rows.push((id, row));
            }
        }
    }

    /// Writes the database.
    ///
    /// # Errors
    /// If it is larger than the format allows.
    pub fn finish(mut self, generation: u64) -> Result<Vec<u8>, DatabaseError> {
        self.drop_repetitions();
        let order = self.record_order();
        Writer::new(&self, &order).write(generation)
    }

    /// An update advisory adds nothing about a vulnerability for which the same package of the
    /// same release has a record of its own.
    fn drop_repetitions(&mut self) {
        let records = &self.records;
        for rows in self.ecosystems.values_mut().flat_map(|packages| packages.rows.values_mut()) {
            let is_direct = |id: &u32| records.get(id).is_some_and(|record| record.direct);
            let covered: HashSet<u32> = rows
                .iter()
                .filter(|(id, _)| is_direct(id))
                .flat_map(|(id, _)| about(records, *id))
                .collect();
            rows.retain(|(id, _)| {
                is_direct(id) || about(records, *id).iter().any(|about| !covered.contains(about))
            });
        }
        for packages in self.ecosystems.values_mut() {
            packages.rows.retain(|_, rows| !rows.is_empty());
        }
        self.ecosystems.retain(|_, packages| !packages.rows.is_empty());
    }

    /// The records that rows need, in the order of the file: their own, and what these are about,
    /// and so on.
    fn record_order(&self) -> Vec<u32> {
        let rows = self.ecosystems.values().flat_map(|p| p.rows.values().flatten());
        let mut used: HashSet<u32> = rows.map(|(id, _)| *id).collect();
        let mut waiting: Vec<u32> = used.iter().copied().collect();
        while let Some(id) = waiting.pop() {
            waiting.extend(about(&self.records, id).into_iter().filter(|id| used.insert(*id)));
        }
        let mut order: Vec<u32> = used.into_iter().collect();
        order.sort_by(|a, b| id_order(self.strings.text(*a), self.strings.text(*b)));
        order
    }
}

/// The vulnerabilities that a record is about: itself, if no other.
fn about(records: &HashMap<u32, Record>, id: u32) -> Vec<u32> {
    match records.get(&id) {
        Some(record) if !record.about.is_empty() => record.about.iter().copied().collect(),
        _ => vec![id],
    }
}

/// The sections as they grow.
struct Writer<'a> {
    builder: &'a Builder,
    order: &'a [u32],
    numbers: HashMap<u32, u32>,
    pool: Vec<u8>,
    places: HashMap<String, u32>,
}

impl<'a> Writer<'a> {
    fn new(builder: &'a Builder, order: &'a [u32]) -> Self {
        let numbers = order.iter().copied().zip(0..).collect();
        Self { builder, order, numbers, pool: Vec::new(), places: HashMap::new() }
    }

    fn write(mut self, generation: u64) -> Result<Vec<u8>, DatabaseError> {
        let sources = serde_json::to_vec(&self.builder.sources).map_err(too_large)?;
        let [ecosystems, packages, rows] = self.write_rows()?;
        let (records, lists) = self.write_records()?;
        let text = |id: &u32| (self.builder.strings.text(*id), self.record(*id).text());
        let texts: Vec<(&str, Text)> = self.order.iter().map(text).collect();
        let (index, texts) = encode_texts(&texts, &self.builder.blocks).map_err(too_large)?;
        let threats = self.threats();
        let sections: [Vec<u8>; SECTIONS.len()] =
            [sources, ecosystems, packages, rows, records, lists, self.pool, index, texts, threats];
        Ok(assemble(generation, &sections))
    }

    /// Of what is known of attacks, what concerns a record of the file, in the order of records.
    fn threats(&self) -> Vec<u8> {
        let mut section = Vec::new();
        for (record, id) in (0..).zip(self.order) {
            let threat = self.builder.threats.get(self.builder.strings.text(*id));
            if let Some(threat) = threat.filter(|threat| **threat != Context::default()) {
                threat::encode(record, threat, &mut section);
            }
        }
        section
    }

    fn record(&self, id: u32) -> &'a Record {
        &self.builder.records[&id]
    }

    /// The place of a text in the pool of strings.
    fn place(&mut self, text: &str) -> Result<u32, DatabaseError> {
        if let Some(place) = self.places.get(text) {
            return Ok(*place);
        }
        let place = number(self.pool.len())?;
        put_text(&mut self.pool, text);
        self.places.insert(text.to_owned(), place);
        Ok(place)
    }

    /// The sections of ecosystems, packages and rows.
    fn write_rows(&mut self) -> Result<[Vec<u8>; 3], DatabaseError> {
        let (mut ecosystems, mut packages, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        let mut package_count = 0;
        for (name, of_ecosystem) in &self.builder.ecosystems {
            let count = number(of_ecosystem.rows.len())?;
            for field in [self.place(name)?, of_ecosystem.sources, package_count, count] {
                ecosystems.extend(field.to_le_bytes());
            }
            for (package, of_package) in &of_ecosystem.rows {
                let encoded = self.encode_package(of_package)?;
                let fields = [self.place(package)?, number(rows.len())?, number(encoded.len())?];
                packages.extend(fields.into_iter().flat_map(u32::to_le_bytes));
                rows.extend(encoded);
            }
            package_count += count;
        }
        Ok([ecosystems, packages, rows])
    }

    fn encode_package(&mut self, rows: &[(u32, Row<u32>)]) -> Result<Vec<u8>, DatabaseError> {
        let strings = &self.builder.strings;
        // Sorted by what they say, not by the order in which their parts came.
        let mut sorted: Vec<(u32, Row<&str>)> = rows
            .iter()
            .map(|(id, row)| (self.numbers[id], row.map(|text| strings.text(*text))))
            .collect();
        sorted.sort();
        let mut placed = Vec::with_capacity(sorted.len());
        for (record, row) in sorted {
            placed.push((record, row.try_map(|text| self.place(text))?));
        }
        let mut encoded = Vec::new();
        encode_rows(&placed, &mut encoded);
        Ok(encoded)
    }

    /// The sections of records and lists.
    fn write_records(&mut self) -> Result<(Vec<u8>, Vec<u8>), DatabaseError> {
        let (mut records, mut lists) = (Vec::new(), Vec::new());
        for id in self.order {
            let text = self.builder.strings.text(*id);
            let packed = match pack_cve(text) {
                Some(packed) => packed,
                None => self.place(text)? | ID_IS_STRING,
            };
            let record = self.record(*id);
            let list = if record.about.is_empty() { 0 } else { number(lists.len())? + 1 };
            if !record.about.is_empty() {
                self.put_list(&record.about, &mut lists)?;
            }
            for field in [packed, list, flags(record)] {
                records.extend(field.to_le_bytes());
            }
        }
        Ok((records, lists))
    }

    fn put_list(&self, about: &BTreeSet<u32>, to: &mut Vec<u8>) -> Result<(), DatabaseError> {
        let mut list: Vec<u32> = about.iter().map(|id| self.numbers[id]).collect();
        list.sort_unstable();
        put_number(to, number(list.len())?);
        let mut before = 0;
        for record in list {
            put_number(to, record - before);
            before = record;
        }
        Ok(())
    }
}

fn flags(record: &Record) -> u32 {
    let direct = if record.direct { DIRECT } else { 0 };
    let rating =
        record.rating.map_or(0, |rating| RATED | (u32::from(rating_code(rating)) << RATING_SHIFT));
    direct | rating
}

fn number(length: usize) -> Result<u32, DatabaseError> {
    // The top bit tells strings from packed CVE numbers.
    u32::try_from(length)
        .ok()
        .filter(|n| n & ID_IS_STRING == 0)
        .ok_or_else(|| DatabaseError::Build("a part of it is larger than 2 GiB".into()))
}

fn too_large(error: impl std::fmt::Display) -> DatabaseError {
    DatabaseError::Build(error.to_string())
}

impl<T> Row<T> {
    /// The same row with its texts replaced.
    pub(super) fn map<U>(&self, mut f: impl FnMut(&T) -> U) -> Row<U> {
        let mapped: Result<_, std::convert::Infallible> = self.try_map(|text| Ok(f(text)));
        match mapped {
            Ok(row) => row,
        }
    }

    fn try_map<U, E>(&self, mut f: impl FnMut(&T) -> Result<U, E>) -> Result<Row<U>, E> {
        let mut ranges = Vec::with_capacity(self.ranges.len());
        for range in &self.ranges {
            ranges.push(Range {
                introduced: range.introduced.as_ref().map(&mut f).transpose()?,
                end: match &range.end {
                    End::Open => End::Open,
                    End::Fixed(version) => End::Fixed(f(version)?),
                    End::LastAffected(version) => End::LastAffected(f(version)?),
                },
            });
        }
        Ok(Row {
            ranges,
            module: self.module.as_ref().map(&mut f).transpose()?,
            rating: self.rating,
            support_ended: self.support_ended,
            stance: self.stance,
        })
    }
}
