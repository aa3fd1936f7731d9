//! Python's order: PEP 440, now <https://packaging.python.org/specifications/version-specifiers/>.

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// A version taken apart: `[N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local]`.
#[derive(Debug, Clone)]
pub struct Version {
    epoch: String,
    /// Without zeros at the end, which do not count.
    release: Vec<String>,
    pre: Option<(char, String)>,
    post: Option<String>,
    dev: Option<String>,
    local: Vec<String>,
}

impl Version {
    /// Takes a version apart. The spellings that the specification normalises are understood.
    ///
    /// # Errors
    /// If it is not a version: the specification has none for legacy ones.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::Python, why };
        let lower = text.trim().to_ascii_lowercase();
        let mut rest = lower.strip_prefix('v').unwrap_or(&lower);
        let (number, after) = digits::split(rest);
        let mut epoch = "0";
        if let Some(after) = after.strip_prefix('!') {
            if number.is_empty() {
                return Err(fail("its epoch is not a number"));
            }
            (epoch, rest) = (number, after);
        }
        let (release, rest) = release(rest).ok_or_else(|| fail("it begins with no number"))?;
        let (pre, rest) = pre(rest);
        let (post, rest) = post(rest);
        let (dev, rest) = dev(rest);
        let local = match rest.strip_prefix('+') {
            Some(local) => self::local(local)
                .ok_or_else(|| fail("its local part has an empty piece or one with a sign"))?,
            None if rest.is_empty() => Vec::new(),
            None => return Err(fail("something follows that is no pre-, post- or dev release")),
        };
        Ok(Self { epoch: epoch.to_owned(), release, pre, post, dev, local })
    }
}

fn release(text: &str) -> Option<(Vec<String>, &str)> {
    let (first, mut rest) = digits::split(text);
    if first.is_empty() {
        return None;
    }
    let mut release = vec![first.to_owned()];
    while let Some(after) = rest.strip_prefix('.') {
        let (number, after) = digits::split(after);
        if number.is_empty() {
            break;
        }
        release.push(number.to_owned());
        rest = after;
    }
    while release.len() > 1 && release.last().is_some_and(|n| n.bytes().all(|b| b == b'0')) {
        release.pop();
    }
    Some((release, rest))
}

fn after_separator(text: &str) -> &str {
    text.strip_prefix(['.', '-', '_']).unwrap_or(text)
}

/// The number behind a word, a separator between them or not; none is 0.
fn number(text: &str) -> (String, &str) {
    let (digits, rest) = digits::split(after_separator(text));
    (if digits.is_empty() { "0" } else { digits }.to_owned(), rest)
}

/// A part that begins with one of `words`, and what follows it.
fn part<'a, T: Copy>(text: &'a str, words: &[(&str, T)]) -> Option<(T, String, &'a str)> {
    let after = after_separator(text);
    let (word, kind) = words.iter().find(|(word, _)| after.starts_with(word))?;
    let (number, rest) = number(&after[word.len()..]);
    Some((*kind, number, rest))
}

fn pre(text: &str) -> (Option<(char, String)>, &str) {
    const WORDS: [(&str, char); 8] = [
        ("alpha", 'a'),
        ("beta", 'b'),
        ("preview", 'r'),
        ("pre", 'r'),
        ("rc", 'r'),
        ("a", 'a'),
        ("b", 'b'),
        ("c", 'r'),
    ];
    match part(text, &WORDS) {
        Some((kind, number, rest)) => (Some((kind, number)), rest),
        None => (None, text),
    }
}

fn post(text: &str) -> (Option<String>, &str) {
    if let Some(after) = text.strip_prefix('-') {
        let (number, rest) = digits::split(after);
        if !number.is_empty() {
            return (Some(number.to_owned()), rest);
        }
    }
    match part(text, &[("post", ()), ("rev", ()), ("r", ())]) {
        Some(((), number, rest)) => (Some(number), rest),
        None => (None, text),
    }
}

fn dev(text: &str) -> (Option<String>, &str) {
    match part(text, &[("dev", ())]) {
        Some(((), number, rest)) => (Some(number), rest),
        None => (None, text),
    }
}

fn local(text: &str) -> Option<Vec<String>> {
    let pieces: Vec<&str> = text.split(['.', '-', '_']).collect();
    let is_piece =
        |piece: &&str| !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_alphanumeric());
    pieces.iter().all(is_piece).then(|| pieces.into_iter().map(str::to_owned).collect())
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        digits::compare(&self.epoch, &other.epoch)
            .then_with(|| numbers(&self.release, &other.release))
            .then_with(|| self.compare_pre(other))
            .then_with(|| match (&self.post, &other.post) {
                (Some(a), Some(b)) => digits::compare(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
            // A development release comes before what it leads to.
            .then_with(|| match (&self.dev, &other.dev) {
                (Some(a), Some(b)) => digits::compare(a, b),
                (a, b) => a.is_none().cmp(&b.is_none()),
            })
            .then_with(|| locals(&self.local, &other.local))
    }
}

impl Version {
    fn compare_pre(&self, other: &Self) -> Ordering {
        // Of a release that has neither pre nor post, a development release comes first of all.
        let rank = |v: &Self| match (&v.pre, &v.post, &v.dev) {
            (None, None, Some(_)) => 0,
            (Some(_), ..) => 1,
            _ => 2,
        };
        rank(self).cmp(&rank(other)).then_with(|| match (&self.pre, &other.pre) {
            (Some((x, a)), Some((y, b))) => x.cmp(y).then_with(|| digits::compare(a, b)),
            _ => Ordering::Equal,
        })
    }
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

/// As lists, a shorter one first.
pub(super) fn numbers<T: AsRef<str>>(a: &[T], b: &[T]) -> Ordering {
    let pairs = a.iter().zip(b);
    let differing = pairs.map(|(a, b)| digits::compare(a.as_ref(), b.as_ref()));
    let differing = differing.into_iter().find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// Words before numbers, a list before one that goes on, none before any.
fn locals(a: &[String], b: &[String]) -> Ordering {
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    for (a, b) in a.iter().zip(b) {
        let order = match (is_number(a), is_number(b)) {
            (true, true) => digits::compare(a, b),
            (false, false) => a.cmp(b),
            (number, _) => number.cmp(&!number),
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Which of two versions is newer.
///
/// # Errors
/// If one of them is not a version: see [`Version::parse`].
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    Ok(Version::parse(a)?.cmp(&Version::parse(b)?))
}
