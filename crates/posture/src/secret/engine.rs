//! The search: one automaton over all literals, then one anchored regular expression a candidate.

mod window;

use std::{
    io::{self, Read},
    sync::{LazyLock, OnceLock},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};

use self::window::Window;
use super::{
    Content, Found, Shape, Spec,
    allow::{has_self_test_keys, is_example, is_foreign},
    entropy::entropy,
    found::shown,
    table,
};

/// Looks for every kind of secret.
#[derive(Debug)]
pub struct Engine {
    specs: Vec<Prepared>,
    literals: Vec<Literal>,
    /// Slow to build, fast to run: for files.
    files: OnceLock<AhoCorasick>,
    /// The other way around: for a few lines.
    texts: OnceLock<AhoCorasick>,
}

/// What came of searching a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The secrets, in order of where they are.
    pub found: Vec<Found>,
    /// Whether there were more than [`Engine::MOST`], which are not listed.
    pub more: bool,
}

#[derive(Debug)]
struct Prepared {
    spec: &'static Spec,
    rule: &'static str,
    regex: OnceLock<Regex>,
}

#[derive(Debug)]
struct Literal {
    text: &'static str,
    /// Indexes of the specs that it announces.
    specs: Vec<usize>,
}

/// Bytes of a file that are in memory at a time, besides the context of candidates.
const CHUNK: usize = 256 << 10;

impl Engine {
    /// Secrets of one file that are listed.
    pub const MOST: usize = 500;
    /// Changes whenever other secrets may be found.
    pub const VERSION: &'static str = concat!("secret-1-", env!("CARGO_PKG_VERSION"));

    /// The engine with all rules; prepared when it is first used.
    pub fn shared() -> &'static Self {
        static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);
        &ENGINE
    }

    fn new() -> Self {
        let mut literals: Vec<Literal> = Vec::new();
        let mut specs = Vec::new();
        for (index, (spec, rule)) in table::specs().zip(table::rules()).enumerate() {
            specs.push(Prepared { spec, rule: &rule.id, regex: OnceLock::new() });
            for text in spec.literals {
                match literals.iter_mut().find(|literal| literal.text.eq_ignore_ascii_case(text)) {
                    Some(literal) => literal.specs.push(index),
                    None => literals.push(Literal { text, specs: vec![index] }),
                }
            }
        }
        Self { specs, literals, files: OnceLock::new(), texts: OnceLock::new() }
    }

    fn automaton(&self, for_files: bool) -> &AhoCorasick {
        let (place, kind) = match for_files {
            true => (&self.files, AhoCorasickKind::DFA),
            false => (&self.texts, AhoCorasickKind::NoncontiguousNFA),
        };
        place.get_or_init(|| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::Standard)
                .kind(Some(kind))
                .build(self.literals.iter().map(|literal| literal.text))
                .expect("the literals are a few thousand bytes")
        })
    }

    /// Searches the file at `path` (relative to the root, which says what kind of file it is).
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn search(&self, path: &str, file: &mut dyn Read) -> io::Result<Outcome> {
        self.search_in_chunks(path, file, CHUNK)
    }

    /// As [`search`](Self::search), with so many bytes at a time; the outcome is the same.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn search_in_chunks(
        &self,
        path: &str,
        file: &mut dyn Read,
        chunk: usize,
    ) -> io::Result<Outcome> {
        let mut window = Window::new(chunk);
        window.fill(file)?;
        let search = match Content::of(window.head()) {
            Content::Opaque => return Ok(Outcome::default()),
            content => Search::new(self, path, content),
        };
        self.run(search, &mut window, file, true)
    }

    /// Searches a few lines that are in memory: a variable, a command.
    pub fn search_text(&self, name: &str, text: &str) -> Outcome {
        let mut rest = text.as_bytes();
        let mut window = Window::new(text.len());
        let search = Search::new(self, name, Content::Text);
        window
            .fill(&mut rest)
            .and_then(|()| self.run(search, &mut window, &mut rest, false))
            .expect("reading from memory cannot fail")
    }

    fn run(
        &self,
        mut search: Search<'_>,
        window: &mut Window,
        file: &mut dyn Read,
        for_files: bool,
    ) -> io::Result<Outcome> {
        let automaton = self.automaton(for_files);
        loop {
            let (bytes, first, last) = window.scope();
            // Literals that begin in the scope may end behind it.
            let end = bytes.len().min(last + LONGEST_LITERAL);
            for hit in automaton.find_overlapping_iter(&bytes[first..end]) {
                let start = first + hit.start();
                if start < last {
                    search.candidate(window, start, first + hit.end(), hit.pattern().as_usize());
                }
            }
            window.advance(search.content == Content::Text);
            if window.is_done() {
                return Ok(search.finish());
            }
            window.fill(file)?;
        }
    }
}

/// Bytes of the longest literal, rounded up; a test checks it.
const LONGEST_LITERAL: usize = 64;

/// The search of one file.
struct Search<'a> {
    engine: &'a Engine,
    content: Content,
    is_foreign: bool,
    has_self_test_keys: bool,
    found: Vec<Candidate>,
    more: bool,
}

/// A secret and the precedence of its spec.
struct Candidate {
    found: Found,
    end: u64,
    precedence: usize,
}

impl<'a> Search<'a> {
    fn new(engine: &'a Engine, path: &str, content: Content) -> Self {
        Self {
            engine,
            content,
            is_foreign: is_foreign(path),
            has_self_test_keys: has_self_test_keys(path),
            found: Vec::new(),
            more: false,
        }
    }

    /// Looks at what a literal at `start..end` of the window announces.
    fn candidate(&mut self, window: &Window, start: usize, end: usize, literal: usize) {
        let bytes = window.bytes();
        let literal = &self.engine.literals[literal];
        for index in &literal.specs {
            let prepared = &self.engine.specs[*index];
            let shape = prepared.spec.shape;
            let strong = shape.is_strong();
            let skipped = match self.content {
                Content::Binary if self.has_self_test_keys => true,
                Content::Binary => !strong,
                _ => self.is_foreign && shape == Shape::Generic,
            };
            if skipped || (strong && !prepared.is_written(&bytes[start..end])) {
                continue;
            }
            if let Some((from, to)) = prepared.find(window, start, end) {
                self.take(window, from, to, *index);
            }
        }
    }

    fn take(&mut self, window: &Window, from: usize, to: usize, index: usize) {
        let offset = window.offset(from);
        let known = |candidate: &Candidate| {
            candidate.precedence == index && candidate.found.offset == offset
        };
        if self.found.iter().rev().take(Engine::MOST).any(known) {
            return;
        }
        // Twice, since what overlaps is dropped at the end.
        if self.found.len() >= 2 * Engine::MOST {
            self.more = true;
            return;
        }
        let line = (self.content == Content::Text).then(|| window.line(from));
        let found = Found {
            offset,
            length: u32::try_from(to - from).unwrap_or(u32::MAX),
            line,
            rule: self.engine.specs[index].rule.to_owned(),
            shown: shown(&window.bytes()[from..to]),
        };
        self.found.push(Candidate { found, end: window.offset(to), precedence: index });
    }

    /// One text is one secret: of several rules that claim it the first in the table has it.
    fn finish(mut self) -> Outcome {
        self.found.sort_by_key(|candidate| (candidate.precedence, candidate.found.offset));
        let mut kept: Vec<Candidate> = Vec::new();
        for candidate in self.found {
            let overlaps = kept.iter().any(|other| {
                candidate.found.offset < other.end && other.found.offset < candidate.end
            });
            if !overlaps {
                kept.push(candidate);
            }
        }
        let mut found: Vec<Found> = kept.into_iter().map(|candidate| candidate.found).collect();
        found.sort();
        let more = self.more || found.len() > Engine::MOST;
        found.truncate(Engine::MOST);
        Outcome { found, more }
    }
}

impl Prepared {
    /// Whether the literal is there letter for letter; the automaton does not mind the case.
    fn is_written(&self, text: &[u8]) -> bool {
        self.spec.literals.iter().any(|literal| literal.as_bytes() == text)
    }

    fn regex(&self) -> &Regex {
        self.regex.get_or_init(|| {
            let pattern = self.spec.pattern;
            let text = match self.spec.shape {
                Shape::Token | Shape::After => format!("^(?:{pattern})"),
                Shape::Inside(_) => format!("(?:{pattern})"),
                Shape::Assigned => format!("^{NAME}(?:{OPERATOR}|\\s){OPENING}({pattern})"),
                Shape::Generic => format!("^{NAME}{OPERATOR}{OPENING}({pattern})"),
            };
            RegexBuilder::new(&text).unicode(false).build().expect("the table's patterns are valid")
        })
    }

    /// The secret that a literal at `start..end` announces.
    fn find(&self, window: &Window, start: usize, end: usize) -> Option<(usize, usize)> {
        let (base, slice, must_hold) = match self.spec.shape {
            Shape::Token => (start, window.from(start, start), 0),
            Shape::Inside(before) => {
                let base = window.back(start, before);
                (base, window.span(base), start - base)
            }
            Shape::After | Shape::Assigned | Shape::Generic => (end, window.from(end, start), 0),
        };
        if self.spec.shape == Shape::Token && !window.is_boundary_before(start) {
            return None;
        }
        let (range, whole) = self.matched(slice, must_hold)?;
        let (from, to) = (base + range.0, base + range.1);
        let boundary = match self.spec.shape {
            Shape::Inside(_) if !window.is_boundary_before(base + whole.0) => false,
            Shape::Generic => window.is_value_end(base + whole.1),
            _ => window.is_boundary_after(base + whole.1),
        };
        let secret = &window.bytes()[from..to];
        let holds = boundary
            && (self.spec.entropy <= 0.0 || entropy(secret) >= self.spec.entropy)
            && self.spec.check.passes(secret)
            && !is_example(secret);
        holds.then_some((from, to))
    }

    /// Where the secret is in `slice`, and the whole match, which has to hold the literal.
    fn matched(&self, slice: &[u8], literal: usize) -> Option<((usize, usize), (usize, usize))> {
        let regex = self.regex();
        let mut from = 0;
        loop {
            let captures = regex.captures_at(slice, from)?;
            let whole = captures.get(0)?;
            if whole.start() > literal {
                return None;
            }
            if whole.end() > literal {
                let secret = captures.get(1).unwrap_or(whole);
                return Some(((secret.start(), secret.end()), (whole.start(), whole.end())));
            }
            from = whole.end().max(from + 1);
        }
    }
}

/// The rest of the name that a literal is part of, up to its closing quote or bracket.
const NAME: &str = r#"[\w. \[\]-]{0,40}?(?:\\?["'`\]]){0,2}"#;
/// What assigns.
const OPERATOR: &str = r"(?:[ \t]{0,8}(?:=>|:=|\?=|==?|:|,|>)[ \t]{0,8})";
/// What opens a value.
const OPENING: &str = r#"(?:\\?["'`]|[\[(]){0,3}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_every_literal_fits() {
        let engine = Engine::shared();
        for prepared in &engine.specs {
            prepared.regex();
            for literal in prepared.spec.literals {
                assert!(literal.len() < LONGEST_LITERAL, "{literal}");
                assert!(literal.len() >= 3, "'{literal}' is in every file");
            }
        }
    }
}
