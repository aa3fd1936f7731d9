//! Advisories as their publishers write them.
//!
//! A feed never stops at the first record that it cannot understand: the record is named and
//! counted in a [`Tally`], and the rest goes on.

mod archive;
mod fetch;
pub mod osv;
pub mod secdb;
mod sources;
pub mod threat;
pub mod tracker;

use std::{collections::BTreeMap, path::PathBuf};

use cofferdam_finding::Severity;

use crate::database::Row;

pub use archive::MAX_RECORD;
pub use fetch::{FetchError, Fetched, fetch};
pub use sources::{BuildError, Built, Format, Source, SourceList, build, build_onto};

/// What a publisher says about one or several vulnerabilities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advisory {
    /// `CVE-2024-5535`, `DSA-5737-1`, `GHSA-mq29-j5xf-cjwr`.
    pub id: String,
    /// The vulnerabilities that it is about, by CVE id; none if it has no other name than its own.
    pub about: Vec<String>,
    /// Whether it is a record of exactly one vulnerability, rather than of an update that fixes
    /// it (perhaps among others).
    pub direct: bool,
    /// One line.
    pub title: String,
    /// One line for each of the vulnerabilities that it is about, where it has one.
    pub titles: BTreeMap<String, String>,
    /// CVSS vectors.
    pub vectors: Vec<String>,
    /// The publisher's own rating: the worst of what it is about.
    pub rating: Option<Severity>,
    /// Other names.
    pub aliases: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// What is affected.
    pub affected: Vec<Affected>,
}

/// A package that an advisory is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// `Debian:12`.
    pub ecosystem: String,
    /// Name of the (source) package.
    pub package: String,
    /// Affected versions.
    pub row: Row<String>,
}

/// What became of the records of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records read, good and bad.
    pub records: u64,
    /// Records that were taken back by their publisher.
    pub withdrawn: u64,
    /// Records about other things: other ecosystems, updates that fix no vulnerability.
    pub irrelevant: u64,
    /// Records that could not be understood.
    pub broken: u64,
    /// The first of those, with the reason.
    pub examples: Vec<String>,
}

impl Tally {
    /// How many broken records are named.
    const EXAMPLES: usize = 20;

    /// Counts a record that could not be understood.
    fn broken(&mut self, name: &str, why: &str) {
        self.broken += 1;
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(format!("{name}: {why}"));
        }
    }
}

/// Why a feed cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file or directory cannot be read.
    #[error("could not read feed '{path}'")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The archive is damaged or not one.
    #[error("could not read feed '{path}': {why}")]
    Archive {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}
