//! What an advisory says about a package of an ecosystem.

use cofferdam_finding::Severity;

use super::{
    Damage,
    format::Section,
    read::{Cursor, put_number},
};

/// Affected versions, from one on and up to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range<T> {
    /// First affected version; `None` is the beginning of time.
    pub introduced: Option<T>,
    /// Where it ends.
    pub end: End<T>,
}

/// Where a range of affected versions ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End<T> {
    /// Nowhere: no fix is known.
    Open,
    /// Before the version that has the fix.
    Fixed(T),
    /// After this version.
    LastAffected(T),
}

/// What an advisory says about a package of an ecosystem; `T` is a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row<T> {
    /// Affected versions; none at all if the package was never affected.
    pub ranges: Vec<Range<T>>,
    /// The module stream (`nodejs:20`) that a modular RPM belongs to; empty if it is modular, but
    /// the advisory does not say of which stream; `None` if it is not modular.
    pub module: Option<T>,
    /// How the distribution rates the vulnerability in this package.
    pub rating: Option<Severity>,
    /// The distribution has given up on the package in this release.
    pub support_ended: bool,
    /// What the distribution has decided to do about it, where there is no fix.
    pub stance: Option<Stance>,
}

/// What a distribution does about a vulnerability in a release that is not fixed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stance {
    /// There will be no advisory for it: the fix comes with the next point release, if at all.
    NoAdvisory,
    /// The fix comes with the next advisory that is due.
    Postponed,
    /// There will be none.
    Ignored,
    /// Nobody has found out yet whether the release is affected.
    Undetermined,
}

impl Stance {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoAdvisory => "no advisory planned",
            Self::Postponed => "fix postponed",
            Self::Ignored => "will not be fixed",
            Self::Undetermined => "not determined yet",
        }
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::NoAdvisory => 1,
            Self::Postponed => 2,
            Self::Ignored => 3,
            Self::Undetermined => 4,
        }
    }

    pub(super) const fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::NoAdvisory,
            2 => Self::Postponed,
            3 => Self::Ignored,
            4 => Self::Undetermined,
            _ => return None,
        })
    }
}

const END_MASK: u8 = 0b11;
const END_OPEN: u8 = 0;
const END_FIXED: u8 = 1;
const END_LAST_AFFECTED: u8 = 2;
const NEVER_AFFECTED: u8 = 3;
const HAS_INTRODUCED: u8 = 1 << 2;
const HAS_MODULE: u8 = 1 << 3;
const HAS_RATING: u8 = 1 << 4;
const HAS_MORE: u8 = 1 << 5;
const SUPPORT_ENDED: u8 = 1 << 6;
const HAS_STANCE: u8 = 1 << 7;

impl Row<u32> {
    /// Appends the row; versions are places in the pool of strings.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        let mut flags = 0;
        flags |= if self.module.is_some() { HAS_MODULE } else { 0 };
        flags |= if self.rating.is_some() { HAS_RATING } else { 0 };
        flags |= if self.support_ended { SUPPORT_ENDED } else { 0 };
        flags |= if self.stance.is_some() { HAS_STANCE } else { 0 };
        if self.ranges.is_empty() {
            to.push(flags | NEVER_AFFECTED);
        }
        for (i, range) in self.ranges.iter().enumerate() {
            let more = if i + 1 < self.ranges.len() { HAS_MORE } else { 0 };
            encode_range(range, flags | more, to);
            flags = 0;
        }
        if let Some(module) = self.module {
            put_number(to, module);
        }
        if let Some(rating) = self.rating {
            to.push(rating_code(rating));
        }
        to.extend(self.stance.map(Stance::code));
    }

    /// Reads a row as [`Row::encode`] writes it.
    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, Damage> {
        let first = cursor.byte()?;
        let mut ranges = Vec::new();
        let mut flags = first;
        while flags & END_MASK != NEVER_AFFECTED {
            ranges.push(decode_range(cursor, flags)?);
            if flags & HAS_MORE == 0 {
                break;
            }
            flags = cursor.byte()?;
        }
        let module = if first & HAS_MODULE != 0 { Some(cursor.number()?) } else { None };
        let rating = if first & HAS_RATING != 0 { Some(decode_rating(cursor)?) } else { None };
        let stance = if first & HAS_STANCE != 0 {
            let stance = Stance::of_code(cursor.byte()?);
            Some(stance.ok_or_else(|| cursor.damage("a decision is none"))?)
        } else {
            None
        };
        let support_ended = first & SUPPORT_ENDED != 0;
        Ok(Self { ranges, module, rating, support_ended, stance })
    }
}

fn encode_range(range: &Range<u32>, flags: u8, to: &mut Vec<u8>) {
    let introduced = if range.introduced.is_some() { HAS_INTRODUCED } else { 0 };
    let (end, version) = match range.end {
        End::Open => (END_OPEN, None),
        End::Fixed(version) => (END_FIXED, Some(version)),
        End::LastAffected(version) => (END_LAST_AFFECTED, Some(version)),
    };
    to.push(flags | introduced | end);
    for version in range.introduced.into_iter().chain(version) {
        put_number(to, version);
    }
}

fn decode_range(cursor: &mut Cursor<'_>, flags: u8) -> Result<Range<u32>, Damage> {
    let introduced = if flags & HAS_INTRODUCED != 0 { Some(cursor.number()?) } else { None };
    let end = match flags & END_MASK {
        END_FIXED => End::Fixed(cursor.number()?),
        END_LAST_AFFECTED => End::LastAffected(cursor.number()?),
        _ => End::Open,
    };
    Ok(Range { introduced, end })
}

/// The number that stands for a severity in the file.
pub(super) const fn rating_code(severity: Severity) -> u8 {
    match severity {
        Severity::Unknown => 0,
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

/// The severity that a number in the file stands for.
pub(super) const fn rating_of_code(code: u8) -> Option<Severity> {
    Some(match code {
        0 => Severity::Unknown,
        1 => Severity::Info,
        2 => Severity::Low,
        3 => Severity::Medium,
        4 => Severity::High,
        5 => Severity::Critical,
        _ => return None,
    })
}

fn decode_rating(cursor: &mut Cursor<'_>) -> Result<Severity, Damage> {
    rating_of_code(cursor.byte()?).ok_or_else(|| cursor.damage("a rating is not one"))
}

/// The rows of a package: how many, then each with the distance of its record to the one before.
pub(super) fn encode_rows(rows: &[(u32, Row<u32>)], to: &mut Vec<u8>) {
    put_number(to, u32::try_from(rows.len()).unwrap_or(u32::MAX));
    let mut before = 0;
    for (record, row) in rows {
        put_number(to, record.wrapping_sub(before));
        row.encode(to);
        before = *record;
    }
}

/// Reads rows as [`encode_rows`] writes them.
pub(super) fn decode_rows(bytes: &[u8], offset: usize) -> Result<Vec<(u32, Row<u32>)>, Damage> {
    let mut cursor = Cursor::new(bytes, offset, Section::Rows);
    let count = cursor.number()?;
    let mut record: u32 = 0;
    // Every row takes at least two bytes: a damaged count fails before it costs memory.
    let mut rows = Vec::new();
    for _ in 0..count {
        let distance = cursor.number()?;
        record = record
            .checked_add(distance)
            .ok_or_else(|| cursor.damage("a record number is too large"))?;
        rows.push((record, Row::decode(&mut cursor)?));
    }
    Ok(rows)
}
