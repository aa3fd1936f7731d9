//! RPM's order: epoch, version and release, the latter two by `rpmvercmp` with `~` and `^`
//! (rpm-version(7)).

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// A version taken apart: `[epoch:]version[-release]`.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    epoch: &'a str,
    version: &'a str,
    release: &'a str,
}

impl<'a> Version<'a> {
    /// Takes a version apart. No epoch is epoch 0, and no release is below every release.
    ///
    /// # Errors
    /// If the epoch is not a number, a part is empty, or a character is not printable ASCII.
    pub fn parse(text: &'a str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::Rpm, why };
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        if epoch.is_empty() || !epoch.bytes().all(|b| b.is_ascii_digit()) {
            return Err(fail("the epoch is not a number"));
        }
        let (version, release) = match rest.rsplit_once('-') {
            None => (rest, ""),
            Some((_, "")) => return Err(fail("the release is empty")),
            Some(parts) => parts,
        };
        if version.is_empty() {
            return Err(fail("it is empty"));
        }
        if !rest.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(fail("it has a character that is not printable ASCII"));
        }
        Ok(Self { epoch, version, release })
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        digits::compare(self.epoch, other.epoch)
            .then_with(|| compare_part(self.version, other.version))
            .then_with(|| compare_part(self.release, other.release))
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Two spellings of one version (`1.0-1` and `0:1_0-01`) are equal.
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

/// A piece of a version or release, in ascending order: a prerelease sorts before the end, a
/// snapshot (`^`) after it, letters before numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Tilde,
    End,
    Caret,
    Letters(&'a str),
    /// Without leading zeros, by length first: by value.
    Number(usize, &'a str),
}

/// `rpmvercmp`: separators only separate, so a comparison of versions is one of lists of segments.
fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (segments(a), segments(b));
    loop {
        let (left, right) = (a.next(), b.next());
        let left = left.unwrap_or(Segment::End);
        let right = right.unwrap_or(Segment::End);
        match left.cmp(&right) {
            Ordering::Equal if left == Segment::End => return Ordering::Equal,
            Ordering::Equal => {}
            order => return order,
        }
    }
}

fn segments(text: &str) -> impl Iterator<Item = Segment<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest =
            rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^');
        let first = rest.bytes().next()?;
        let length = match first {
            b'~' | b'^' => 1,
            b if b.is_ascii_digit() => digits::split(rest).0.len(),
            _ => rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()),
        };
        let (segment, after) = rest.split_at(length);
        rest = after;
        Some(match first {
            b'~' => Segment::Tilde,
            b'^' => Segment::Caret,
            b if b.is_ascii_digit() => {
                let number = segment.trim_start_matches('0');
                Segment::Number(number.len(), number)
            }
            _ => Segment::Letters(segment),
        })
    })
}
