//! Dockerfiles and Containerfiles, with the place of everything in them.
//!
//! The format: <https://docs.docker.com/reference/dockerfile/>. Line continuations (with comments and
//! empty lines in them), the `escape` directive, here-documents, JSON forms, flags and `ONBUILD` are
//! understood. A broken instruction ends nothing: it is a [`Problem`], and the next line goes on.

mod parse;
mod text;

use std::ops::Range;

pub use self::{parse::parse, text::Text};

/// A file that was taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// The instructions, in order.
    pub instructions: Vec<Instruction>,
    /// What could not be understood.
    pub problems: Vec<Problem>,
    /// Rules that comments turn off for the whole file.
    pub ignored: Vec<String>,
}

/// One instruction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instruction {
    /// Its name in upper case: that of what it triggers, for an `ONBUILD`.
    pub name: String,
    /// Where the name is.
    pub name_at: Range<usize>,
    /// Whether it stands behind `ONBUILD`.
    pub is_trigger: bool,
    /// Its bytes, here-documents included.
    pub at: Range<usize>,
    /// Its first line, from 1.
    pub line: u32,
    /// `--name=value` in front of the arguments.
    pub flags: Vec<Flag>,
    /// The arguments on one line.
    pub arguments: Text,
    /// The arguments, where they are a JSON array of texts.
    pub json: Option<Vec<String>>,
    /// Here-documents.
    pub documents: Vec<Document>,
    /// Rules that a comment before it turns off.
    pub ignored: Vec<String>,
}

/// `--name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: String,
    /// What is behind `=`, or nothing.
    pub value: String,
}

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The word that ends it.
    pub word: String,
    /// Where its content is.
    pub at: Range<usize>,
}

/// Something that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong.
    pub why: String,
}

/// A stage: a `FROM` and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Index of its `FROM`.
    pub from: usize,
    /// Indexes of its instructions, the `FROM` first.
    pub instructions: Range<usize>,
    /// The image, as written.
    pub image: String,
    /// The name behind `AS`.
    pub name: Option<String>,
}

impl Dockerfile {
    /// The stages. Instructions before the first `FROM` belong to none.
    pub fn stages(&self) -> Vec<Stage> {
        let is_from = |index: &usize| {
            let instruction = &self.instructions[*index];
            instruction.name == "FROM" && !instruction.is_trigger
        };
        let starts: Vec<usize> = (0..self.instructions.len()).filter(is_from).collect();
        let ends = starts.iter().skip(1).copied().chain([self.instructions.len()]);
        let stage = |(from, end): (&usize, usize)| {
            let words: Vec<&str> = self.instructions[*from].words().collect();
            let named = words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("as"));
            Stage {
                from: *from,
                instructions: *from..end,
                image: words.first().copied().unwrap_or_default().to_owned(),
                name: words.get(2).filter(|_| named).map(|name| (*name).to_owned()),
            }
        };
        starts.iter().zip(ends).map(stage).collect()
    }
}

impl Instruction {
    /// The value of a flag.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|flag| flag.name == name).map(|flag| flag.value.as_str())
    }

    /// The arguments, split at blanks.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.arguments.text.split_whitespace()
    }

    /// The names and values of an `ENV`, `ARG` or `LABEL`: `a=b c="d e"`, or `a b c`.
    pub fn pairs(&self) -> Vec<(String, Option<String>)> {
        text::pairs(&self.arguments.text, self.name == "ENV" || self.name == "LABEL")
    }
}
