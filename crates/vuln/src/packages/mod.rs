//! Readers of package databases. Each takes bytes and returns the packages that it understood and
//! the places that it did not: a reader never stops at the first broken entry and never fails.

pub mod apk;
pub mod dpkg;
pub mod rpm;

use cofferdam_finding::SourcePackage;
use serde::{Deserialize, Serialize};

/// Files of a package that are kept.
const MOST_FILES: usize = 100_000;

/// An installed package as its database describes it, before it is placed in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Name.
    pub name: String,
    /// Version in full, as the package manager compares it.
    pub version: String,
    /// Architecture, as the package manager writes it.
    pub architecture: Option<String>,
    /// Source package, where the database names one.
    pub source: Option<SourcePackage>,
    /// File name of the source package, for RPM: `openssl-3.0.7-24.el9.src.rpm`.
    pub source_file: Option<String>,
    /// Licences, as declared.
    pub licenses: Vec<String>,
    /// Modularity label of an RPM.
    pub module: Option<String>,
    /// Who built it, for RPM.
    pub vendor: Option<String>,
    /// Files of it that may name packages of a language, or be programs.
    pub files: Vec<String>,
}

/// A place in a database that was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Which place: a line, a page, a package.
    pub place: String,
    /// What is wrong with it.
    pub why: String,
}

/// What a reader made of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The packages that were understood, in the order of the database.
    pub records: Vec<Record>,
    /// What was not understood: the first [`Contents::MOST_PROBLEMS`] places, then one that counts
    /// the rest.
    pub problems: Vec<Problem>,
    uncounted: usize,
}

impl Contents {
    /// Most problems that are kept one by one. A file of noise has as many as it has lines.
    pub const MOST_PROBLEMS: usize = 50;

    fn problem(&mut self, place: impl Into<String>, why: impl Into<String>) {
        if self.problems.len() < Self::MOST_PROBLEMS {
            self.problems.push(Problem { place: place.into(), why: why.into() });
        } else {
            self.uncounted += 1;
        }
    }

    /// Says how many problems were not kept one by one; to be called once, last.
    fn finish(mut self) -> Self {
        if self.uncounted > 0 {
            let why = format!("{} more places could not be understood", self.uncounted);
            self.problems.push(Problem { place: "elsewhere".into(), why });
        }
        self
    }
}

/// Whether a value can be a name, version or architecture: something, and nothing that does not
/// print or that separates words.
fn is_word(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_graphic)
}

/// A value as text, if it [is a word](is_word).
fn word(value: &[u8]) -> Option<&str> {
    is_word(value).then(|| str::from_utf8(value).ok()).flatten()
}
