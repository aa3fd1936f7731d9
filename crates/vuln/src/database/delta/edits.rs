//! The changes that a delta holds, as bytes and as what is done to a database.

use cofferdam_finding::Context;

use super::super::{
    Builder, DatabaseError, End, Range, Row, SourceInfo, Stance, Text,
    row::{rating_code, rating_of_code},
    threat,
};
use crate::bytes::{Malformed, Reader, put_blob, put_count, put_long, put_text};

/// All changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Edits {
    pub(super) generation: u64,
    /// The sources of the target.
    pub(super) sources: Vec<SourceInfo>,
    /// Its ecosystems, each with the bits of its sources.
    pub(super) ecosystems: Vec<(String, u32)>,
    /// Records that are new or different.
    pub(super) records: Vec<RecordEdit>,
    /// Packages about which something else is said.
    pub(super) packages: Vec<PackageEdit>,
    /// What is known of attacks: `None` is no longer known.
    pub(super) threats: Vec<(String, Option<Context>)>,
}

/// A record as it is in the target.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RecordEdit {
    pub(super) id: String,
    /// Other records that it is about.
    pub(super) about: Vec<String>,
    pub(super) direct: bool,
    pub(super) rating: Option<cofferdam_finding::Severity>,
    pub(super) text: Text,
}

/// What becomes of the rows of a package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PackageEdit {
    pub(super) ecosystem: String,
    pub(super) package: String,
    /// Places of rows in the list of the base, rising.
    pub(super) removed: Vec<u32>,
    /// Rows with the ids of their records.
    pub(super) added: Vec<(String, Row<String>)>,
}

const DIRECT: u8 = 1;
const RATED: u8 = 2;
const ENDED: u8 = 4;
const MODULE: u8 = 8;
const DECIDED: u8 = 16;

impl Edits {
    /// Does all of it.
    pub(super) fn make(&self, builder: &mut Builder) -> Result<(), DatabaseError> {
        builder.replace_sources(self.sources.clone());
        for (ecosystem, sources) in &self.ecosystems {
            builder.put_ecosystem(ecosystem, *sources);
        }
        for edit in &self.records {
            builder.put_record(&edit.id, &edit.about, (edit.direct, edit.rating), &edit.text);
        }
        for edit in &self.packages {
            builder.edit_rows((&edit.ecosystem, &edit.package), &edit.removed, &edit.added)?;
        }
        for (id, threat) in &self.threats {
            builder.put_threat(id, threat.clone());
        }
        Ok(())
    }

    pub(super) fn put(&self, to: &mut Vec<u8>) {
        put_long(to, self.generation);
        // A list of plain structures can be written.
        put_blob(to, &serde_json::to_vec(&self.sources).unwrap_or_default());
        put_count(to, self.ecosystems.len());
        for (name, sources) in &self.ecosystems {
            put_text(to, name);
            put_long(to, (*sources).into());
        }
        put_count(to, self.records.len());
        self.records.iter().for_each(|edit| edit.put(to));
        put_count(to, self.packages.len());
        self.packages.iter().for_each(|edit| edit.put(to));
        put_count(to, self.threats.len());
        for (id, threat) in &self.threats {
            put_text(to, id);
            to.push(u8::from(threat.is_some()));
            if let Some(threat) = threat {
                threat::encode(0, threat, to);
            }
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let generation = reader.long()?;
        let sources = serde_json::from_slice(reader.blob()?);
        let sources = sources.map_err(|_| reader.malformed("the sources are not understood"))?;
        let ecosystems = list(reader, 2, |reader| Ok((text(reader)?, reader.number()?)))?;
        let records = list(reader, 8, RecordEdit::read)?;
        let packages = list(reader, 4, PackageEdit::read)?;
        let threats = list(reader, 2, |reader| {
            let id = text(reader)?;
            let threat = match reader.byte()? {
                0 => None,
                _ => Some(read_threat(reader)?),
            };
            Ok((id, threat))
        })?;
        Ok(Self { generation, sources, ecosystems, records, packages, threats })
    }
}

fn read_threat(reader: &mut Reader<'_>) -> Result<Context, Malformed> {
    let bytes = reader.take(threat::ENTRY)?;
    threat::decode(bytes).map_err(|what| reader.malformed(what))
}

fn list<T>(
    reader: &mut Reader<'_>,
    least: usize,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = reader.count(least)?;
    (0..count).map(|_| read(reader)).collect()
}

fn text(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    reader.text().map(str::to_owned)
}

fn put_texts(to: &mut Vec<u8>, texts: &[String]) {
    put_count(to, texts.len());
    texts.iter().for_each(|text| put_text(to, text));
}

fn texts(reader: &mut Reader<'_>) -> Result<Vec<String>, Malformed> {
    list(reader, 1, text)
}

impl RecordEdit {
    fn put(&self, to: &mut Vec<u8>) {
        put_text(to, &self.id);
        put_texts(to, &self.about);
        let rated = if self.rating.is_some() { RATED } else { 0 };
        to.push(rated | if self.direct { DIRECT } else { 0 });
        to.extend(self.rating.map(rating_code));
        put_text(to, &self.text.title);
        for list in [&self.text.vectors, &self.text.aliases, &self.text.references] {
            put_texts(to, list);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (id, about) = (text(reader)?, texts(reader)?);
        let flags = reader.byte()?;
        let rating = rating(reader, flags)?;
        let text = Text {
            title: text(reader)?,
            vectors: texts(reader)?,
            aliases: texts(reader)?,
            references: texts(reader)?,
        };
        Ok(Self { id, about, direct: flags & DIRECT != 0, rating, text })
    }
}

fn rating(
    reader: &mut Reader<'_>,
    flags: u8,
) -> Result<Option<cofferdam_finding::Severity>, Malformed> {
    if flags & RATED == 0 {
        return Ok(None);
    }
    let code = reader.byte()?;
    rating_of_code(code).map(Some).ok_or_else(|| reader.malformed("a rating is none"))
}

impl PackageEdit {
    fn put(&self, to: &mut Vec<u8>) {
        put_text(to, &self.ecosystem);
        put_text(to, &self.package);
        put_count(to, self.removed.len());
        let mut before = 0;
        for place in &self.removed {
            put_long(to, u64::from(place - before));
            before = *place;
        }
        put_count(to, self.added.len());
        for (id, row) in &self.added {
            put_text(to, id);
            put_row(to, row);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (ecosystem, package) = (text(reader)?, text(reader)?);
        let mut place: u32 = 0;
        let removed = list(reader, 1, |reader| {
            let next = place.checked_add(reader.number()?);
            place = next.ok_or_else(|| reader.malformed("a row is out of place"))?;
            Ok(place)
        })?;
        let added = list(reader, 3, |reader| Ok((text(reader)?, row(reader)?)))?;
        Ok(Self { ecosystem, package, removed, added })
    }
}

fn put_row(to: &mut Vec<u8>, row: &Row<String>) {
    let rated = if row.rating.is_some() { RATED } else { 0 };
    let ended = if row.support_ended { ENDED } else { 0 };
    let decided = if row.stance.is_some() { DECIDED } else { 0 };
    to.push(rated | ended | decided | if row.module.is_some() { MODULE } else { 0 });
    to.extend(row.rating.map(rating_code));
    to.extend(row.stance.map(Stance::code));
    if let Some(module) = &row.module {
        put_text(to, module);
    }
    put_count(to, row.ranges.len());
    for range in &row.ranges {
        let (kind, version) = match &range.end {
            End::Open => (0, None),
            End::Fixed(version) => (1, Some(version)),
            End::LastAffected(version) => (2, Some(version)),
        };
        to.push(kind | if range.introduced.is_some() { 4 } else { 0 });
        range.introduced.iter().chain(version).for_each(|version| put_text(to, version));
    }
}

fn row(reader: &mut Reader<'_>) -> Result<Row<String>, Malformed> {
    let flags = reader.byte()?;
    let rating = rating(reader, flags)?;
    let stance = if flags & DECIDED != 0 {
        let stance = Stance::of_code(reader.byte()?);
        Some(stance.ok_or_else(|| reader.malformed("a decision is none"))?)
    } else {
        None
    };
    let module = if flags & MODULE != 0 { Some(text(reader)?) } else { None };
    let ranges = list(reader, 1, |reader| {
        let kind = reader.byte()?;
        let introduced = if kind & 4 != 0 { Some(text(reader)?) } else { None };
        let end = match kind & 3 {
            0 => End::Open,
            1 => End::Fixed(text(reader)?),
            2 => End::LastAffected(text(reader)?),
            _ => return Err(reader.malformed("a range has no end that is known")),
        };
        Ok(Range { introduced, end })
    })?;
    Ok(Row { ranges, module, rating, support_ended: flags & ENDED != 0, stance })
}
