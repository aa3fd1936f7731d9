//! An interpreter of the commands that benchmarks have in them.
//!
//! It starts no program, writes nothing and reads only what a [`Node`] and a snapshot of the cluster
//! show. What it does not know ends it: [`Ended::Unknown`], never a guess. Steps, bytes and nesting
//! are bounded.

mod arithmetic;
mod ast;
mod exec;
mod expand;
mod parse;
mod word;

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use super::{node::Node, tools::cluster::Cluster};
pub(super) use parse::parse;

/// Commands, words and lines that one script may come by.
const STEPS_LIMIT: usize = 4_000_000;
/// Bytes that the commands of one script may read and print altogether.
const BYTES_LIMIT: usize = 256 << 20;
/// Scripts in scripts: `sh -c`, `xargs`, substitutions.
const DEPTH_LIMIT: usize = 40;

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With an exit status, after it printed this on both streams.
    Exit {
        /// The status.
        status: i32,
        /// What it printed, both streams in order.
        output: String,
    },
    /// It needs something that is not known here.
    Unknown(String),
}

/// Runs the text of a script.
pub fn run(text: &str, node: &dyn Node, cluster: Option<&Cluster<'_>>) -> Ended {
    let text = text.trim();
    if text.is_empty() {
        return Ended::Exit { status: 0, output: String::new() };
    }
    let script = match parse(text) {
        Ok(script) => script,
        Err(why) => return Ended::Unknown(format!("the command is not understood: {why}")),
    };
    let mut shell = Shell::new(node, cluster);
    let mut output = Output::default();
    match shell.script(&script, &mut Input::default(), &mut output) {
        Ok(()) => Ended::Exit { status: shell.status, output: output.text() },
        Err(Stop::Exit(status)) => Ended::Exit { status, output: output.text() },
        Err(Stop::Break(_) | Stop::Continue(_)) => Ended::Exit { status: 0, output: output.text() },
        Err(Stop::Unknown(why)) => Ended::Unknown(why),
    }
}

/// Why a script goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    Exit(i32),
    Break(usize),
    Continue(usize),
    Unknown(String),
}

impl Stop {
    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown(why.into())
    }
}

/// What a command reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Input {
    text: Rc<str>,
    at: usize,
}

impl Input {
    pub(super) fn new(text: String) -> Self {
        Self { text: text.into(), at: 0 }
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> String {
        let rest = self.text[self.at..].to_owned();
        self.at = self.text.len();
        rest
    }

    /// The next line without its end, and whether it has one; none at the end.
    pub(super) fn line(&mut self) -> Option<(String, bool)> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let (line, length, ended) = match rest.find('\n') {
            Some(end) => (&rest[..end], end + 1, true),
            None => (rest, rest.len(), false),
        };
        let line = line.to_owned();
        self.at += length;
        Some((line, ended))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Error,
}

/// What a command printed, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Output(Vec<(Stream, String)>);

impl Output {
    pub(super) fn out(&mut self, text: &str) {
        self.push(Stream::Out, text);
    }

    pub(super) fn error(&mut self, text: &str) {
        self.push(Stream::Error, text);
    }

    pub(super) fn push(&mut self, stream: Stream, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some((last, before)) if *last == stream => before.push_str(text),
            _ => self.0.push((stream, text.to_owned())),
        }
    }

    /// Everything that was printed, both streams in order.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// Takes what is on stdout; the rest goes to `other`.
    fn split(self, other: &mut Self) -> String {
        let mut out = String::new();
        for (stream, text) in self.0 {
            match stream {
                Stream::Out => out.push_str(&text),
                Stream::Error => other.error(&text),
            }
        }
        out
    }

    fn len(&self) -> usize {
        self.0.iter().map(|(_, text)| text.len()).sum()
    }
}

/// The state of a script.
pub(super) struct Shell<'a> {
    pub(super) node: &'a dyn Node,
    pub(super) cluster: Option<&'a Cluster<'a>>,
    variables: BTreeMap<String, String>,
    status: i32,
    /// Whether the words of the last command had a command in them.
    substituted: bool,
    depth: usize,
    spent: Rc<Spent>,
}

/// What all shells of one script have used.
#[derive(Debug, Default)]
struct Spent {
    steps: Cell<usize>,
    bytes: Cell<usize>,
}

impl<'a> Shell<'a> {
    fn new(node: &'a dyn Node, cluster: Option<&'a Cluster<'a>>) -> Self {
        let (variables, spent) = (BTreeMap::new(), Rc::default());
        Self { node, cluster, variables, status: 0, substituted: false, depth: 0, spent }
    }

    /// Counts work; too much ends the script.
    pub(super) fn step(&self, steps: usize) -> Result<(), Stop> {
        let spent = self.spent.steps.get().saturating_add(steps);
        self.spent.steps.set(spent);
        if spent > STEPS_LIMIT {
            return Err(Stop::unknown(format!("the command takes more than {STEPS_LIMIT} steps")));
        }
        Ok(())
    }

    /// Counts bytes that are read or printed.
    pub(super) fn bytes(&self, bytes: usize) -> Result<(), Stop> {
        let spent = self.spent.bytes.get().saturating_add(bytes);
        self.spent.bytes.set(spent);
        if spent > BYTES_LIMIT {
            return Err(Stop::unknown(format!("the command needs more than {BYTES_LIMIT} bytes")));
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(Stop::unknown(format!("commands nest more than {DEPTH_LIMIT} deep")));
        }
        Ok(())
    }

    /// Runs another shell's text (`sh -c`): nothing of this one's variables is there.
    pub(super) fn other(
        &mut self,
        text: &str,
        input: &mut Input,
        output: &mut Output,
    ) -> Result<i32, Stop> {
        self.enter()?;
        self.bytes(text.len())?;
        let script = parse(text).map_err(|why| {
            Stop::unknown(format!("a command within the command is not understood: {why}"))
        })?;
        let variables = std::mem::take(&mut self.variables);
        let ended = self.script(&script, input, output);
        self.variables = variables;
        self.depth -= 1;
        match ended {
            Ok(()) => Ok(self.status),
            Err(Stop::Exit(status)) => Ok(status),
            Err(stop) => Err(stop),
        }
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        self.variables.insert(name.to_owned(), value);
    }
}

impl Shell<'_> {
    /// What the script of a `<(…)` printed, by the name that stands for it.
    pub(super) fn file_of(&self, path: &str) -> Option<String> {
        let known = path.starts_with("/dev/fd/").then(|| self.variables.get(path));
        known.flatten().cloned()
    }
}
