//! The outermost structure of the file: magic, header, table of sections, checksum.

use super::{Damage, DatabaseError, threat};

/// The version of the format that this program writes. It reads that and all before.
pub const FORMAT_VERSION: u32 = 3;

/// Not text, and changed by whatever converts line endings or strips the eighth bit.
pub(super) const MAGIC: [u8; 8] = *b"\x89CDAM\r\n\x1a";

/// SHA-256 of all that comes before it.
pub(super) const CHECKSUM_LENGTH: usize = 32;

/// The parts of the file, in order of their place in the table and in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Sources,
    Ecosystems,
    Packages,
    Rows,
    Records,
    Lists,
    Strings,
    TextIndex,
    Texts,
    Threats,
}

pub(super) const SECTIONS: [Section; 10] = [
    Section::Sources,
    Section::Ecosystems,
    Section::Packages,
    Section::Rows,
    Section::Records,
    Section::Lists,
    Section::Strings,
    Section::TextIndex,
    Section::Texts,
    Section::Threats,
];

/// How many of the sections a version of the format has; `None` if it is not known.
fn sections_of(version: u32) -> Option<usize> {
    match version {
        1 => Some(SECTIONS.len() - 1),
        2 | FORMAT_VERSION => Some(SECTIONS.len()),
        _ => None,
    }
}

impl Section {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::Ecosystems => "ecosystems",
            Self::Packages => "packages",
            Self::Rows => "rows",
            Self::Records => "records",
            Self::Lists => "lists",
            Self::Strings => "strings",
            Self::TextIndex => "text index",
            Self::Texts => "texts",
            Self::Threats => "threats",
        }
    }

    /// Size of an entry in a version of the format, for sections that are arrays.
    pub(super) const fn entry(self, version: u32) -> usize {
        match self {
            Self::Ecosystems => 16,
            Self::Packages | Self::Records => 12,
            Self::TextIndex if version < 3 => 8,
            Self::TextIndex => 12,
            Self::Threats => threat::ENTRY,
            _ => 1,
        }
    }
}

/// Magic, format version (u32), number of sections (u32), generation (u64), length of the file
/// (u64), then offset and length (u64 each) of every section.
const fn header_length(sections: usize) -> usize {
    32 + sections * 16
}

/// Where the sections are.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) version: u32,
    pub(super) generation: u64,
    sections: [(usize, usize); SECTIONS.len()],
}

impl Layout {
    /// Checks the header against the file.
    pub(super) fn parse(bytes: &[u8], name: &str) -> Result<Self, DatabaseError> {
        let damaged = |what, offset| DatabaseError::Damaged {
            name: name.to_owned(),
            source: Damage { what, section: "header", offset },
        };
        if !bytes.starts_with(&MAGIC) {
            return Err(DatabaseError::Foreign { name: name.to_owned() });
        }
        let found = u32_at(bytes, 8).ok_or_else(|| damaged("it is cut", 8))?;
        let Some(count) = sections_of(found) else {
            return Err(DatabaseError::Version { name: name.to_owned(), found });
        };
        if bytes.len() < header_length(count) + CHECKSUM_LENGTH {
            return Err(damaged("it is cut", 12));
        }
        if u32_at(bytes, 12).and_then(|n| usize::try_from(n).ok()) != Some(count) {
            return Err(damaged("it has another number of sections", 12));
        }
        if usize_at(bytes, 24) != Some(bytes.len()) {
            return Err(damaged("the file does not have the length that it was written with", 24));
        }
        let sections =
            parse_sections(bytes, found, count).map_err(|(what, at)| damaged(what, at))?;
        let generation = u64_at(bytes, 16).unwrap_or_default();
        Ok(Self { version: found, generation, sections })
    }

    /// The bytes of a section.
    pub(super) fn section<'a>(&self, bytes: &'a [u8], section: Section) -> &'a [u8] {
        let (start, end) = self.sections[section as usize];
        &bytes[start..end]
    }

    pub(super) fn sources<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.section(bytes, Section::Sources)
    }
}

type Sections = [(usize, usize); SECTIONS.len()];

/// The places of the first `count` sections; those that the file's format does not have are empty.
fn parse_sections(
    bytes: &[u8],
    version: u32,
    count: usize,
) -> Result<Sections, (&'static str, u64)> {
    let mut sections = [(0, 0); SECTIONS.len()];
    let content_end = bytes.len() - CHECKSUM_LENGTH;
    let mut end = header_length(count);
    for section in SECTIONS.into_iter().take(count) {
        let at = 32 + section as usize * 16;
        let place = || u64::try_from(at).unwrap_or_default();
        let start = usize_at(bytes, at).ok_or(("it is cut", place()))?;
        let length = usize_at(bytes, at + 8).ok_or(("it is cut", place()))?;
        if start != end || length > content_end.saturating_sub(start) {
            return Err(("a section is out of place", place()));
        }
        if !length.is_multiple_of(section.entry(version)) {
            return Err(("a section does not hold whole entries", place()));
        }
        end = start + length;
        sections[section as usize] = (start, end);
    }
    if end != content_end {
        return Err(("something follows the sections", 24));
    }
    Ok(sections)
}

/// Puts sections, in order, into a file.
pub(super) fn assemble(generation: u64, sections: &[Vec<u8>; SECTIONS.len()]) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let content: usize = sections.iter().map(Vec::len).sum();
    let header = header_length(SECTIONS.len());
    let length = header + content + CHECKSUM_LENGTH;
    let mut file = Vec::with_capacity(length);
    file.extend(MAGIC);
    file.extend(FORMAT_VERSION.to_le_bytes());
    file.extend(u32::try_from(SECTIONS.len()).unwrap_or_default().to_le_bytes());
    file.extend(generation.to_le_bytes());
    file.extend((length as u64).to_le_bytes());
    let mut offset = header;
    for section in sections {
        file.extend((offset as u64).to_le_bytes());
        file.extend((section.len() as u64).to_le_bytes());
        offset += section.len();
    }
    for section in sections {
        file.extend(section);
    }
    let checksum = Sha256::digest(&file);
    file.extend(checksum.as_slice());
    file
}

/// The little-endian number at `offset`.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let array = bytes.get(offset..offset.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_le_bytes(array))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let array = bytes.get(offset..offset.checked_add(8)?)?.try_into().ok()?;
    Some(u64::from_le_bytes(array))
}

fn usize_at(bytes: &[u8], offset: usize) -> Option<usize> {
    usize::try_from(u64_at(bytes, offset)?).ok()
}
