//! The sources of a database, and building it from copies of them.

use std::path::{Path, PathBuf};

use cofferdam_finding::Context;
use serde::Deserialize;
use time::{Date, macros::format_description};

use super::{Advisory, FeedError, Tally, osv, secdb, threat, tracker};
use crate::database::{Builder, DatabaseError, SourceInfo};

/// A list of sources, as a TOML file has it: a table `[[source]]` for each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceList {
    /// The sources.
    #[serde(default)]
    pub source: Vec<Source>,
}

/// A source of advisories.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `debian-osv`: letters, digits, `-`.
    pub name: String,
    /// How it is written.
    pub format: Format,
    /// Where a copy of it lies, below the directory that a build is given.
    #[serde(default)]
    pub path: PathBuf,
    /// Date of the data, `YYYY-MM-DD`.
    #[serde(default)]
    pub date: String,
    /// Licence of the data, with the attribution that it asks for.
    pub licence: String,
    /// Where it is published.
    pub url: String,
    /// Files below that address, where it is not one file itself.
    #[serde(default)]
    pub files: Vec<String>,
    /// Ecosystems to take from it. Alpine's database needs none.
    #[serde(default)]
    pub ecosystems: Vec<String>,
}

/// How a source is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// OSV records.
    Osv,
    /// Alpine's security database.
    AlpineSecdb,
    /// The Debian security tracker's own data, perhaps compressed by gzip.
    DebianTracker,
    /// CISA's catalogue of known exploited vulnerabilities, as JSON.
    Kev,
    /// Scores of the Exploit Prediction Scoring System, as CSV, perhaps compressed by gzip.
    Epss,
}

/// Why a list of sources cannot be used, or a database not be built from it.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The list is not TOML, has an unknown key, or lacks one.
    #[error("could not read the list of sources")]
    Syntax(#[from] toml::de::Error),
    /// A source of the list makes no sense.
    #[error("could not use source '{name}': {why}")]
    Source {
        /// Name of the source.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A source cannot be read.
    #[error("could not read source '{name}'")]
    Feed {
        /// Name of the source.
        name: String,
        /// Why.
        source: FeedError,
    },
    /// The database cannot be written.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl SourceList {
    /// Where advisories are published, as far as this program can read them.
    ///
    /// # Panics
    /// Never: a test reads the list.
    #[must_use]
    pub fn published() -> Self {
        Self::parse(include_str!("../../../../data/feeds.toml")).expect("a test reads it")
    }

    /// Reads a list.
    ///
    /// # Errors
    /// If it is not one.
    pub fn parse(text: &str) -> Result<Self, BuildError> {
        let list: Self = toml::from_str(text)?;
        for source in &list.source {
            source.check()?;
        }
        Ok(list)
    }
}

impl Source {
    /// Checks what the type does not.
    ///
    /// # Errors
    /// If the name or the date is not one, or nothing would be taken.
    pub fn check(&self) -> Result<(), BuildError> {
        let fail =
            |why: &str| Err(BuildError::Source { name: self.name.clone(), why: why.to_owned() });
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(is_name) {
            return fail("its name has something other than letters, digits and '-'");
        }
        if !self.date.is_empty() && !is_date(&self.date) {
            return fail("its date is not written YYYY-MM-DD");
        }
        if self.format == Format::Osv && self.ecosystems.is_empty() {
            return fail("it does not say which ecosystems to take");
        }
        Ok(())
    }

    /// Adds what the copy at `path` holds to a database, of which this is source `number`.
    fn read(&self, path: &Path, number: usize, builder: &mut Builder) -> Result<Tally, FeedError> {
        let sink = &mut |advisory: Advisory| builder.add(number, &advisory);
        match self.format {
            Format::Osv => osv::read(path, &self.ecosystems, sink),
            Format::AlpineSecdb => secdb::read(path, sink),
            Format::DebianTracker => tracker::read(path, sink),
            Format::Kev => threat::read_kev(path, &mut |cve, exploited| {
                builder.threat(cve, Context { exploited: Some(exploited), ..Context::default() });
            }),
            Format::Epss => threat::read_epss(path, &mut |cve, epss| {
                builder.threat(cve, Context { epss: Some(epss), ..Context::default() });
            }),
        }
    }

    /// The number of the source in a database that is being built. What is known of attacks
    /// replaces what an earlier list said; advisories cannot be told apart by where they are from.
    fn enter(&self, builder: &mut Builder) -> Result<usize, BuildError> {
        let Some(number) = builder.source_named(&self.name) else {
            return Ok(builder.source(self.info()));
        };
        match self.format {
            Format::Kev => builder.forget_threats(|known| known.exploited = None),
            Format::Epss => builder.forget_threats(|known| known.epss = None),
            Format::Osv | Format::AlpineSecdb | Format::DebianTracker => {
                let why = "the database that is built upon has it already".to_owned();
                return Err(BuildError::Source { name: self.name.clone(), why });
            }
        }
        if let Some(info) = builder.source_mut(number) {
            *info = self.info();
        }
        Ok(number)
    }

    fn info(&self) -> SourceInfo {
        let ecosystems = match self.format {
            Format::Osv => self.ecosystems.clone(),
            Format::AlpineSecdb => vec!["Alpine".to_owned()],
            Format::DebianTracker => vec!["Debian".to_owned()],
            Format::Kev | Format::Epss => Vec::new(),
        };
        SourceInfo {
            name: self.name.clone(),
            date: self.date.clone(),
            licence: self.licence.clone(),
            url: self.url.clone(),
            ecosystems,
            records: 0,
            broken: 0,
        }
    }
}

fn is_date(text: &str) -> bool {
    Date::parse(text, format_description!("[year]-[month]-[day]")).is_ok()
}

/// A database and what became of the records that it was built from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// The file.
    pub bytes: Vec<u8>,
    /// Sources by name, in their order.
    pub tallies: Vec<(String, Tally)>,
}

/// Builds a database from copies of sources, each at its path below `root`. `started` is told
/// which source is being read.
///
/// # Errors
/// If a source cannot be read at all: a database that silently lacks a distribution would call its
/// packages unknown. Single broken records are in the tallies.
pub fn build(
    sources: &[Source],
    root: &Path,
    generation: u64,
    started: &mut dyn FnMut(&Source),
) -> Result<Built, BuildError> {
    build_onto(Builder::new(), sources, root, generation, started)
}

/// Builds a database as [`build`] does, from what `builder` has already.
///
/// # Errors
/// As [`build`]; also if the builder has a source of advisories of the same name.
pub fn build_onto(
    mut builder: Builder,
    sources: &[Source],
    root: &Path,
    generation: u64,
    started: &mut dyn FnMut(&Source),
) -> Result<Built, BuildError> {
    let mut tallies = Vec::new();
    for source in sources {
        source.check()?;
        for (missing, what) in [
            (source.date.is_empty(), "the list does not give the date of its copy"),
            (source.path.as_os_str().is_empty(), "the list does not give the path of its copy"),
        ] {
            if missing {
                let (name, why) = (source.name.clone(), what.to_owned());
                return Err(BuildError::Source { name, why });
            }
        }
        started(source);
        let number = source.enter(&mut builder)?;
        let tally = source
            .read(&root.join(&source.path), number, &mut builder)
            .map_err(|error| BuildError::Feed { name: source.name.clone(), source: error })?;
        if let Some(info) = builder.source_mut(number) {
            info.records = tally.records;
            info.broken = tally.broken;
        }
        tallies.push((source.name.clone(), tally));
    }
    Ok(Built { bytes: builder.finish(generation)?, tallies })
}
