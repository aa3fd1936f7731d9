//! The index as a file: see `docs/reference/fleet-format.md`.

use sha2::{Digest as _, Sha256};

use super::{Component, Entry, Fleet, Matched, Set, State, Topic};
use crate::bytes::{Malformed, Reader, put_blob, put_count, put_long, put_text};

/// The version of the format that this program reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// Bytes that a file may have.
pub const MAX_FILE: u64 = 1 << 30;

/// Not text, and changed by whatever converts line endings.
const MAGIC: [u8; 8] = *b"\x89CDFL\r\n\x1a";
/// Magic, version, SHA-256 of all that follows.
const HEADER: usize = 8 + 4 + 32;

const COVERED: u8 = 1;
const KNOWN: u8 = 1;
const UNDECIDED: u8 = 2;

/// Why bytes are no index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is something else.
    #[error("it is not a fleet index of Cofferdam")]
    Foreign,
    /// It is of another version of the format.
    #[error("it has format {0}, this program reads format {FORMAT_VERSION}")]
    Version(u32),
    /// It was changed after it was written.
    #[error("it is damaged: its checksum does not match")]
    Checksum,
    /// It has the right checksum, but not the right form.
    #[error("it is damaged")]
    Malformed(#[from] Malformed),
}

impl Fleet {
    /// The index as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        self.put_matched(&mut body);
        put_count(&mut body, self.strings.len());
        self.strings.iter().for_each(|text| put_text(&mut body, text));
        put_count(&mut body, self.topics.len());
        self.topics.iter().for_each(|topic| topic.put(&mut body));
        put_count(&mut body, self.components.len());
        self.components.iter().for_each(|component| component.put(&mut body));
        put_count(&mut body, self.sets.len());
        self.sets.iter().for_each(|set| set.put(&mut body));
        put_count(&mut body, self.images.len());
        self.images.iter().for_each(|entry| entry.put(&mut body));
        let mut file = Vec::with_capacity(HEADER + body.len());
        file.extend(MAGIC);
        file.extend(FORMAT_VERSION.to_le_bytes());
        file.extend(Sha256::digest(&body).as_slice());
        file.extend(body);
        file
    }

    fn put_matched(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.matched.is_some()));
        if let Some(matched) = &self.matched {
            put_text(to, &matched.checksum);
            put_long(to, matched.generation);
            put_text(to, &matched.date);
        }
    }

    /// Reads what [`Fleet::encode`] writes.
    ///
    /// # Errors
    /// If it is something else. The checksum is no proof of who wrote it, so that every number is
    /// checked as well.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(FormatError::Foreign);
        }
        let mut header = Reader::new(bytes);
        header.take(MAGIC.len())?;
        let version = u32::from_le_bytes(header.array()?);
        if version != FORMAT_VERSION {
            return Err(FormatError::Version(version));
        }
        let checksum: [u8; 32] = header.array()?;
        let body = header.take(header.left())?;
        if Sha256::digest(body).as_slice() != checksum {
            return Err(FormatError::Checksum);
        }
        Ok(Decoding { reader: Reader::new(body), strings: 0 }.fleet()?)
    }
}

impl Topic {
    fn put(&self, to: &mut Vec<u8>) {
        put_long(to, self.ecosystem.into());
        put_long(to, self.name.into());
        put_optional(to, self.outweighed_by);
        to.extend(self.fingerprint);
        to.push(if self.covered { COVERED } else { 0 });
    }
}

impl Component {
    fn put(&self, to: &mut Vec<u8>) {
        let Self { topic, kind, name, version, source_name, source_version, .. } = *self;
        for number in [topic, kind, name, version, source_name, source_version] {
            put_long(to, number.into());
        }
        put_optional(to, self.module);
        let known = if self.state.known { KNOWN } else { 0 };
        to.push(known | if self.state.undecided { UNDECIDED } else { 0 });
        put_count(to, self.state.vulnerabilities.len());
        for (id, fixed) in &self.state.vulnerabilities {
            put_long(to, (*id).into());
            put_optional(to, *fixed);
        }
    }
}

impl Set {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.key);
        put_long(to, self.analyser.into());
        put_long(to, self.os.into());
        // Each as its distance to the one before, in one blob: most take one byte.
        let mut packed = Vec::with_capacity(self.components.len() * 2);
        let mut before = 0;
        for component in &self.components {
            put_long(&mut packed, u64::from(component - before));
            before = *component;
        }
        put_count(to, self.components.len());
        put_blob(to, &packed);
        put_count(to, self.gaps.len());
        self.gaps.iter().flatten().for_each(|text| put_long(to, (*text).into()));
    }
}

impl Entry {
    fn put(&self, to: &mut Vec<u8>) {
        put_long(to, self.name.into());
        put_optional(to, self.digest);
        put_optional(to, self.platform);
        put_long(to, self.added);
        put_long(to, self.set.into());
    }
}

/// 0 for none, else one more than the number.
fn put_optional(to: &mut Vec<u8>, number: Option<u32>) {
    put_long(to, number.map_or(0, |number| u64::from(number) + 1));
}

/// Reading of a body; every number is compared with what there is.
struct Decoding<'a> {
    reader: Reader<'a>,
    strings: usize,
}

impl Decoding<'_> {
    fn fleet(mut self) -> Result<Fleet, Malformed> {
        let matched = self.matched()?;
        let count = self.reader.count(1)?;
        let mut strings = Vec::with_capacity(count);
        for _ in 0..count {
            strings.push(self.reader.text()?.into());
        }
        self.strings = strings.len();
        let topics = self.list(20, Self::topic)?;
        let components = self.list(9, |this| this.component(topics.len()))?;
        let sets = self.list(36, |this| this.set(components.len()))?;
        let images = self.list(5, |this| this.entry(sets.len()))?;
        self.reader.end()?;
        Ok(Fleet { matched, strings, topics, components, sets, images })
    }

    fn list<T>(
        &mut self,
        least: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.reader.count(least)?;
        (0..count).map(|_| read(self)).collect()
    }

    fn matched(&mut self) -> Result<Option<Matched>, Malformed> {
        if self.reader.byte()? == 0 {
            return Ok(None);
        }
        Ok(Some(Matched {
            checksum: self.reader.text()?.to_owned(),
            generation: self.reader.long()?,
            date: self.reader.text()?.to_owned(),
        }))
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> Result<u32, Malformed> {
        let number = self.reader.number()?;
        if super::place(number) >= bound {
            return Err(self.reader.malformed("it refers to something that is not there"));
        }
        Ok(number)
    }

    fn string(&mut self) -> Result<u32, Malformed> {
        self.below(self.strings)
    }

    fn optional(&mut self) -> Result<Option<u32>, Malformed> {
        let number = self.below(self.strings.saturating_add(1))?;
        Ok(number.checked_sub(1))
    }

    fn topic(&mut self) -> Result<Topic, Malformed> {
        Ok(Topic {
            ecosystem: self.string()?,
            name: self.string()?,
            outweighed_by: self.optional()?,
            fingerprint: self.reader.array()?,
            covered: self.reader.byte()? & COVERED != 0,
        })
    }

    fn component(&mut self, topics: usize) -> Result<Component, Malformed> {
        let topic = self.below(topics)?;
        let (kind, name, version) = (self.string()?, self.string()?, self.string()?);
        let (source_name, source_version) = (self.string()?, self.string()?);
        let module = self.optional()?;
        let flags = self.reader.byte()?;
        let vulnerabilities = self.list(2, |this| Ok((this.string()?, this.optional()?)))?;
        let (known, undecided) = (flags & KNOWN != 0, flags & UNDECIDED != 0);
        let state = State { known, undecided, vulnerabilities };
        Ok(Component { topic, kind, name, version, source_name, source_version, module, state })
    }

    fn set(&mut self, components: usize) -> Result<Set, Malformed> {
        let key = self.reader.array()?;
        let (analyser, os) = (self.string()?, self.string()?);
        let count = self.reader.count(1)?;
        let mut packed = Reader::new(self.reader.blob()?);
        if count > packed.left() {
            return Err(self.reader.malformed("a set is longer than what holds it"));
        }
        let mut list = Vec::with_capacity(count);
        let mut number: u32 = 0;
        for position in 0..count {
            let distance = packed.number()?;
            let next = number.checked_add(distance);
            let fits = next.filter(|next| super::place(*next) < components);
            let rises = position == 0 || distance > 0;
            number = fits
                .filter(|_| rises)
                .ok_or_else(|| packed.malformed("a set has a package that is not there"))?;
            list.push(number);
        }
        packed.end()?;
        let gaps = self.list(3, |this| Ok([this.string()?, this.string()?, this.string()?]))?;
        Ok(Set { key, analyser, os, components: list, gaps })
    }

    fn entry(&mut self, sets: usize) -> Result<Entry, Malformed> {
        Ok(Entry {
            name: self.string()?,
            digest: self.optional()?,
            platform: self.optional()?,
            added: self.reader.long()?,
            set: self.below(sets)?,
        })
    }
}
