//! RubyGems' order, as `Gem::Version` defines it
//! (<https://docs.ruby-lang.org/en/master/Gem/Version.html>).

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// A version taken apart into numbers and words.
#[derive(Debug, Clone)]
pub struct Version<'a>(Vec<Segment<'a>>);

/// A word makes a prerelease, and is below every number.
#[derive(Debug, Clone, Copy)]
enum Segment<'a> {
    Word(&'a str),
    Number(&'a str),
}

impl Segment<'_> {
    fn is_zero(self) -> bool {
        matches!(self, Self::Number(number) if number.bytes().all(|b| b == b'0'))
    }

    fn compare(self, other: Segment<'_>) -> Ordering {
        match (self, other) {
            (Self::Word(a), Segment::Word(b)) => a.cmp(b),
            (Self::Word(_), Segment::Number(_)) => Ordering::Less,
            (Self::Number(_), Segment::Word(_)) => Ordering::Greater,
            (Self::Number(a), Segment::Number(b)) => digits::compare(a, b),
        }
    }
}

impl<'a> Version<'a> {
    /// Takes a version apart. An empty one is 0, as for RubyGems.
    ///
    /// # Errors
    /// If it does not begin with a number, or has an empty part or one with a sign.
    pub fn parse(text: &'a str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::Ruby, why };
        let trimmed = text.trim();
        if !trimmed.is_empty() && !trimmed.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(fail("it does not begin with a number"));
        }
        let mut segments = Vec::new();
        let mut word_seen = false;
        for (i, dashed) in trimmed.split('-').enumerate() {
            if i > 0 {
                // A hyphen is short for `.pre.`.
                finish_numbers(&mut segments, &mut word_seen);
                segments.push(Segment::Word("pre"));
            }
            for part in dashed.split('.') {
                let is_part = !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
                if !is_part && !trimmed.is_empty() {
                    return Err(fail("it has an empty part or one with a sign"));
                }
                split(part, &mut segments, &mut word_seen);
            }
        }
        drop_zeros(&mut segments);
        Ok(Self(segments))
    }
}

fn split<'a>(mut rest: &'a str, to: &mut Vec<Segment<'a>>, word_seen: &mut bool) {
    while !rest.is_empty() {
        let (number, after) = digits::split(rest);
        if number.is_empty() {
            finish_numbers(to, word_seen);
            let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            to.push(Segment::Word(word));
            rest = after;
        } else {
            to.push(Segment::Number(number));
            rest = after;
        }
    }
}

/// Zeros at the end of the numbers do not count, nor do those at the end of the whole.
fn finish_numbers(segments: &mut Vec<Segment<'_>>, word_seen: &mut bool) {
    if !std::mem::replace(word_seen, true) {
        drop_zeros(segments);
    }
}

fn drop_zeros(segments: &mut Vec<Segment<'_>>) {
    while segments.last().is_some_and(|segment| segment.is_zero()) {
        segments.pop();
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        const MISSING: Segment<'static> = Segment::Number("0");
        (0..self.0.len().max(other.0.len()))
            .map(|i| {
                let a = self.0.get(i).copied().unwrap_or(MISSING);
                a.compare(other.0.get(i).copied().unwrap_or(MISSING))
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
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
