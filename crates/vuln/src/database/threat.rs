//! What is known of attacks, by record: an array that is searched where it lies.

use cofferdam_finding::{Context, Epss, Exploited, Share};
use time::{Date, macros::format_description};

use super::{
    Damage, Database, DatabaseError,
    format::{Section, u32_at},
};

/// Bytes of an entry: record, probability, percentile, exploitation, four bytes each.
pub(super) const ENTRY: usize = 16;

/// Stands for a score that nobody has given.
const NO_SCORE: u32 = u32::MAX;
/// Bit of the exploitation that says that ransomware does it; above it the Julian day since when.
const RANSOMWARE: u32 = 1;

/// Appends the entry of a record, as [`Database::threat`] reads it.
pub(super) fn encode(record: u32, threat: &Context, to: &mut Vec<u8>) {
    let (probability, percentile) = match threat.epss {
        Some(epss) => (epss.probability.parts(), epss.percentile.parts()),
        None => (NO_SCORE, NO_SCORE),
    };
    let exploited = threat.exploited.as_ref().map_or(0, |exploited| {
        let day = day(&exploited.since).unwrap_or_default();
        (day << 1) | if exploited.ransomware { RANSOMWARE } else { 0 }
    });
    for field in [record, probability, percentile, exploited] {
        to.extend(field.to_le_bytes());
    }
}

/// Reads an entry apart from its record, as [`encode`] writes it.
pub(super) fn decode(entry: &[u8]) -> Result<Context, &'static str> {
    let field = |field: usize| u32_at(entry, field * 4).ok_or("an entry is cut");
    let share = |parts| Share::from_parts(parts).ok_or("a score is above one");
    let epss = match field(1)? {
        NO_SCORE => None,
        probability => {
            Some(Epss { probability: share(probability)?, percentile: share(field(2)?)? })
        }
    };
    let exploited = match field(3)? {
        0 => None,
        packed => {
            let day = i32::try_from(packed >> 1).ok();
            let date = day.and_then(|day| Date::from_julian_day(day).ok());
            let since = date.ok_or("a day is none")?.to_string();
            Some(Exploited { since, ransomware: packed & RANSOMWARE != 0 })
        }
    };
    Ok(Context { exploited, epss, ..Context::default() })
}

/// The Julian day of `YYYY-MM-DD`; `None` if that is no date after 1970.
pub(crate) fn day(text: &str) -> Option<u32> {
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    let first = Date::from_ordinal_date(1970, 1).ok()?;
    (date >= first).then(|| u32::try_from(date.to_julian_day()).ok()).flatten()
}

impl Database {
    /// Number of vulnerabilities of which something is known beyond advisories.
    pub fn threat_count(&self) -> usize {
        self.threats().len() / ENTRY
    }

    /// What is known of attacks on the vulnerability of a record.
    ///
    /// # Errors
    /// If the database is damaged there.
    pub fn threat(&self, record: u32) -> Result<Option<Context>, DatabaseError> {
        let entries = self.threats();
        let (mut start, mut end) = (0, entries.len() / ENTRY);
        while start < end {
            let middle = start + (end - start) / 2;
            let found = self.threat_field(middle, 0)?;
            if found == record {
                return self.threat_at(middle).map(Some);
            }
            if found < record { start = middle + 1 } else { end = middle }
        }
        Ok(None)
    }

    fn threats(&self) -> &[u8] {
        self.layout.section(self.bytes.get(), Section::Threats)
    }

    fn threat_field(&self, index: usize, field: usize) -> Result<u32, DatabaseError> {
        u32_at(self.threats(), index * ENTRY + field * 4)
            .ok_or_else(|| self.damaged(damage("an entry is missing", index)))
    }

    fn threat_at(&self, index: usize) -> Result<Context, DatabaseError> {
        let at = index * ENTRY;
        let entry = self.threats().get(at..at + ENTRY).unwrap_or_default();
        decode(entry).map_err(|what| self.damaged(damage(what, index)))
    }
}

fn damage(what: &'static str, index: usize) -> Damage {
    let offset = u64::try_from(index * ENTRY).unwrap_or(u64::MAX);
    Damage { what, section: Section::Threats.name(), offset }
}
