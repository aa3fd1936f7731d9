//! Conda's order, as `conda.models.version.VersionOrder` documents it
//! (<https://docs.conda.io/projects/conda/en/stable/user-guide/concepts/pkg-specs.html>).

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// A version taken apart: `[epoch!]version[+local]`.
#[derive(Debug, Clone)]
pub struct Version {
    epoch: String,
    version: Vec<Component>,
    local: Vec<Component>,
}

/// What stands between two dots. One that begins with a word has a zero before it.
type Component = Vec<Piece>;

/// A piece of a component, in ascending order: `dev` before every word, `post` after every number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Dev,
    Word(String),
    /// Without leading zeros, by length first: by value.
    Number(usize, String),
    Post,
}

impl Version {
    /// Takes a version apart.
    ///
    /// # Errors
    /// If it is empty, has an empty part, mixes `-` and `_`, or has another sign.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::Conda, why };
        let lower = text.trim().to_ascii_lowercase();
        if lower.contains('-') && lower.contains('_') {
            return Err(fail("it mixes '-' and '_'"));
        }
        let lower = lower.replace('-', "_");
        let (epoch, rest) = lower.split_once('!').unwrap_or(("0", &lower));
        if epoch.is_empty() || !epoch.bytes().all(|b| b.is_ascii_digit()) {
            return Err(fail("its epoch is not a number"));
        }
        let (version, local) = match rest.split_once('+') {
            Some((version, local)) => (version, Some(local)),
            None => (rest, None),
        };
        let version = components(version).map_err(fail)?;
        let local = local.map(components).transpose().map_err(fail)?.unwrap_or_default();
        Ok(Self { epoch: epoch.to_owned(), version, local })
    }
}

fn components(text: &str) -> Result<Vec<Component>, &'static str> {
    // OpenSSL's way: `1.0.1_` is a version of its own.
    let (text, underscore) = match text.strip_suffix('_') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut components = Vec::new();
    for part in text.split(['.', '_']) {
        components.push(component(part)?);
    }
    if let Some(last) = components.last_mut().filter(|_| underscore) {
        last.push(Piece::Word("_".to_owned()));
    }
    Ok(components)
}

fn component(text: &str) -> Result<Component, &'static str> {
    if text.is_empty() {
        return Err("it has an empty part");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err("it has a sign other than '.', '-', '_', '!' and '+'");
    }
    let mut pieces = Vec::new();
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        pieces.push(Piece::Number(0, String::new()));
    }
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = digits::split(rest);
        if !number.is_empty() {
            let number = number.trim_start_matches('0');
            pieces.push(Piece::Number(number.len(), number.to_owned()));
            rest = after;
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        pieces.push(match word {
            "dev" => Piece::Dev,
            "post" => Piece::Post,
            word => Piece::Word(word.to_owned()),
        });
        rest = after;
    }
    Ok(pieces)
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        digits::compare(&self.epoch, &other.epoch)
            .then_with(|| lists(&self.version, &other.version))
            .then_with(|| lists(&self.local, &other.local))
    }
}

/// A missing component, and a missing piece of one, is 0.
fn lists(a: &[Component], b: &[Component]) -> Ordering {
    const MISSING: Piece = Piece::Number(0, String::new());
    for i in 0..a.len().max(b.len()) {
        let (a, b) =
            (a.get(i).map_or(&[][..], Vec::as_slice), b.get(i).map_or(&[][..], Vec::as_slice));
        for j in 0..a.len().max(b.len()) {
            let order = a.get(j).unwrap_or(&MISSING).cmp(b.get(j).unwrap_or(&MISSING));
            if order.is_ne() {
                return order;
            }
        }
    }
    Ordering::Equal
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
