//! The header of a package, as rpm stores it in its database: a count of index entries and a length
//! of data (both 32 bits, big-endian), the entries (tag, type, offset into the data, count), the
//! data (rpm's `docs/manual/format_header`; the tags are those of `rpmtag.h`).

use cofferdam_finding::SourcePackage;

use super::bytes::{Order, slice};
use crate::{
    language::may_be_owned,
    packages::{Contents, MOST_FILES, Record, word},
};

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const VENDOR: u32 = 1011;
const LICENSE: u32 = 1014;
const ARCH: u32 = 1022;
const SOURCERPM: u32 = 1044;
const DIRINDEXES: u32 = 1116;
const BASENAMES: u32 = 1117;
const DIRNAMES: u32 = 1118;
const MODULARITYLABEL: u32 = 5096;

const TYPE_INT32: u32 = 4;
const TYPE_STRING: u32 = 6;
const TYPE_STRING_ARRAY: u32 = 8;
const TYPE_TRANSLATED_STRING: u32 = 9;

/// rpm refuses headers with more entries or more data.
const MOST_ENTRIES: usize = 0xffff;
const MOST_DATA: usize = 256 << 20;

const ENTRY_SIZE: usize = 16;

/// Reads the header that was found at `place` into `contents`.
pub(super) fn read(place: &str, blob: &[u8], contents: &mut Contents) {
    let Some(header) = Header::parse(blob) else {
        return contents.problem(place, "not a header of a package: its lengths do not fit");
    };
    let Some(name) = header.text(NAME).and_then(word) else {
        return contents.problem(place, "its header has no name");
    };
    if name == "gpg-pubkey" {
        return;
    }
    let (version, release) = (header.text(VERSION), header.text(RELEASE));
    let (Some(version), Some(release)) = (version.and_then(word), release.and_then(word)) else {
        return contents.problem(format!("package {name}"), "its header has no version or release");
    };
    let epoch = header.number(EPOCH).filter(|epoch| *epoch != 0);
    let in_full = |version: &str, release: &str| match epoch {
        Some(epoch) => format!("{epoch}:{version}-{release}"),
        None => format!("{version}-{release}"),
    };
    let source_file = header.text(SOURCERPM).and_then(word);
    // The file name has no epoch. Packages of one source share theirs, with few exceptions.
    let source = source_file.and_then(split_source).map(|(name, version, release)| SourcePackage {
        name: name.into(),
        version: in_full(version, release),
    });
    if source.is_none() && source_file.is_some_and(|file| file != "(none)") {
        contents
            .problem(format!("package {name}"), "its source is not NAME-VERSION-RELEASE.src.rpm");
    }
    contents.records.push(Record {
        name: name.into(),
        version: in_full(version, release),
        architecture: header.text(ARCH).and_then(word).map(str::to_owned),
        source_file: source.is_some().then(|| source_file.map(str::to_owned)).flatten(),
        source,
        licenses: header.lossy(LICENSE).into_iter().collect(),
        module: header.lossy(MODULARITYLABEL),
        vendor: header.lossy(VENDOR),
        files: header.files(),
    });
}

/// `openssl-3.0.7-24.el9.src.rpm` into name, version and release.
fn split_source(file: &str) -> Option<(&str, &str, &str)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let complete = !name.is_empty() && !version.is_empty() && !release.is_empty();
    complete.then_some((name, version, release))
}

/// The parts of a header.
struct Header<'a> {
    entries: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(blob: &'a [u8]) -> Option<Self> {
        let entries =
            Order::Big.size(blob, 0).filter(|count| (1..=MOST_ENTRIES).contains(count))?;
        let data = Order::Big.size(blob, 4).filter(|length| *length <= MOST_DATA)?;
        let data_start = 8 + entries * ENTRY_SIZE;
        Some(Self {
            entries: slice(blob, 8, entries * ENTRY_SIZE)?,
            data: slice(blob, data_start, data)?,
        })
    }

    /// Where the values of `tag` begin, and their type.
    fn find(&self, tag: u32) -> Option<(u32, &'a [u8])> {
        self.find_counted(tag).map(|(kind, _, values)| (kind, values))
    }

    /// The (first) text of `tag`: it ends at a zero byte.
    fn text(&self, tag: u32) -> Option<&'a [u8]> {
        let (kind, values) = self.find(tag)?;
        let is_text = matches!(kind, TYPE_STRING | TYPE_STRING_ARRAY | TYPE_TRANSLATED_STRING);
        let end = is_text.then(|| values.iter().position(|byte| *byte == 0)).flatten()?;
        values.get(..end)
    }

    /// Text that need not be one word, or UTF-8.
    fn lossy(&self, tag: u32) -> Option<String> {
        let text = self.text(tag)?.trim_ascii();
        let text = String::from_utf8_lossy(text).into_owned();
        (!text.is_empty() && text != "(none)").then_some(text)
    }

    /// Files that may name packages of a language: a name, and the number of its directory, for each.
    fn files(&self) -> Vec<String> {
        let directories: Vec<&[u8]> = self.texts(DIRNAMES).collect();
        let Some((TYPE_INT32, indexes)) = self.find(DIRINDEXES) else { return Vec::new() };
        self.texts(BASENAMES)
            .enumerate()
            .filter_map(|(i, name)| {
                let directory = directories.get(Order::Big.size(indexes, i * 4)?)?;
                let path = [directory, name].concat();
                let path = String::from_utf8_lossy(&path);
                let path = path.trim_start_matches('/');
                may_be_owned(path).then(|| path.to_owned())
            })
            .take(MOST_FILES)
            .collect()
    }

    /// The texts of a list.
    fn texts(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> {
        let found = self.find_counted(tag).filter(|(kind, ..)| *kind == TYPE_STRING_ARRAY);
        let (_, count, values) = found.unwrap_or_default();
        values.split(|byte| *byte == 0).take(count)
    }

    fn find_counted(&self, tag: u32) -> Option<(u32, usize, &'a [u8])> {
        let entry = self
            .entries
            .chunks_exact(ENTRY_SIZE)
            .find(|entry| Order::Big.u32(entry, 0) == Some(tag))?;
        let offset = Order::Big.size(entry, 8)?;
        let count = Order::Big.size(entry, 12)?;
        Some((Order::Big.u32(entry, 4)?, count, self.data.get(offset..)?))
    }

    fn number(&self, tag: u32) -> Option<u32> {
        let (kind, values) = self.find(tag)?;
        (kind == TYPE_INT32).then(|| Order::Big.u32(values, 0)).flatten()
    }
}
