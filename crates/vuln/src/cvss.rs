//! CVSS vectors and the scores that follow from them: versions 2.0, 3.0, 3.1 and 4.0, by the
//! specifications of FIRST (<https://www.first.org/cvss/>).

mod macro_vectors;
mod v2;
mod v3;
mod v4;

use std::fmt;

use cofferdam_finding::Severity;

/// A version of CVSS, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 2.0
    V2,
    /// 3.0
    V3_0,
    /// 3.1
    V3_1,
    /// 4.0
    V4,
}

/// A score in tenths: 98 is 9.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score(u8);

impl Score {
    /// The score in tenths, 0 to 100.
    pub const fn tenths(self) -> u8 {
        self.0
    }

    /// A score of so many tenths; more than 100 are 100.
    pub const fn of_tenths(tenths: u8) -> Self {
        Self(if tenths > 100 { 100 } else { tenths })
    }

    /// Rounds to the nearest tenth, as far as the scale goes.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=100 before"
    )]
    fn nearest(score: f64) -> Self {
        // What the specification means as a tie may lie just below it in binary.
        Self(((score * 10.0 + 1e-6).round().clamp(0.0, 100.0)) as u8)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// What a vector amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rating {
    /// The vector's version.
    pub version: Version,
    /// The base score. For version 4.0 with the threat and environmental metrics that the vector
    /// has, as that version defines the score of a vector.
    pub score: Score,
}

impl Rating {
    /// The qualitative rating: <https://www.first.org/cvss/v4-0/specification-document>, table 22.
    /// Version 2.0 has none, so it gets the one that the NVD used for it, which ends at high.
    pub const fn severity(self) -> Severity {
        match self.score.0 {
            0 => Severity::Info,
            1..=39 => Severity::Low,
            40..=69 => Severity::Medium,
            90..=100 if !matches!(self.version, Version::V2) => Severity::Critical,
            _ => Severity::High,
        }
    }
}

/// A vector that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not read CVSS vector '{vector}': {why}")]
pub struct VectorError {
    /// The text.
    pub vector: String,
    /// What is wrong with it.
    pub why: String,
}

/// Rates a vector: `CVSS:3.1/AV:N/…`, or one of version 2.0, which has no prefix.
///
/// # Errors
/// If the version is not known, or a metric is unknown, given twice, missing, or has a value that
/// it cannot have.
pub fn rate(vector: &str) -> Result<Rating, VectorError> {
    let text = vector.trim();
    let rating = match text.split_once('/') {
        Some(("CVSS:4.0", metrics)) => v4::score(metrics).map(|score| (Version::V4, score)),
        Some(("CVSS:3.1", metrics)) => v3::score(metrics).map(|score| (Version::V3_1, score)),
        Some(("CVSS:3.0", metrics)) => v3::score(metrics).map(|score| (Version::V3_0, score)),
        Some((prefix, _)) if prefix.starts_with("CVSS") => {
            Err(format!("'{prefix}' is not a version that is known"))
        }
        _ => {
            let metrics = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text);
            v2::score(metrics).map(|score| (Version::V2, score))
        }
    };
    let (version, score) = rating.map_err(|why| VectorError { vector: vector.to_owned(), why })?;
    Ok(Rating { version, score })
}

/// A metric of a version: its name, the values it can have, and whether a vector must have it.
type Definition = (&'static str, &'static [&'static str], bool);

/// The metrics of a vector, checked against their definitions.
#[derive(Debug)]
struct Metrics<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Metrics<'a> {
    fn parse(text: &'a str, definitions: &[Definition]) -> Result<Self, String> {
        let mut metrics: Vec<(&str, &str)> = Vec::new();
        for part in text.split('/') {
            let (name, value) =
                part.split_once(':').ok_or_else(|| format!("'{part}' is not a metric"))?;
            let (_, values, _) = definitions
                .iter()
                .find(|(known, ..)| *known == name)
                .ok_or_else(|| format!("metric '{name}' is not known"))?;
            if !values.contains(&value) {
                return Err(format!("metric '{name}' cannot be '{value}'"));
            }
            if metrics.iter().any(|(given, _)| *given == name) {
                return Err(format!("metric '{name}' is given twice"));
            }
            metrics.push((name, value));
        }
        let missing = definitions
            .iter()
            .find(|(name, _, mandatory)| *mandatory && !metrics.iter().any(|(n, _)| n == name));
        match missing {
            Some((name, ..)) => Err(format!("metric '{name}' is missing")),
            None => Ok(Self(metrics)),
        }
    }

    /// The value of a metric; empty if the vector does not have it.
    fn get(&self, name: &str) -> &'a str {
        self.0.iter().find(|(given, _)| *given == name).map_or("", |(_, value)| value)
    }

    /// The weight that `table` gives to the value of a metric.
    fn weight(&self, name: &str, table: &[(&str, f64)]) -> f64 {
        let value = self.get(name);
        table.iter().find(|(known, _)| *known == value).map_or(0.0, |(_, weight)| *weight)
    }
}
