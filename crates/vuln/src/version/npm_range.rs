//! Ranges as npm writes them: `^1.2.3 || ~2.0`, `1.x`, `1.0.0 - 2.0.0`
//! (<https://docs.npmjs.com/cli/using-npm/semver>).

use super::{Order, VersionError, digits, semantic::Version};

/// A range: any of its sets of comparators has to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range(Vec<Vec<Comparator>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparator {
    sign: Sign,
    version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Comparators that a range may have.
const MOST_COMPARATORS: usize = 1000;

impl Range {
    /// Reads a range.
    ///
    /// # Errors
    /// If it is not one.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::Npm, why };
        let mut sets = Vec::new();
        let mut count = 0;
        for alternative in text.split("||") {
            let set = set(alternative.trim()).map_err(fail)?;
            count += set.len() + 1;
            if count > MOST_COMPARATORS {
                return Err(fail("the range has too many comparators"));
            }
            for comparator in &set {
                Version::parse(&comparator.version, Order::Npm)?;
            }
            sets.push(set);
        }
        Ok(Self(sets))
    }

    /// Whether a version is in the range. A prerelease is in it only if a comparator of the same
    /// set names a prerelease of the same numbers.
    ///
    /// # Errors
    /// If it is not a version.
    pub fn contains(&self, version: &str) -> Result<bool, VersionError> {
        let version = Version::parse(version, Order::Npm)?;
        for set in &self.0 {
            let mut holds = true;
            let mut named = false;
            for comparator in set {
                let limit = Version::parse(&comparator.version, Order::Npm)?;
                let side = version.cmp(&limit);
                holds &= match comparator.sign {
                    Sign::Equal => side.is_eq(),
                    Sign::Less => side.is_lt(),
                    Sign::LessOrEqual => side.is_le(),
                    Sign::Greater => side.is_gt(),
                    Sign::GreaterOrEqual => side.is_ge(),
                };
                named |= limit.is_prerelease() && limit.has_numbers_of(&version);
            }
            if holds && (named || !version.is_prerelease()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn set(text: &str) -> Result<Vec<Comparator>, &'static str> {
    let mut set = Vec::new();
    if let Some((from, to)) = text.split_once(" - ") {
        let (from, to) = (Partial::parse(from.trim())?, Partial::parse(to.trim())?);
        if from.major.is_some() {
            set.push(Comparator { sign: Sign::GreaterOrEqual, version: from.lowest() });
        }
        match to.after() {
            Some(after) => set.push(Comparator { sign: Sign::Less, version: after }),
            None if to.major.is_some() => {
                set.push(Comparator { sign: Sign::LessOrEqual, version: to.lowest() });
            }
            None => {}
        }
        return Ok(set);
    }
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let at = word.find(|c: char| !"<>=~^".contains(c)).unwrap_or(word.len());
        let (sign, version) = word.split_at(at);
        // A space may stand between them: `>= 1.2`.
        let version = if version.is_empty() { words.next().unwrap_or_default() } else { version };
        comparators(sign, &Partial::parse(version)?, &mut set)?;
    }
    Ok(set)
}

fn comparators(
    sign: &str,
    partial: &Partial<'_>,
    to: &mut Vec<Comparator>,
) -> Result<(), &'static str> {
    let mut push = |sign, version| to.push(Comparator { sign, version });
    match (sign, partial.after()) {
        ("^", _) if partial.major.is_some() => {
            push(Sign::GreaterOrEqual, partial.lowest());
            push(Sign::Less, partial.after_caret());
        }
        ("~" | "~>", _) if partial.major.is_some() => {
            push(Sign::GreaterOrEqual, partial.lowest());
            push(Sign::Less, partial.after_tilde());
        }
        ("" | "=", None) if partial.major.is_some() => push(Sign::Equal, partial.lowest()),
        ("" | "=", Some(after)) => {
            push(Sign::GreaterOrEqual, partial.lowest());
            push(Sign::Less, after);
        }
        (">" | "<", _) if partial.major.is_none() => push(Sign::Less, "0.0.0-0".to_owned()),
        (">", None) => push(Sign::Greater, partial.lowest()),
        (">", Some(after)) => {
            push(Sign::GreaterOrEqual, after.trim_end_matches("-0").to_owned());
        }
        (">=", _) if partial.major.is_some() => push(Sign::GreaterOrEqual, partial.lowest()),
        ("<", after) => {
            let bound = after.map_or("", |_| "-0");
            push(Sign::Less, partial.lowest() + bound);
        }
        ("<=", None) if partial.major.is_some() => push(Sign::LessOrEqual, partial.lowest()),
        ("<=", Some(after)) => push(Sign::Less, after),
        // Every version.
        ("" | "=" | "^" | "~" | "~>" | ">=" | "<=", _) => {}
        _ => return Err("a comparator of the range is none of < <= = >= > ~ ^"),
    }
    Ok(())
}

/// A version of which numbers may be missing or `x`.
#[derive(Debug, Clone, Copy, Default)]
struct Partial<'a> {
    major: Option<&'a str>,
    minor: Option<&'a str>,
    patch: Option<&'a str>,
    prerelease: &'a str,
}

impl<'a> Partial<'a> {
    fn parse(text: &'a str) -> Result<Self, &'static str> {
        let plain = text.strip_prefix('=').unwrap_or(text);
        let plain = plain.strip_prefix(['v', 'V']).unwrap_or(plain);
        let plain = plain.split('+').next().unwrap_or_default();
        let (release, prerelease) = plain.split_once('-').unwrap_or((plain, ""));
        let mut numbers = [None; 3];
        let mut open = false;
        for (i, part) in release.split('.').enumerate() {
            let slot =
                numbers.get_mut(i).ok_or("a version of the range has more than three numbers")?;
            match part {
                "" if i == 0 => open = true,
                "x" | "X" | "*" => open = true,
                part if digits::split(part) == (part, "") && !part.is_empty() => {
                    *slot = Some(part).filter(|_| !open);
                }
                _ => return Err("a version of the range has a part that is no number"),
            }
        }
        let [major, minor, patch] = numbers;
        let prerelease = if patch.is_some() { prerelease } else { "" };
        Ok(Self { major, minor, patch, prerelease })
    }

    fn lowest(&self) -> String {
        let [major, minor, patch] = [self.major, self.minor, self.patch].map(|n| n.unwrap_or("0"));
        let hyphen = if self.prerelease.is_empty() { "" } else { "-" };
        format!("{major}.{minor}.{patch}{hyphen}{}", self.prerelease)
    }

    /// The end of what `1.x` or `1` stands for; `None` for a full version, or for all.
    fn after(&self) -> Option<String> {
        match (self.major, self.minor, self.patch) {
            (Some(major), None, _) => Some(format!("{}.0.0-0", increment(major))),
            (Some(major), Some(minor), None) => Some(format!("{major}.{}.0-0", increment(minor))),
            _ => None,
        }
    }

    fn after_tilde(&self) -> String {
        let major = self.major.unwrap_or("0");
        match self.minor {
            Some(minor) => format!("{major}.{}.0-0", increment(minor)),
            None => format!("{}.0.0-0", increment(major)),
        }
    }

    fn after_caret(&self) -> String {
        let is_zero = |number: &str| number.bytes().all(|b| b == b'0');
        match (self.major.unwrap_or("0"), self.minor, self.patch) {
            (major, None, _) => format!("{}.0.0-0", increment(major)),
            (major, ..) if !is_zero(major) => format!("{}.0.0-0", increment(major)),
            (major, Some(minor), patch) if !is_zero(minor) || patch.is_none() => {
                format!("{major}.{}.0-0", increment(minor))
            }
            (major, Some(minor), patch) => {
                format!("{major}.{minor}.{}-0", increment(patch.unwrap_or("0")))
            }
        }
    }
}

/// One more, of a number of any length.
fn increment(number: &str) -> String {
    let mut digits: Vec<u8> = number.bytes().collect();
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return digits.into_iter().map(char::from).collect();
        }
        *digit = b'0';
    }
    std::iter::once('1').chain(digits.into_iter().map(char::from)).collect()
}
