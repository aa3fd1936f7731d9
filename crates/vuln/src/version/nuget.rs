//! NuGet's order (<https://learn.microsoft.com/nuget/concepts/package-versioning>): Semantic
//! Versioning with a fourth number, and prereleases in which case does not count.

use std::cmp::Ordering;

use super::{Order, VersionError, digits, semantic::identifiers};

/// A version taken apart: `major[.minor[.patch[.revision]]][-prerelease][+metadata]`.
#[derive(Debug, Clone)]
pub struct Version<'a> {
    numbers: [&'a str; 4],
    prerelease: String,
}

impl<'a> Version<'a> {
    /// Takes a version apart.
    ///
    /// # Errors
    /// If it has no number, more than four, or an empty part.
    pub fn parse(text: &'a str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::NuGet, why };
        let trimmed = text.trim();
        let plain = trimmed.strip_prefix(['v', 'V']).unwrap_or(trimmed);
        let plain = plain.split('+').next().unwrap_or_default();
        let (release, prerelease) = match plain.split_once('-') {
            Some((release, prerelease)) => (release, Some(prerelease)),
            None => (plain, None),
        };
        let mut numbers = ["0"; 4];
        let mut parts = release.split('.');
        for number in &mut numbers {
            let Some(part) = parts.next() else { break };
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(fail("a part before the hyphen is not a number"));
            }
            *number = part;
        }
        if parts.next().is_some() {
            return Err(fail("it has more than four numbers"));
        }
        let prerelease = prerelease.map(str::to_ascii_lowercase);
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if prerelease.as_deref().is_some_and(|text| !text.split('.').all(is_part)) {
            return Err(fail("its prerelease has an empty part or one with other than 0-9A-Za-z-"));
        }
        Ok(Self { numbers, prerelease: prerelease.unwrap_or_default() })
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.numbers.iter().zip(other.numbers);
        let numbers = pairs.map(|(a, b)| digits::compare(a, b)).find(|order| order.is_ne());
        numbers.unwrap_or_else(|| match (self.prerelease.as_str(), other.prerelease.as_str()) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (a, b) => identifiers(a, b),
        })
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version<'_> {}

/// Which of two versions is newer.
///
/// # Errors
/// If one of them is not a version: see [`Version::parse`].
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    Ok(Version::parse(a)?.cmp(&Version::parse(b)?))
}
