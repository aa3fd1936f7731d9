//! Maven's order, as `ComparableVersion` of maven-artifact 3.9 implements it
//! (<https://maven.apache.org/pom.html#version-order-specification>).

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// A version taken apart.
#[derive(Debug, Clone)]
pub struct Version(Vec<Item>);

/// What stands between two separators, or between a digit and a letter.
#[derive(Debug, Clone)]
enum Item {
    Number(String),
    Word(Word),
    /// What follows a hyphen, or a change between digits and letters.
    List(Vec<Item>),
}

/// A qualifier; known ones have a rank, others follow them in order of their letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Alpha,
    Beta,
    Milestone,
    ReleaseCandidate,
    Snapshot,
    /// `ga`, `final`, `release`, or none.
    Release,
    ServicePack,
    Other(String),
}

/// Hyphens and changes between digits and letters nest; a version of more is none.
const DEEPEST: usize = 64;

impl Version {
    /// Takes a version apart. Almost every text is one.
    ///
    /// # Errors
    /// If it is empty, has a space or control character, or too many parts.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let fail = |why| VersionError { version: text.to_owned(), order: Order::Maven, why };
        if text.is_empty() {
            return Err(fail("it is empty"));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(fail("it has a space or a control character"));
        }
        let lower = text.to_lowercase();
        let mut parser = Parser { lists: vec![Vec::new()], digit: false };
        let rest = parser.walk(&lower);
        if parser.lists.len() > DEEPEST {
            return Err(fail("it has too many parts"));
        }
        if !rest.is_empty() {
            if !parser.digit && !parser.list().is_empty() {
                parser.open();
            }
            parser.close_item(rest);
        }
        Ok(Self(parser.fold()))
    }
}

struct Parser {
    /// Lists within lists, the outermost first.
    lists: Vec<Vec<Item>>,
    digit: bool,
}

impl Parser {
    fn list(&mut self) -> &mut Vec<Item> {
        self.lists.last_mut().expect("the outermost list is never closed")
    }

    fn open(&mut self) {
        // More would be refused anyway.
        if self.lists.len() <= DEEPEST {
            self.lists.push(Vec::new());
        }
    }

    fn close_item(&mut self, text: &str) {
        let digit = self.digit;
        let number = || Item::Number(text.to_owned());
        self.list().push(if digit { number() } else { Item::Word(word(text, false)) });
    }

    /// Reads all but the last item; returns that.
    fn walk<'a>(&mut self, text: &'a str) -> &'a str {
        let mut start = 0;
        for (i, c) in text.char_indices() {
            match c {
                '.' | '-' => {
                    self.separator(&text[start..i]);
                    start = i + 1;
                    if c == '-' {
                        self.open();
                    }
                }
                c if c.is_ascii_digit() => {
                    if !self.digit && i > start {
                        // A word is in a list of its own, whatever stands before it.
                        if !self.list().is_empty() {
                            self.open();
                        }
                        self.list().push(Item::Word(word(&text[start..i], true)));
                        start = i;
                        self.open();
                    }
                    self.digit = true;
                }
                _ => {
                    if self.digit && i > start {
                        self.close_item(&text[start..i]);
                        start = i;
                        self.open();
                    }
                    self.digit = false;
                }
            }
        }
        &text[start..]
    }

    fn separator(&mut self, text: &str) {
        if text.is_empty() {
            self.list().push(Item::Number("0".to_owned()));
        } else {
            self.close_item(text);
        }
    }

    /// Puts each list into the one around it, without what says nothing.
    fn fold(mut self) -> Vec<Item> {
        loop {
            let mut list = self.lists.pop().unwrap_or_default();
            normalise(&mut list);
            match self.lists.last_mut() {
                Some(outer) => outer.push(Item::List(list)),
                None => return list,
            }
        }
    }
}

fn word(text: &str, before_number: bool) -> Word {
    match text {
        "a" if before_number => Word::Alpha,
        "b" if before_number => Word::Beta,
        "m" if before_number => Word::Milestone,
        "alpha" => Word::Alpha,
        "beta" => Word::Beta,
        "milestone" => Word::Milestone,
        "rc" | "cr" => Word::ReleaseCandidate,
        "snapshot" => Word::Snapshot,
        "" | "ga" | "final" | "release" => Word::Release,
        "sp" => Word::ServicePack,
        other => Word::Other(other.to_owned()),
    }
}

/// Takes out what says nothing (zeros, `final`, empty lists) at the end and before lists.
fn normalise(list: &mut Vec<Item>) {
    for i in (0..list.len()).rev() {
        if list[i].is_nothing() {
            list.remove(i);
        } else if !matches!(list[i], Item::List(_)) {
            break;
        }
    }
}

impl Item {
    fn is_nothing(&self) -> bool {
        match self {
            Self::Number(number) => number.bytes().all(|b| b == b'0'),
            Self::Word(word) => *word == Word::Release,
            Self::List(items) => items.is_empty(),
        }
    }

    /// Against nothing.
    fn against_none(&self) -> Ordering {
        match self {
            Self::Number(number) => digits::compare(number, "0"),
            Self::Word(word) => word.cmp(&Word::Release),
            Self::List(items) => items
                .iter()
                .map(Self::against_none)
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal),
        }
    }

    /// Words are below lists, lists below numbers.
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => digits::compare(a, b),
            (Self::Number(_), _) => Ordering::Greater,
            (_, Self::Number(_)) => Ordering::Less,
            (Self::List(a), Self::List(b)) => lists(a, b),
            (Self::List(_), _) => Ordering::Greater,
            (_, Self::List(_)) => Ordering::Less,
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
        }
    }
}

fn lists(a: &[Item], b: &[Item]) -> Ordering {
    (0..a.len().max(b.len()))
        .map(|i| match (a.get(i), b.get(i)) {
            (Some(a), Some(b)) => a.compare(b),
            (Some(a), None) => a.against_none(),
            (None, Some(b)) => b.against_none().reverse(),
            (None, None) => Ordering::Equal,
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        lists(&self.0, &other.0)
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

/// Which of two versions is newer.
///
/// # Errors
/// If one of them is not a version: see [`Version::parse`].
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    Ok(Version::parse(a)?.cmp(&Version::parse(b)?))
}
