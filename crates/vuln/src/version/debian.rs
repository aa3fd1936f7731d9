//! Debian's order: Debian Policy 5.6.12, as dpkg implements it.

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// A version taken apart: `[epoch:]upstream[-revision]`.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    epoch: u32,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Version<'a> {
    /// Takes a version apart.
    ///
    /// Like dpkg, this accepts an upstream version that does not start with a digit.
    ///
    /// # Errors
    /// If the epoch is not a number up to 2³¹-1, a part is empty, or a character has no place in
    /// a version.
    pub fn parse(text: &'a str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::Debian, why };
        let (epoch, rest) = match text.split_once(':') {
            None => (0, text),
            Some((epoch, rest)) => (parse_epoch(epoch).map_err(fail)?, rest),
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            None => (rest, ""),
            Some((_, "")) => return Err(fail("the revision is empty")),
            Some(parts) => parts,
        };
        if upstream.is_empty() {
            return Err(fail("it is empty"));
        }
        if !upstream.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+~:".contains(&b)) {
            return Err(fail("its upstream part has a character other than A-Za-z0-9.-+~:"));
        }
        if !revision.bytes().all(|b| b.is_ascii_alphanumeric() || b".+~".contains(&b)) {
            return Err(fail("its revision has a character other than A-Za-z0-9.+~"));
        }
        Ok(Self { epoch, upstream, revision })
    }
}

fn parse_epoch(text: &str) -> Result<u32, &'static str> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("the epoch is not a number");
    }
    let epoch: u32 = text.parse().map_err(|_| "the epoch is too large")?;
    if i32::try_from(epoch).is_err() { Err("the epoch is too large") } else { Ok(epoch) }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(self.upstream, other.upstream))
            .then_with(|| compare_part(self.revision, other.revision))
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Two spellings of one version (`1.0` and `1.00`, `1` and `1-0`) are equal.
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

/// Compares by alternating runs of non-digits and of digits. An empty run of digits counts as 0.
fn compare_part(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = split_text(a);
        let (text_b, rest_b) = split_text(b);
        let (digits_a, rest_a) = digits::split(rest_a);
        let (digits_b, rest_b) = digits::split(rest_b);
        let order = compare_text(text_a, text_b).then_with(|| digits::compare(digits_a, digits_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn split_text(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len()))
}

fn compare_text(a: &str, b: &str) -> Ordering {
    // The end of the text ranks 0: above `~`, below everything else.
    a.bytes().map(rank).chain([0]).cmp(b.bytes().map(rank).chain([0]))
}

/// `~` before the end, the end before letters, letters before the rest.
fn rank(byte: u8) -> i32 {
    match byte {
        b'~' => -1,
        b if b.is_ascii_alphabetic() => i32::from(b),
        b => i32::from(b) + 256,
    }
}
