use cofferdam_finding::DataSource;
use serde::{Deserialize, Serialize};
use time::{Date, macros::format_description};

use super::Damage;

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Path of the file; `built-in` for the one that comes with the program.
    pub name: String,
    /// Version of the format.
    pub format_version: u32,
    /// Which of the databases of this place it is: rises with every update.
    pub generation: u64,
    /// Bytes.
    pub size: usize,
    /// Where the advisories come from.
    pub sources: Vec<SourceInfo>,
}

impl Header {
    /// Date of the oldest source, `YYYY-MM-DD`: the database is no younger than this.
    pub fn date(&self) -> &str {
        self.sources.iter().map(|source| source.date.as_str()).min().unwrap_or("")
    }

    /// The sources as reports state them, with their age on the day `today`.
    pub fn data_sources(&self, today: Date) -> Vec<DataSource> {
        let describe = |source: &SourceInfo| DataSource {
            name: source.name.clone(),
            date: source.date.clone(),
            age_days: source.age_days(today).unwrap_or_default(),
            records: source.records,
        };
        self.sources.iter().map(describe).collect()
    }
}

/// Where advisories come from, and how old they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// `debian-osv`.
    pub name: String,
    /// Date of the data, `YYYY-MM-DD`.
    pub date: String,
    /// Licence of the data, with the attribution that it asks for.
    pub licence: String,
    /// Where it was published.
    pub url: String,
    /// Ecosystems taken from it (all releases of `Debian`, or one: `Debian:12`).
    pub ecosystems: Vec<String>,
    /// Records read.
    pub records: u64,
    /// Records that could not be understood.
    pub broken: u64,
}

impl SourceInfo {
    /// Days from the date of the data to `today`; `None` if the date is not one.
    pub fn age_days(&self, today: Date) -> Option<i64> {
        let date = Date::parse(&self.date, format_description!("[year]-[month]-[day]")).ok()?;
        Some((today - date).whole_days())
    }
}

pub(super) fn parse_sources(json: &[u8]) -> Result<Vec<SourceInfo>, Damage> {
    let sources: Vec<SourceInfo> = serde_json::from_slice(json).map_err(|error| Damage {
        what: "the list of sources is not JSON as expected",
        section: "sources",
        offset: u64::try_from(error.column()).unwrap_or_default(),
    })?;
    Ok(sources)
}
