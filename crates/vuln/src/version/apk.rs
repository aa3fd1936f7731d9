//! Alpine's order, as apk-tools defines it (apk-package(5), "package version"):
//! `number{.number}[letter]{_suffix[number]}[~hash][-rN]`.
//!
//! Two slips of real advisories are read as what they mean: `1.0-0` as `1.0-r0`, and a letter
//! with a number (`6.6.2p1`), which apk-tools 2 took too.

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// A version taken apart. Versions compare as the lists of their pieces do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version<'a>(Vec<Piece<'a>>);

/// A piece of a version, in ascending order: where two versions differ, the one with the lesser
/// piece is older. A prerelease suffix is older than the end, everything else newer, the more so
/// the further left it stands in a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Prerelease(Prerelease),
    End,
    Revision(Number<'a>),
    Hash(&'a str),
    SuffixNumber(Number<'a>),
    Postrelease(Postrelease),
    Letter(char),
    /// A component after the first that starts with 0: compared as text, like a fraction, and so
    /// below every one that does not.
    Fraction(&'a str),
    Component(Number<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Prerelease {
    Alpha,
    Beta,
    Pre,
    Rc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Postrelease {
    Cvs,
    Svn,
    Git,
    Hg,
    P,
}

/// A number of any length.
#[derive(Debug, Clone)]
struct Number<'a>(&'a str);

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        digits::compare(self.0, other.0)
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number<'_> {}

impl<'a> Version<'a> {
    /// Takes a version apart.
    ///
    /// # Errors
    /// If it does not have the form given above.
    pub fn parse(text: &'a str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::Apk, why };
        let mut pieces = Vec::new();
        let (first, rest) = digits::split(text);
        if first.is_empty() {
            return Err(fail("it does not start with a digit"));
        }
        pieces.push(Piece::Component(Number(first)));
        let rest = components(rest, &mut pieces).map_err(fail)?;
        let rest = suffixes(rest, &mut pieces).map_err(fail)?;
        let rest = hash(rest, &mut pieces).map_err(fail)?;
        revision(rest, &mut pieces).map_err(fail)?;
        pieces.push(Piece::End);
        Ok(Self(pieces))
    }
}

/// Which of two versions is newer.
///
/// # Errors
/// If one of them is not a version: see [`Version::parse`].
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    Ok(Version::parse(a)?.cmp(&Version::parse(b)?))
}

fn components<'a>(mut rest: &'a str, to: &mut Vec<Piece<'a>>) -> Result<&'a str, &'static str> {
    while let Some(after) = rest.strip_prefix('.') {
        let (number, after) = digits::split(after);
        if number.is_empty() {
            return Err("a dot is not followed by a digit");
        }
        to.push(component(number));
        rest = after;
    }
    let Some(letter) = rest.chars().next().filter(char::is_ascii_lowercase) else {
        return Ok(rest);
    };
    to.push(Piece::Letter(letter));
    let (number, after) = digits::split(&rest[1..]);
    if !number.is_empty() {
        to.push(component(number));
    }
    Ok(after)
}

fn component(number: &str) -> Piece<'_> {
    if number.starts_with('0') { Piece::Fraction(number) } else { Piece::Component(Number(number)) }
}

fn suffixes<'a>(mut rest: &'a str, to: &mut Vec<Piece<'a>>) -> Result<&'a str, &'static str> {
    while let Some(after) = rest.strip_prefix('_') {
        let end = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        to.push(match name {
            "alpha" => Piece::Prerelease(Prerelease::Alpha),
            "beta" => Piece::Prerelease(Prerelease::Beta),
            "pre" => Piece::Prerelease(Prerelease::Pre),
            "rc" => Piece::Prerelease(Prerelease::Rc),
            "cvs" => Piece::Postrelease(Postrelease::Cvs),
            "svn" => Piece::Postrelease(Postrelease::Svn),
            "git" => Piece::Postrelease(Postrelease::Git),
            "hg" => Piece::Postrelease(Postrelease::Hg),
            "p" => Piece::Postrelease(Postrelease::P),
            _ => return Err("a suffix is none of alpha, beta, pre, rc, cvs, svn, git, hg, p"),
        });
        let (number, after) = digits::split(after);
        if !number.is_empty() {
            to.push(Piece::SuffixNumber(Number(number)));
        }
        rest = after;
    }
    Ok(rest)
}

fn hash<'a>(rest: &'a str, to: &mut Vec<Piece<'a>>) -> Result<&'a str, &'static str> {
    let Some(after) = rest.strip_prefix('~') else { return Ok(rest) };
    let is_hash = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let (hash, after) = after.split_at(after.find(|c| !is_hash(c)).unwrap_or(after.len()));
    if hash.is_empty() {
        return Err("the commit hash is empty");
    }
    to.push(Piece::Hash(hash));
    Ok(after)
}

fn revision<'a>(rest: &'a str, to: &mut Vec<Piece<'a>>) -> Result<(), &'static str> {
    if rest.is_empty() {
        return Ok(());
    }
    let number = rest.strip_prefix("-r").or_else(|| rest.strip_prefix('-'));
    let (number, after) = digits::split(number.ok_or("something follows the version")?);
    if number.is_empty() {
        return Err("the revision is not a number");
    }
    if !after.is_empty() {
        return Err("something follows the revision");
    }
    to.push(Piece::Revision(Number(number)));
    Ok(())
}
