//! Packagist's order: composer/semver's normal form of a version
//! (<https://getcomposer.org/doc/articles/versions.md>), compared as PHP's `version_compare` does.

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// A version taken apart: up to four numbers (or a date), a stability, `dev`.
#[derive(Debug, Clone)]
pub struct Version {
    numbers: Vec<String>,
    stability: Stability,
    /// Behind the stability: `RC1`, `beta.2`.
    count: Vec<String>,
    dev: bool,
}

/// How far a release has come, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stability {
    Alpha,
    Beta,
    ReleaseCandidate,
    Stable,
    Patch,
}

/// What a branch (`2.1.x-dev`) has for the number that it leaves open, in composer's normal form.
const OPEN: &str = "9999999";

impl Version {
    /// Takes a version apart.
    ///
    /// # Errors
    /// If it is the name of a branch (`dev-main`), which has no place in the order, or no version.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::Packagist, why };
        let lower = text.trim().to_ascii_lowercase();
        if lower.starts_with("dev-")
            || lower.ends_with("-dev") && !lower.contains('.') && !starts_numeric(&lower)
        {
            return Err(fail("it is the name of a branch"));
        }
        let plain = lower.split('+').next().unwrap_or_default();
        let plain = plain.split_once('@').map_or(plain, |(version, _)| version);
        let plain = plain.strip_prefix('v').unwrap_or(plain);
        if let Some(branch) = plain.strip_suffix("-dev").and_then(branch) {
            return Ok(branch);
        }
        let (numbers, rest) = numbers(plain);
        if numbers.is_empty() {
            return Err(fail("it does not begin with a number"));
        }
        let (stability, count, rest) = stability(rest).map_err(fail)?;
        let dev = match rest.strip_prefix(['.', '-', '_']).unwrap_or(rest) {
            "" => false,
            "dev" => true,
            _ => return Err(fail("something follows that is no stability")),
        };
        Ok(Self { numbers, stability, count, dev })
    }
}

fn starts_numeric(text: &str) -> bool {
    text.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
}

/// `2.x-dev`, `2.1.x-dev`, `2.1-dev` is taken as the branch only with an `x` or `*`.
fn branch(text: &str) -> Option<Version> {
    let mut numbers: Vec<String> = Vec::new();
    let mut open = false;
    for part in text.split('.') {
        match part {
            "x" | "*" => {
                open = true;
                numbers.push(OPEN.to_owned());
            }
            part if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) => {
                numbers.push(part.to_owned());
            }
            _ => return None,
        }
    }
    if !open || numbers.len() > 4 || numbers[0] == OPEN {
        return None;
    }
    numbers.resize(4, OPEN.to_owned());
    Some(Version { numbers, stability: Stability::Stable, count: Vec::new(), dev: true })
}

/// Numbers, and those of dates (`2024-01-31`), with what separates them.
fn numbers(text: &str) -> (Vec<String>, &str) {
    let (first, mut rest) = digits::split(text);
    if first.is_empty() {
        return (Vec::new(), text);
    }
    let mut numbers = vec![first.to_owned()];
    let is_date = first.len() >= 4;
    loop {
        let separators: &[char] = if is_date { &['.', '-', ':'] } else { &['.'] };
        let Some(after) = rest.strip_prefix(separators) else { break };
        let (number, after) = digits::split(after);
        if number.is_empty() {
            break;
        }
        numbers.push(number.to_owned());
        rest = after;
    }
    while numbers.len() < 4 {
        numbers.push("0".to_owned());
    }
    (numbers, rest)
}

fn stability(text: &str) -> Result<(Stability, Vec<String>, &str), &'static str> {
    const WORDS: [(&str, Stability); 9] = [
        ("stable", Stability::Stable),
        ("alpha", Stability::Alpha),
        ("beta", Stability::Beta),
        ("patch", Stability::Patch),
        ("rc", Stability::ReleaseCandidate),
        ("pl", Stability::Patch),
        ("a", Stability::Alpha),
        ("b", Stability::Beta),
        ("p", Stability::Patch),
    ];
    let after = text.strip_prefix(['.', '-', '_']).unwrap_or(text);
    let Some((word, stability)) = WORDS.iter().find(|(word, _)| after.starts_with(word)) else {
        return Ok((Stability::Stable, Vec::new(), text));
    };
    let mut rest = &after[word.len()..];
    let mut count = Vec::new();
    loop {
        let after = rest.strip_prefix(['.', '-']).unwrap_or(rest);
        let (number, after) = digits::split(after);
        if number.is_empty() {
            break;
        }
        count.push(number.to_owned());
        rest = after;
    }
    if *stability == Stability::Stable && !count.is_empty() {
        return Err("a number follows 'stable'");
    }
    Ok((*stability, count, rest))
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        padded(&self.numbers, &other.numbers)
            .then_with(|| rank(self).cmp(&rank(other)))
            .then_with(|| super::python::numbers(&self.count, &other.count))
            // Development comes before what it leads to.
            .then_with(|| other.dev.cmp(&self.dev))
    }
}

/// `1.0-dev` is below every stability of `1.0`; `1.0-beta1-dev` only below its own.
fn rank(version: &Version) -> (bool, Stability) {
    (!version.dev || version.stability != Stability::Stable, version.stability)
}

fn padded(a: &[String], b: &[String]) -> Ordering {
    (0..a.len().max(b.len()))
        .map(|i| {
            let at = |list: &[String]| list.get(i).map_or("0", String::as_str).to_owned();
            digits::compare(&at(a), &at(b))
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

/// Which of two versions is newer.
///
/// # Errors
/// If one of them is not a version: see [`Version::parse`].
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    Ok(Version::parse(a)?.cmp(&Version::parse(b)?))
}
