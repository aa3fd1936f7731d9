//! The Debian security tracker's own data
//! (<https://security-tracker.debian.org/tracker/data/json>): by source package and vulnerability what
//! is the case in each release, and what Debian has decided to do about it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::Path,
};

use cofferdam_finding::Severity;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, Visitor},
};
use serde_json::Value;

use super::{Advisory, Affected, FeedError, Tally};
use crate::database::{End, Range, Row, Stance};

/// Bytes of the file, decompressed; in 2025 it had some 80 MB.
const LONGEST: u64 = 1 << 30;
/// Bytes of a name, an id or a version.
const LONGEST_WORD: usize = 300;
/// Characters of a title.
const LONGEST_TITLE: usize = 160;

/// Releases by their code names. What has none here (`sid`) is nothing that images are made of.
const RELEASES: [(&str, &str); 9] = [
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
];

/// Reads the file, plain or compressed with gzip.
///
/// # Errors
/// If it cannot be read, or is not JSON. Entries that cannot be understood are in the tally.
pub fn read(path: &Path, sink: &mut dyn FnMut(Advisory)) -> Result<Tally, FeedError> {
    let failed = |source| FeedError::Read { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let is_compressed = file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let mut tally = Tally::default();
    let outcome = if is_compressed {
        parse(flate2::bufread::MultiGzDecoder::new(file), &mut tally, sink)
    } else {
        parse(file, &mut tally, sink)
    };
    let archive = |why: String| FeedError::Archive { path: path.to_owned(), why };
    outcome.map_err(archive)?;
    Ok(tally)
}

/// Reads the data entry by entry: no more than one is in memory.
///
/// # Errors
/// If it is not JSON of that shape: where, and what is wrong.
pub fn parse(
    content: impl Read,
    tally: &mut Tally,
    sink: &mut dyn FnMut(Advisory),
) -> Result<(), String> {
    let content = BufReader::new(content.take(LONGEST));
    let mut deserializer = serde_json::Deserializer::from_reader(content);
    Packages { tally, sink }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| error.to_string())
}

/// The outer object: vulnerabilities by source package.
struct Packages<'a> {
    tally: &'a mut Tally,
    sink: &'a mut dyn FnMut(Advisory),
}

impl<'de> DeserializeSeed<'de> for Packages<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Packages<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of source packages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { tally, sink } = self;
        while let Some(package) = map.next_key::<String>()? {
            map.next_value_seed(Vulnerabilities {
                package: &package,
                tally: &mut *tally,
                sink: &mut *sink,
            })?;
        }
        Ok(())
    }
}

/// The inner objects: entries by vulnerability.
struct Vulnerabilities<'a> {
    package: &'a str,
    tally: &'a mut Tally,
    sink: &'a mut dyn FnMut(Advisory),
}

impl<'de> DeserializeSeed<'de> for Vulnerabilities<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Vulnerabilities<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of vulnerabilities")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(id) = map.next_key::<String>()? {
            let value: Value = map.next_value()?;
            self.tally.records += 1;
            let place = || format!("{} {id}", self.package);
            match Entry::deserialize(value) {
                Err(error) => self.tally.broken(&place(), &error.to_string()),
                Ok(entry) => match advisory(self.package, &id, &entry) {
                    Err(why) => self.tally.broken(&place(), why),
                    Ok(None) => self.tally.irrelevant += 1,
                    Ok(Some(advisory)) => (self.sink)(advisory),
                },
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    description: String,
    #[serde(default)]
    releases: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: String,
    /// Why there is no security advisory.
    #[serde(default)]
    nodsa: Option<String>,
    #[serde(default)]
    nodsa_reason: Option<String>,
}

fn advisory(package: &str, id: &str, entry: &Entry) -> Result<Option<Advisory>, &'static str> {
    let is_word = |text: &str| !text.is_empty() && text.len() <= LONGEST_WORD;
    if !is_word(package) || !is_word(id) {
        return Err("its name or that of its package is empty or too long");
    }
    let mut affected = Vec::new();
    for (codename, release) in &entry.releases {
        let Some((_, number)) = RELEASES.iter().find(|(name, _)| name == codename) else {
            continue;
        };
        affected.push(Affected {
            ecosystem: format!("Debian:{number}"),
            package: package.to_owned(),
            row: row(release)?,
        });
    }
    if affected.is_empty() {
        return Ok(None);
    }
    Ok(Some(Advisory {
        id: id.to_owned(),
        direct: true,
        title: title(&entry.description),
        affected,
        ..Advisory::default()
    }))
}

/// What is the case in a release.
fn row(release: &Release) -> Result<Row<String>, &'static str> {
    let ranges = match release.status.as_str() {
        "resolved" => match release.fixed_version.as_deref().map(str::trim) {
            // Version 0: this release was never affected.
            Some("0") => Vec::new(),
            Some(fixed) if !fixed.is_empty() && fixed.len() <= LONGEST_WORD => {
                vec![Range { introduced: None, end: End::Fixed(fixed.to_owned()) }]
            }
            _ => return Err("a release is resolved, and not by which version"),
        },
        // Undetermined: nobody has looked yet. That is no reason to call it safe.
        "open" | "undetermined" => vec![Range { introduced: None, end: End::Open }],
        _ => return Err("the status of a release is none"),
    };
    let stance = match (release.nodsa.is_some(), release.nodsa_reason.as_deref()) {
        _ if release.status == "undetermined" => Some(Stance::Undetermined),
        (_, Some("ignored")) => Some(Stance::Ignored),
        (_, Some("postponed")) => Some(Stance::Postponed),
        (true, _) => Some(Stance::NoAdvisory),
        (false, _) => None,
    };
    // Two stars: the urgency is that of the National Vulnerability Database.
    let rating = match release.urgency.trim_end_matches('*') {
        "unimportant" => Some(Severity::Info),
        "low" => Some(Severity::Low),
        "medium" => Some(Severity::Medium),
        "high" => Some(Severity::High),
        _ => None,
    };
    let support_ended = release.urgency == "end-of-life";
    let stance = stance.filter(|_| !ranges.is_empty());
    Ok(Row { ranges, module: None, rating, support_ended, stance })
}

/// The first sentence of a description.
fn title(description: &str) -> String {
    let line = description.lines().next().unwrap_or_default().trim();
    let sentence = line.split_once(". ").map_or(line, |(sentence, _)| sentence);
    let sentence = sentence.trim_end_matches('.');
    if sentence.chars().count() <= LONGEST_TITLE {
        return sentence.to_owned();
    }
    let mut cut: String = sentence.chars().take(LONGEST_TITLE).collect();
    cut.push('…');
    cut
}
