//! Packages of languages: what is installed, and what lock files name.
//!
//! Files are read while a layer streams by, wherever they are in it ([`extractor`]); of each only
//! an [`Extract`] is kept. A reader takes foreign bytes, returns what it understood and says what it
//! did not; none reads more than a named bound.

mod classify;
pub mod dotnet;
pub mod go;
pub mod java;
pub mod node;
pub mod others;
mod owned;
pub mod php;
pub mod program;
pub mod python;
pub mod ruby;
pub mod rust;
mod select;

use std::io::{self, Read};

use cofferdam_finding::PackageKind;
use cofferdam_image::{Candidate, Extractor};
use serde::{Deserialize, Serialize};

use crate::packages::Problem;
pub(crate) use owned::{Owners, may_be_owned};
use select::{Reader, reader};

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extract {
    /// Packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Found>,
    /// What was not understood: the first [`Extract::MOST_PROBLEMS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Paths of files that the package of a distribution owns, for a list of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owned: Vec<String>,
    /// Licences of the package of a distribution, for its file of copyright.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
}

/// A package that a file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Found {
    /// Ecosystem.
    pub kind: PackageKind,
    /// Name in full.
    pub name: String,
    /// Version; empty if the file does not say.
    pub version: String,
    /// Licences, as declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    /// Whether it is named for installing, rather than installed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
    /// Where in the file: the path of an archive within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner: Option<String>,
}

impl Found {
    /// An installed package.
    pub(crate) fn new(kind: PackageKind, name: &str, version: &str) -> Self {
        let (name, version) = (name.trim().to_owned(), version.trim().to_owned());
        Self { kind, name, version, licenses: Vec::new(), declared: false, inner: None }
    }

    /// A package that a lock file names.
    pub(crate) fn declared(kind: PackageKind, name: &str, version: &str) -> Self {
        Self { declared: true, ..Self::new(kind, name, version) }
    }
}

/// Bytes of a text that is read; lock files of the largest projects have some 5 MB.
pub const MAX_TEXT: u64 = 32 << 20;
/// Packages of one file.
const MOST_PACKAGES: usize = 50_000;
/// Bytes of a name or version.
const LONGEST_WORD: usize = 500;

impl Extract {
    /// Problems that are kept; a file of noise has as many as it has lines.
    pub const MOST_PROBLEMS: usize = 20;

    /// Adds a package; a name or version that is none is a problem.
    pub(crate) fn add(&mut self, found: Found) {
        let is_word = |text: &str| {
            text.len() <= LONGEST_WORD && !text.contains(|c: char| c.is_control() || c == ' ')
        };
        if found.name.is_empty() || !is_word(&found.name) || !is_word(&found.version) {
            let place: String = found.name.chars().take(60).collect();
            return self.problem(place, "its name or version is empty, too long or has spaces");
        }
        match self.packages.len() {
            MOST_PACKAGES => {
                self.problem("end", format!("it names more than {MOST_PACKAGES} packages"))
            }
            count if count > MOST_PACKAGES => {}
            _ => self.packages.push(found),
        }
    }

    /// Notes what was not understood.
    pub(crate) fn problem(&mut self, place: impl Into<String>, why: impl Into<String>) {
        if self.problems.len() < Self::MOST_PROBLEMS {
            self.problems.push(Problem { place: place.into(), why: why.into() });
        }
    }

    fn is_empty(&self) -> bool {
        let Self { packages, problems, owned, licenses } = self;
        packages.is_empty() && problems.is_empty() && owned.is_empty() && licenses.is_empty()
    }
}

/// What an image is asked for. The id changes whenever the outcome for some file does.
pub(crate) const EXTRACTOR: Extractor =
    Extractor { id: "cofferdam languages 2", selects, extract: extract_bytes };

fn selects(candidate: &Candidate<'_>) -> bool {
    reader(candidate).is_some()
}

fn extract_bytes(candidate: &Candidate<'_>, content: &mut dyn Read) -> io::Result<Vec<u8>> {
    let extract = extract(candidate, content)?;
    if extract.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::to_vec(&extract).map_err(io::Error::other)
}

/// Reads a file that its path, size or mode says may name packages; of another, nothing.
///
/// # Errors
/// Those of `content`. What does not make sense in the file is in the extract.
pub fn extract(candidate: &Candidate<'_>, content: &mut dyn Read) -> io::Result<Extract> {
    let Some(reader) = reader(candidate) else { return Ok(Extract::default()) };
    match reader {
        Reader::Program => program::read(candidate.path, content),
        Reader::Archive => java::read(candidate, content),
        Reader::Text(parse) => {
            let mut bytes = Vec::new();
            content.take(MAX_TEXT + 1).read_to_end(&mut bytes)?;
            let mut extract = Extract::default();
            if bytes.len() as u64 > MAX_TEXT {
                extract.problem("whole file", format!("it has more than {MAX_TEXT} bytes"));
            } else {
                parse(candidate.path, &String::from_utf8_lossy(&bytes), &mut extract);
            }
            Ok(extract)
        }
    }
}

/// Reads JSON; `None` and a problem if it is none.
fn json(text: &str, extract: &mut Extract) -> Option<serde_json::Value> {
    let text = text.trim_start_matches('\u{feff}');
    match serde_json::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            extract.problem("whole file", format!("it is not JSON: {error}"));
            None
        }
    }
}

/// Reads TOML; `None` and a problem if it is none.
fn toml(text: &str, extract: &mut Extract) -> Option<toml::Table> {
    match text.parse() {
        Ok(table) => Some(table),
        Err(error) => {
            let error: toml::de::Error = error;
            extract.problem("whole file", format!("it is not TOML: {}", error.message()));
            None
        }
    }
}
