//! Finding things in an open database.

use std::{
    borrow::Cow,
    cell::RefCell,
    cmp::Ordering,
    collections::{HashMap, hash_map::Entry},
};

use cofferdam_finding::Severity;

use super::{
    Damage, Database, DatabaseError, Range, Row, SourceInfo, Text,
    format::{Section, u32_at},
    read::Cursor,
    row::{End, decode_rows, rating_of_code},
    text::{Block, Blocks, Known, TextIndex},
};

/// An ecosystem (a release of a distribution) of the database.
#[derive(Debug, Clone, Copy)]
pub struct Ecosystem<'a> {
    database: &'a Database,
    /// `Debian:12`.
    pub name: &'a str,
    sources: u32,
    packages: (usize, usize),
}

/// What a record says about a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRow<'a> {
    /// Number of the record.
    pub record: u32,
    /// Affected versions and the rest.
    pub row: Row<&'a str>,
}

/// A record: a vulnerability, or an advisory about several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vulnerability<'a> {
    /// Number of the record.
    pub record: u32,
    /// `CVE-2024-5535`, `DSA-5737-1`.
    pub id: Cow<'a, str>,
    /// Records of the vulnerabilities that it is about: itself, if no other.
    pub about: Vec<u32>,
    /// Whether it is the distribution's (or database's) own record of exactly this vulnerability,
    /// rather than of an update that fixes it among others.
    pub direct: bool,
    /// How the distribution rates the advisory: the worst of what it fixes.
    pub rating: Option<Severity>,
}

/// Bits of the flags of a record.
pub(super) const DIRECT: u32 = 1;
pub(super) const RATED: u32 = 1 << 1;
pub(super) const RATING_SHIFT: u32 = 8;

/// An id that is a place in the pool of strings, rather than a packed CVE number.
pub(super) const ID_IS_STRING: u32 = 1 << 31;

/// Packs `CVE-2024-5535` into 31 bits; `None` if it is not a CVE id in its usual form.
pub(super) fn pack_cve(id: &str) -> Option<u32> {
    let (year, number) = id.strip_prefix("CVE-")?.split_once('-')?;
    let year = year.parse::<u32>().ok()?.checked_sub(1990).filter(|year| *year < 64)?;
    let number = number.parse::<u32>().ok().filter(|number| *number < 1 << 25)?;
    let packed = (year << 25) | number;
    (unpack_cve(packed) == id).then_some(packed)
}

pub(super) fn unpack_cve(packed: u32) -> String {
    format!("CVE-{}-{:04}", (packed >> 25) + 1990, packed & ((1 << 25) - 1))
}

/// The order of records: CVEs by year and number, then the rest by name.
pub(super) fn id_order(a: &str, b: &str) -> Ordering {
    let key = |id| pack_cve(id).map_or(u64::MAX, u64::from);
    key(a).cmp(&key(b)).then_with(|| a.cmp(b))
}

impl Database {
    fn section(&self, section: Section) -> &[u8] {
        self.layout.section(self.bytes.get(), section)
    }

    fn entries(&self, section: Section) -> usize {
        self.section(section).len() / section.entry(self.layout.version)
    }

    /// Field `field` (in units of four bytes) of entry `index` of a section that is an array.
    fn field(&self, section: Section, index: usize, field: usize) -> Result<u32, Damage> {
        let entry = section.entry(self.layout.version);
        let offset = index.checked_mul(entry).and_then(|at| at.checked_add(field * 4));
        let number = offset.and_then(|offset| u32_at(self.section(section), offset));
        number.ok_or(Damage {
            what: "an entry is missing",
            section: section.name(),
            offset: u64::try_from(index).unwrap_or(u64::MAX),
        })
    }

    fn string(&self, place: u32) -> Result<&str, Damage> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        Cursor::new(self.section(Section::Strings), place, Section::Strings).text()
    }

    /// The ecosystems, in order of name.
    ///
    /// # Errors
    /// If the database is damaged there.
    pub fn ecosystems(&self) -> Result<Vec<Ecosystem<'_>>, DatabaseError> {
        let count = self.entries(Section::Ecosystems);
        let all: Result<_, Damage> = (0..count).map(|index| self.ecosystem_at(index)).collect();
        all.map_err(|damage| self.damaged(damage))
    }

    /// The ecosystem of that name; `None` if the database has nothing about it.
    ///
    /// # Errors
    /// If the database is damaged there.
    pub fn ecosystem(&self, name: &str) -> Result<Option<Ecosystem<'_>>, DatabaseError> {
        let count = self.entries(Section::Ecosystems);
        let found = search((0, count), |index| Ok(self.ecosystem_at(index)?.name.cmp(name)));
        let found = found.and_then(|index| index.map(|index| self.ecosystem_at(index)).transpose());
        found.map_err(|damage| self.damaged(damage))
    }

    fn ecosystem_at(&self, index: usize) -> Result<Ecosystem<'_>, Damage> {
        let field = |field| self.field(Section::Ecosystems, index, field);
        let start = usize::try_from(field(2)?).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(field(3)?).unwrap_or(usize::MAX));
        if end > self.entries(Section::Packages) {
            let offset = u64::try_from(index).unwrap_or(u64::MAX);
            let what = "an ecosystem has packages that are not there";
            return Err(Damage { what, section: Section::Ecosystems.name(), offset });
        }
        Ok(Ecosystem {
            database: self,
            name: self.string(field(0)?)?,
            sources: field(1)?,
            packages: (start, end),
        })
    }

    /// Number of records.
    pub fn record_count(&self) -> usize {
        self.entries(Section::Records)
    }

    /// Number of rows: what is said about a package of an ecosystem by a record.
    ///
    /// # Errors
    /// If the database is damaged: this reads all of them.
    pub fn row_count(&self) -> Result<usize, DatabaseError> {
        let mut count = 0;
        for ecosystem in self.ecosystems()? {
            for package in ecosystem.package_names()? {
                count += ecosystem.rows(package)?.len();
            }
        }
        Ok(count)
    }

    /// A record by its number.
    ///
    /// # Errors
    /// If the database is damaged there, or has no such record.
    pub fn record(&self, record: u32) -> Result<Vulnerability<'_>, DatabaseError> {
        self.record_at(record).map_err(|damage| self.damaged(damage))
    }

    /// The number of the record with that id.
    ///
    /// # Errors
    /// If the database is damaged there.
    pub fn find_record(&self, id: &str) -> Result<Option<u32>, DatabaseError> {
        let found = search((0, self.record_count()), |index| Ok(id_order(&self.id_at(index)?, id)));
        let found = found.map_err(|damage| self.damaged(damage))?;
        Ok(found.and_then(|index| u32::try_from(index).ok()))
    }

    /// The record that has `alias` among its other names, in any case. Decompresses all texts: a
    /// tenth of a second.
    ///
    /// # Errors
    /// If the database is damaged there.
    pub fn find_alias(&self, alias: &str) -> Result<Option<u32>, DatabaseError> {
        let texts = self.texts();
        for record in 0..u32::try_from(self.record_count()).unwrap_or(u32::MAX) {
            if texts.get(record)?.aliases.iter().any(|name| name.eq_ignore_ascii_case(alias)) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn id_at(&self, index: usize) -> Result<Cow<'_, str>, Damage> {
        match self.field(Section::Records, index, 0)? {
            id if id & ID_IS_STRING == 0 => Ok(unpack_cve(id).into()),
            id => self.string(id & !ID_IS_STRING).map(Cow::Borrowed),
        }
    }

    fn record_at(&self, record: u32) -> Result<Vulnerability<'_>, Damage> {
        let index = usize::try_from(record).unwrap_or(usize::MAX);
        let id = self.id_at(index)?;
        let about = match self.field(Section::Records, index, 1)? {
            0 => vec![record],
            list => self.list(list - 1)?,
        };
        let flags = self.field(Section::Records, index, 2)?;
        let rating = (flags & RATED != 0)
            .then(|| u8::try_from((flags >> RATING_SHIFT) & 0xff).ok().and_then(rating_of_code))
            .flatten();
        Ok(Vulnerability { record, id, about, direct: flags & DIRECT != 0, rating })
    }

    fn list(&self, place: u32) -> Result<Vec<u32>, Damage> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let mut cursor = Cursor::new(self.section(Section::Lists), place, Section::Lists);
        let count = cursor.number()?;
        let mut number: u32 = 0;
        let mut list = Vec::new();
        for _ in 0..count {
            number = number.wrapping_add(cursor.number()?);
            list.push(number);
        }
        Ok(list)
    }

    /// The texts of this database, each block of which is decompressed at most once.
    pub fn texts(&self) -> Texts<'_> {
        Texts { database: self, blocks: RefCell::default() }
    }
}

/// See [`Database::texts`].
#[derive(Debug)]
pub struct Texts<'a> {
    database: &'a Database,
    blocks: RefCell<Decompressed>,
}

#[derive(Debug, Default)]
struct Decompressed {
    /// Made when the first text is asked for.
    decoder: Option<Blocks>,
    blocks: HashMap<u32, Block>,
}

impl Texts<'_> {
    /// The text of a record.
    ///
    /// # Errors
    /// If the database is damaged there, or has no such record.
    pub fn get(&self, record: u32) -> Result<Text, DatabaseError> {
        self.text(record).map_err(|damage| self.database.damaged(damage))
    }

    fn text(&self, record: u32) -> Result<Text, Damage> {
        let missing = || {
            let (section, offset) = (Section::Texts.name(), u64::from(record));
            Damage { what: "a text is missing", section, offset }
        };
        let index = self.database.text_index();
        let (block, place) = index.find(record).ok_or_else(missing)?;
        let mut blocks = self.blocks.borrow_mut();
        let Decompressed { decoder, blocks } = &mut *blocks;
        let block = match blocks.entry(block) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let decoder = match decoder {
                    Some(decoder) => decoder,
                    None => decoder.insert(Blocks::new().map_err(|_| no_memory())?),
                };
                let texts = self.database.section(Section::Texts);
                place.insert(decoder.decode(index, texts, block)?)
            }
        };
        block.text(place).unwrap_or_else(|| Err(missing()))
    }
}

fn no_memory() -> Damage {
    let (section, offset) = (Section::Texts.name(), 0);
    Damage { what: "there is no memory to decompress", section, offset }
}

impl Database {
    fn text_index(&self) -> TextIndex<'_> {
        let entries = self.section(Section::TextIndex);
        TextIndex { entries, version: self.layout.version }
    }

    /// The blocks of texts as they were compressed.
    pub(super) fn known_blocks(&self) -> Result<Known, DatabaseError> {
        self.blocks().map_err(|damage| self.damaged(damage))
    }

    fn blocks(&self) -> Result<Known, Damage> {
        let mut known = Known::default();
        let mut decoder = Blocks::new().map_err(|_| no_memory())?;
        let (index, texts) = (self.text_index(), self.section(Section::Texts));
        for block in 0..index.blocks() {
            let compressed = index.compressed(texts, block)?;
            known.add(decoder.plain(compressed, block)?, compressed);
        }
        Ok(known)
    }
}

impl<'a> Ecosystem<'a> {
    /// The sources that have something about this ecosystem.
    pub fn sources(&self) -> impl Iterator<Item = &'a SourceInfo> + use<'a> {
        let sources = self.sources;
        let all = self.database.header.sources.iter().enumerate();
        all.filter(move |(i, _)| *i < 32 && sources & (1 << i) != 0).map(|(_, source)| source)
    }

    /// The same as a set of bits, as the file has them.
    pub(super) const fn source_bits(&self) -> u32 {
        self.sources
    }

    /// Number of packages that something is said about.
    pub fn package_count(&self) -> usize {
        self.packages.1 - self.packages.0
    }

    /// The packages that something is said about, in order of name.
    ///
    /// # Errors
    /// If the database is damaged there.
    pub fn package_names(&self) -> Result<Vec<&'a str>, DatabaseError> {
        let names: Result<_, Damage> =
            (self.packages.0..self.packages.1).map(|index| self.name_at(index)).collect();
        names.map_err(|damage| self.database.damaged(damage))
    }

    fn name_at(&self, index: usize) -> Result<&'a str, Damage> {
        self.database.string(self.database.field(Section::Packages, index, 0)?)
    }

    /// What is said about the package of that name; empty if nothing is.
    ///
    /// # Errors
    /// If the database is damaged there.
    pub fn rows(&self, package: &str) -> Result<Vec<PackageRow<'a>>, DatabaseError> {
        let rows = search(self.packages, |index| Ok(self.name_at(index)?.cmp(package)))
            .and_then(|index| index.map_or(Ok(Vec::new()), |index| self.rows_at(index)));
        rows.map_err(|damage| self.database.damaged(damage))
    }

    fn rows_at(&self, index: usize) -> Result<Vec<PackageRow<'a>>, Damage> {
        let database = self.database;
        let offset = database.field(Section::Packages, index, 1)?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rows = decode_rows(database.section(Section::Rows), offset)?;
        rows.into_iter()
            .map(|(record, row)| Ok(PackageRow { record, row: database.resolve(row)? }))
            .collect()
    }
}

impl Database {
    fn resolve(&self, row: Row<u32>) -> Result<Row<&str>, Damage> {
        let ranges: Result<_, Damage> = row.ranges.iter().map(|r| self.resolve_range(r)).collect();
        Ok(Row {
            ranges: ranges?,
            module: row.module.map(|module| self.string(module)).transpose()?,
            rating: row.rating,
            support_ended: row.support_ended,
            stance: row.stance,
        })
    }

    fn resolve_range(&self, range: &Range<u32>) -> Result<Range<&str>, Damage> {
        Ok(Range {
            introduced: range.introduced.map(|version| self.string(version)).transpose()?,
            end: match range.end {
                End::Open => End::Open,
                End::Fixed(version) => End::Fixed(self.string(version)?),
                End::LastAffected(version) => End::LastAffected(self.string(version)?),
            },
        })
    }
}

/// Binary search in the entries `start..end`.
fn search(
    (mut start, mut end): (usize, usize),
    compare: impl Fn(usize) -> Result<Ordering, Damage>,
) -> Result<Option<usize>, Damage> {
    while start < end {
        let middle = start + (end - start) / 2;
        match compare(middle)? {
            Ordering::Equal => return Ok(Some(middle)),
            Ordering::Less => start = middle + 1,
            Ordering::Greater => end = middle,
        }
    }
    Ok(None)
}
