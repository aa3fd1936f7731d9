//! Semantic Versioning 2.0.0 (<https://semver.org>) and what package managers make of it: crates.io,
//! npm, Go modules, Hex, Swift, GitHub Actions, Julia, and Pub, which orders builds too.
//!
//! Advisories and file names are less strict than the specification, so a leading `v` or `=`,
//! missing components (`1.2` is `1.2.0`) and leading zeros are understood. A prerelease without its
//! hyphen (`1.0.0beta`), which npm calls loose, is one.

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// A version taken apart: `major.minor.patch[-prerelease][+build]`.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    numbers: [&'a str; 3],
    prerelease: &'a str,
    build: &'a str,
    orders_builds: bool,
}

impl<'a> Version<'a> {
    /// Takes a version apart; `order` is one of those that follow Semantic Versioning.
    ///
    /// # Errors
    /// If it has no number, more than three, or a character that none of its parts can have.
    pub fn parse(text: &'a str, order: Order) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order, why };
        let plain = text.strip_prefix('=').unwrap_or(text);
        let plain = plain.strip_prefix(['v', 'V']).unwrap_or(plain);
        let (rest, build) = plain.split_once('+').unwrap_or((plain, ""));
        if plain.len() > rest.len() && !are_identifiers(build) {
            return Err(fail("its build has an empty part or one with other than 0-9A-Za-z-"));
        }
        let (numbers, rest) = numbers(rest).map_err(fail)?;
        let prerelease = match rest.strip_prefix('-') {
            None if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) && !rest.is_empty() => {
                return Err(fail("something other than a prerelease follows its numbers"));
            }
            None => rest,
            Some("") => return Err(fail("its prerelease is empty")),
            Some(prerelease) => prerelease,
        };
        if !prerelease.is_empty() && !are_identifiers(prerelease) {
            return Err(fail("its prerelease has an empty part or one with other than 0-9A-Za-z-"));
        }
        Ok(Self { numbers, prerelease, build, orders_builds: order == Order::Pub })
    }

    /// Whether it is a prerelease.
    pub const fn is_prerelease(&self) -> bool {
        !self.prerelease.is_empty()
    }

    /// Whether major, minor and patch are those of `other`.
    pub fn has_numbers_of(&self, other: &Version<'_>) -> bool {
        let pairs = self.numbers.iter().zip(other.numbers);
        pairs.into_iter().all(|(a, b)| digits::compare(a, b).is_eq())
    }
}

fn numbers(text: &str) -> Result<([&str; 3], &str), &'static str> {
    let mut numbers = ["0"; 3];
    let mut rest = text;
    for (i, number) in numbers.iter_mut().enumerate() {
        let (digits, after) = digits::split(rest);
        if digits.is_empty() {
            return Err("it does not begin with numbers and dots");
        }
        (*number, rest) = (digits, after);
        match after.strip_prefix('.') {
            Some(after) if i < 2 => rest = after,
            _ => break,
        }
    }
    if rest.starts_with('.') { Err("it has more than three numbers") } else { Ok((numbers, rest)) }
}

fn are_identifiers(text: &str) -> bool {
    let is_identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.split('.').all(is_identifier)
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.numbers.iter().zip(other.numbers);
        let numbers = pairs.map(|(a, b)| digits::compare(a, b)).find(|order| order.is_ne());
        numbers.unwrap_or(Ordering::Equal).then_with(|| {
            let prerelease = match (self.prerelease, other.prerelease) {
                ("", "") => Ordering::Equal,
                ("", _) => Ordering::Greater,
                (_, "") => Ordering::Less,
                (a, b) => identifiers(a, b),
            };
            prerelease.then_with(|| match (self.build, other.build) {
                (a, b) if !self.orders_builds || a == b => Ordering::Equal,
                ("", _) => Ordering::Less,
                (_, "") => Ordering::Greater,
                (a, b) => identifiers(a, b),
            })
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

/// Semantic Versioning 2.0.0, item 11: numbers by value and below words, words by bytes, a prefix
/// below what it is a prefix of.
pub(super) fn identifiers(a: &str, b: &str) -> Ordering {
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                (true, true) => digits::compare(a, b),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Which of two versions is newer, in an `order` that follows Semantic Versioning.
///
/// # Errors
/// If one of them is not a version: see [`Version::parse`].
pub fn compare(a: &str, b: &str, order: Order) -> Result<Ordering, VersionError> {
    Ok(Version::parse(a, order)?.cmp(&Version::parse(b, order)?))
}
