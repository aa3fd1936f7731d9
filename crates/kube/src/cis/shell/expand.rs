//! Words into the arguments they stand for.

use super::{
    Input, Output, Shell, Stop, arithmetic,
    ast::{Operation, Part, Script, Word},
};
use crate::cis::pattern::Glob;

/// Bytes of one argument.
const WORD_LIMIT: usize = 8 << 20;
/// Paths that one pattern may stand for.
const PATHS_LIMIT: usize = 20_000;

/// An argument in the making; a letter that is quoted is no pattern.
#[derive(Debug, Clone, Default)]
struct Field {
    letters: Vec<(char, bool)>,
    /// Whether it counts though it may be empty.
    quoted: bool,
}

impl Shell<'_> {
    /// The arguments that `words` stand for.
    pub(super) fn fields(
        &mut self,
        words: &[Word],
        output: &mut Output,
    ) -> Result<Vec<String>, Stop> {
        let mut fields = Vec::new();
        for word in words {
            let mut made = vec![Field::default()];
            self.parts(word, false, true, &mut made, output)?;
            for field in made {
                if field.letters.is_empty() && !field.quoted {
                    continue;
                }
                self.paths(&field.letters, &mut fields)?;
            }
        }
        self.step(fields.len())?;
        Ok(fields)
    }

    /// The text that a word stands for where it is not split.
    pub(super) fn joined(&mut self, word: &Word, output: &mut Output) -> Result<String, Stop> {
        Ok(self.letters(word, output)?.into_iter().map(|(letter, _)| letter).collect())
    }

    /// The pattern that a word stands for.
    pub(super) fn pattern(&mut self, word: &Word, output: &mut Output) -> Result<Glob, Stop> {
        Ok(Glob::new(&self.letters(word, output)?))
    }

    fn letters(&mut self, word: &Word, output: &mut Output) -> Result<Vec<(char, bool)>, Stop> {
        let mut made = vec![Field::default()];
        self.parts(word, false, false, &mut made, output)?;
        Ok(made.into_iter().next().unwrap_or_default().letters)
    }

    fn parts(
        &mut self,
        parts: &[Part],
        quoted: bool,
        split: bool,
        made: &mut Vec<Field>,
        output: &mut Output,
    ) -> Result<(), Stop> {
        for part in parts {
            self.step(1)?;
            match part {
                Part::Plain(text) => add(made, text, quoted)?,
                Part::Quoted(text) => {
                    mark(made);
                    add(made, text, true)?;
                }
                Part::Double(inner) => {
                    mark(made);
                    self.parts(inner, true, false, made, output)?;
                }
                Part::Parameter { name, operation } => {
                    let value = self.parameter(name, operation.as_ref(), output)?;
                    self.value(&value, quoted, split, made)?;
                }
                Part::Command(script) => {
                    let value = self.substitute(script, output)?;
                    self.value(value.trim_end_matches('\n'), quoted, split, made)?;
                }
                Part::Arithmetic(inner) => {
                    let mut text = vec![Field::default()];
                    self.parts(inner, true, false, &mut text, output)?;
                    let text: String =
                        text.into_iter().flat_map(|field| field.letters).map(|one| one.0).collect();
                    let value = arithmetic::evaluate(&text, &self.variables)
                        .map_err(|why| Stop::unknown(format!("'{text}': {why}")))?;
                    add(made, &value.to_string(), quoted)?;
                }
                Part::Process(script) => {
                    let value = self.substitute(script, output)?;
                    let name = format!("/dev/fd/substituted-{}", self.variables.len());
                    self.set(&name, value);
                    add(made, &name, true)?;
                }
            }
        }
        Ok(())
    }

    /// What a script prints.
    fn substitute(&mut self, script: &Script, output: &mut Output) -> Result<String, Stop> {
        let mut printed = Output::default();
        self.apart(|shell| shell.script(script, &mut Input::default(), &mut printed))?;
        self.substituted = true;
        let text = printed.split(output);
        self.bytes(text.len())?;
        Ok(text)
    }

    /// A value: without quotes it is split at white space.
    fn value(
        &mut self,
        value: &str,
        quoted: bool,
        split: bool,
        made: &mut Vec<Field>,
    ) -> Result<(), Stop> {
        self.bytes(value.len())?;
        if quoted || !split {
            return add(made, value, quoted);
        }
        for letter in value.chars() {
            if !letter.is_ascii_whitespace() {
                add(made, letter.encode_utf8(&mut [0; 4]), false)?;
            } else if made.last().is_some_and(|last| !last.letters.is_empty() || last.quoted) {
                made.push(Field::default());
            }
        }
        Ok(())
    }

    fn parameter(
        &mut self,
        name: &str,
        operation: Option<&Operation>,
        output: &mut Output,
    ) -> Result<String, Stop> {
        let value = match name {
            "?" => Some(self.status.to_string()),
            "#" => Some("0".into()),
            "$" | "!" => return Err(Stop::unknown(format!("the parameter ${name}"))),
            "@" | "*" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" => None,
            "0" => Some("sh".into()),
            _ => self.variables.get(name).cloned(),
        };
        match operation {
            None => Ok(value.unwrap_or_default()),
            Some(Operation::Length) => Ok(value.unwrap_or_default().chars().count().to_string()),
            Some(Operation::Default { operator, colon, word }) => {
                let is_there = value.as_ref().is_some_and(|value| !(*colon && value.is_empty()));
                match (operator, is_there) {
                    ('+', true) => self.joined(word, output),
                    ('+', false) => Ok(String::new()),
                    (_, true) => Ok(value.unwrap_or_default()),
                    ('?', false) => {
                        let why = self.joined(word, output)?;
                        output.error(&format!("sh: {name}: {why}\n"));
                        Err(Stop::Exit(1))
                    }
                    (operator, false) => {
                        let word = self.joined(word, output)?;
                        if *operator == '=' {
                            self.set(name, word.clone());
                        }
                        Ok(word)
                    }
                }
            }
            Some(Operation::Strip { suffix, longest, pattern }) => {
                let pattern = self.pattern(pattern, output)?;
                self.strip(&value.unwrap_or_default(), &pattern, *suffix, *longest)
            }
            Some(Operation::Replace { all, pattern, with }) => {
                let from = self.joined(pattern, output)?;
                if from.contains(['*', '?', '[']) {
                    return Err(Stop::unknown("a replacement by a pattern"));
                }
                let (value, with) = (value.unwrap_or_default(), self.joined(with, output)?);
                self.bytes(value.len().saturating_mul(with.len().saturating_add(1)))?;
                Ok(match (from.is_empty(), all) {
                    (true, _) => value,
                    (_, true) => value.replace(&from, &with),
                    _ => value.replacen(&from, &with, 1),
                })
            }
        }
    }

    /// Takes off what matches at an end.
    fn strip(
        &self,
        value: &str,
        pattern: &Glob,
        suffix: bool,
        longest: bool,
    ) -> Result<String, Stop> {
        let mut cuts: Vec<usize> = value.char_indices().map(|(index, _)| index).collect();
        cuts.push(value.len());
        // From the shortest piece to the longest, or the other way round.
        if suffix != longest {
            cuts.reverse();
        }
        for cut in cuts {
            self.step(1 + value.len())?;
            let (head, tail) = value.split_at(cut);
            let (piece, rest) = if suffix { (tail, head) } else { (head, tail) };
            if pattern.matches(piece) {
                return Ok(rest.to_owned());
            }
        }
        Ok(value.to_owned())
    }

    /// The paths that a pattern stands for; itself, if there are none.
    fn paths(&mut self, letters: &[(char, bool)], fields: &mut Vec<String>) -> Result<(), Stop> {
        let text: String = letters.iter().map(|(letter, _)| *letter).collect();
        let is_pattern = letters.iter().any(|(letter, quoted)| !quoted && "*?[".contains(*letter));
        if !is_pattern || !text.starts_with('/') {
            fields.push(text);
            return Ok(());
        }
        let mut found = vec![String::new()];
        for part in letters.split(|(letter, _)| *letter == '/').skip(1) {
            if part.is_empty() {
                continue;
            }
            let glob = Glob::new(part);
            let is_pattern = part.iter().any(|(letter, quoted)| !quoted && "*?[".contains(*letter));
            let shows_hidden = part.first().is_some_and(|(letter, _)| *letter == '.');
            let mut next = Vec::new();
            for directory in found {
                self.step(1)?;
                if !is_pattern {
                    let name: String = part.iter().map(|(letter, _)| *letter).collect();
                    let path = format!("{directory}/{name}");
                    if self.node.stat(&path, false).is_ok() {
                        next.push(path);
                    }
                    continue;
                }
                let path = if directory.is_empty() { "/" } else { &directory };
                let mut names = match self.node.names(path) {
                    Ok(names) => names,
                    Err(crate::cis::node::Trouble::Unreadable(why)) => {
                        return Err(Stop::unknown(format!("'{path}' cannot be read: {why}")));
                    }
                    Err(_) => Vec::new(),
                };
                self.step(names.len())?;
                names.sort();
                let fits =
                    |name: &String| (shows_hidden || !name.starts_with('.')) && glob.matches(name);
                next.extend(
                    names.into_iter().filter(fits).map(|name| format!("{directory}/{name}")),
                );
            }
            if next.len() > PATHS_LIMIT {
                return Err(Stop::unknown(format!("'{text}' is more than {PATHS_LIMIT} files")));
            }
            found = next;
        }
        if found.is_empty() {
            fields.push(text);
        } else {
            fields.extend(found);
        }
        Ok(())
    }
}

fn mark(made: &mut [Field]) {
    if let Some(last) = made.last_mut() {
        last.quoted = true;
    }
}

fn add(made: &mut [Field], text: &str, quoted: bool) -> Result<(), Stop> {
    let Some(last) = made.last_mut() else { return Ok(()) };
    if last.letters.len().saturating_add(text.len()) > WORD_LIMIT {
        return Err(Stop::unknown(format!("an argument is longer than {WORD_LIMIT} bytes")));
    }
    last.letters.extend(text.chars().map(|letter| (letter, quoted)));
    Ok(())
}
