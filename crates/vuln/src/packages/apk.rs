//! apk: the text file `installed` of `lib/apk/db` (apk-tools 2) or `usr/lib/apk/db` (apk-tools 3,
//! and systems whose `lib` is a link to `usr/lib`).
//!
//! apk-tools 3 has a binary format (ADB) for packages and indexes; the database of what is
//! installed is still this text. A file in the binary format is reported as not understood.
//!
//! A line is one letter, a colon and a value; an empty line ends a package. `P` is the name, `V`
//! the version, `A` the architecture, `L` the licence, `o` the source package ("origin"), which
//! always has the version of the package. Lines about files (`F`, `R`, `Z`, …) follow.

use cofferdam_finding::SourcePackage;

use super::{Contents, MOST_FILES, Record, word};
use crate::language::may_be_owned;

/// Reads an `installed` file.
pub fn parse(content: &[u8]) -> Contents {
    let mut contents = Contents::default();
    if content.starts_with(b"ADB") {
        contents.problem("whole file", "it is in the binary format of apk-tools 3 (ADB)");
        return contents;
    }
    let mut stanza = Stanza::default();
    let (lines, cut) = match content.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => (&content[..end], &content[end + 1..]),
        None => (&[][..], content),
    };
    for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        stanza.take(line, index + 1, &mut contents);
    }
    if stanza.first_line != 0 || !cut.is_empty() {
        let why = "the file ends in the middle of it: packages after it are missing";
        contents.problem(stanza.place(), why);
    }
    stanza.close(&mut contents);
    contents.finish()
}

/// The fields of a package that matter here.
#[derive(Debug, Default)]
struct Stanza<'a> {
    /// Directory of the files that follow.
    directory: &'a [u8],
    files: Vec<String>,
    first_line: usize,
    name: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    architecture: Option<&'a [u8]>,
    license: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
}

impl<'a> Stanza<'a> {
    fn take(&mut self, line: &'a [u8], number: usize, contents: &mut Contents) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return self.close(contents);
        }
        let &[key, b':', ref value @ ..] = line else {
            return contents.problem(format!("line {number}"), "not a letter and a colon");
        };
        // An empty line was lost: `P` occurs once in a package.
        if key == b'P' && self.name.is_some() {
            contents.problem(self.place(), format!("no empty line ends it before line {number}"));
            self.close(contents);
        }
        if self.first_line == 0 {
            self.first_line = number;
        }
        let slot = match key {
            b'P' => &mut self.name,
            b'V' => &mut self.version,
            b'A' => &mut self.architecture,
            b'L' => &mut self.license,
            b'o' => &mut self.origin,
            b'F' => {
                self.directory = value;
                return;
            }
            b'R' => return self.file(value),
            _ => return,
        };
        if slot.replace(value).is_some() {
            let letter = char::from(key);
            contents.problem(self.place(), format!("field {letter} occurs twice"));
        }
    }

    fn file(&mut self, name: &[u8]) {
        let path = [self.directory, name].join(&b'/');
        let path = String::from_utf8_lossy(&path);
        let path = path.trim_start_matches('/');
        if self.files.len() < MOST_FILES && may_be_owned(path) {
            self.files.push(path.to_owned());
        }
    }

    fn place(&self) -> String {
        match self.name.and_then(word) {
            Some(name) => format!("package {name}"),
            None if self.first_line == 0 => "end of file".into(),
            None => format!("package at line {}", self.first_line),
        }
    }

    fn close(&mut self, contents: &mut Contents) {
        let stanza = std::mem::take(self);
        if stanza.first_line == 0 {
            return;
        }
        let Some(name) = stanza.name.and_then(word) else {
            return contents.problem(stanza.place(), "its name (P) is missing or not one word");
        };
        let Some(version) = stanza.version.and_then(word) else {
            return contents.problem(stanza.place(), "its version (V) is missing or not one word");
        };
        let origin = stanza.origin.filter(|origin| !origin.is_empty());
        if origin.is_some_and(|origin| word(origin).is_none()) {
            contents.problem(stanza.place(), "its origin (o) is not one word");
        }
        contents.records.push(Record {
            name: name.into(),
            version: version.into(),
            architecture: stanza.architecture.and_then(word).map(str::to_owned),
            source: origin
                .and_then(word)
                .map(|origin| SourcePackage { name: origin.into(), version: version.into() }),
            licenses: stanza
                .license
                .filter(|license| !license.trim_ascii().is_empty())
                .map(|license| String::from_utf8_lossy(license.trim_ascii()).into_owned())
                .into_iter()
                .collect(),
            files: stanza.files,
            ..Record::default()
        });
    }
}
