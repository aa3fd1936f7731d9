use cofferdam_finding::Edit;
use saphyr_parser::ScalarStyle;
use serde_json::{Value, json};
use thiserror::Error;

use super::tree::{self, Kind, Node};
use crate::load;

/// A value to be at a place of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The place.
    pub path: Vec<Step>,
    /// The value.
    pub put: Put,
}

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An entry of a mapping; made if it is not there.
    Key(String),
    /// The item of a list that has this name; or this place, if it has no name.
    Item(String),
}

/// What to put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// A truth value, in the place of whatever scalar is there.
    Bool(bool),
    /// A text, likewise.
    Text(String),
    /// One more item of a list of texts.
    Item(String),
}

/// Why a change cannot be made to a text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It is not YAML.
    #[error("the document cannot be parsed: {0}")]
    Broken(String),
    /// The place is not there, or twice.
    #[error("the place cannot be found: {0}")]
    Place(String),
    /// An anchor, alias or merge key makes the place part of another.
    #[error("it is shared with other places by an anchor, an alias or a tag")]
    Shared,
    /// It is written in a form that is not edited.
    #[error("it is written in a form that is not edited")]
    Unclear,
}

/// The steps of a path such as `spec.containers[web].securityContext`.
pub fn path(field: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        if end > 0 {
            steps.push(Step::Key(rest[..end].to_owned()));
        }
        rest = &rest[end..];
        if let Some(item) = rest.strip_prefix('[') {
            let end = item.find(']').unwrap_or(item.len());
            steps.push(Step::Item(item[..end].to_owned()));
            rest = item.get(end + 1..).unwrap_or_default();
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    steps
}

impl Change {
    /// The path as text.
    pub fn field(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) if text.is_empty() => text.push_str(key),
                Step::Key(key) => text.extend([".", key]),
                Step::Item(item) => text.extend(["[", item, "]"]),
            }
        }
        text
    }
}

/// Makes the change to a value: what [`edit`] makes to its text.
pub fn apply(value: &mut Value, change: &Change) {
    let mut place = value;
    for step in &change.path {
        if place.is_null() {
            *place = json!({});
        }
        let found = match step {
            Step::Key(key) => match place {
                Value::Object(map) => Some(map.entry(key.as_str()).or_insert(Value::Null)),
                _ => None,
            },
            Step::Item(name) => place.as_array_mut().and_then(|items| {
                let own =
                    |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
                let at = items.iter().position(|item| own(item).as_deref() == Some(name));
                let unnamed = |at: &usize| items.get(*at).is_some_and(|item| own(item).is_none());
                let at = at.or_else(|| name.parse().ok().filter(unnamed))?;
                items.get_mut(at)
            }),
        };
        match found {
            Some(found) => place = found,
            None => return,
        }
    }
    match (&change.put, place) {
        (Put::Bool(value), place) => *place = Value::Bool(*value),
        (Put::Text(text), place) => *place = text.as_str().into(),
        (Put::Item(text), Value::Array(items)) => items.push(text.as_str().into()),
        (Put::Item(text), place) => *place = json!([text]),
    }
}

/// A replacement of bytes of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// First byte to replace.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// What to put there.
    pub text: String,
}

impl Replacement {
    /// `text` with the replacement made.
    pub fn applied(&self, text: &str) -> String {
        [&text[..self.start], &self.text, &text[self.end..]].concat()
    }

    /// As an edit of a file.
    pub fn of_file(self, file: &str) -> Edit {
        Edit { file: file.to_owned(), start: self.start, end: self.end, replacement: self.text }
    }
}

/// The one replacement in the document `text` (YAML or JSON) that makes the change.
///
/// # Errors
/// If the place is not there or is written in a form that is not edited.
pub fn edit(text: &str, change: &Change) -> Result<Replacement, Refusal> {
    let root = tree::parse(text)?;
    let is_json = text.trim_start().starts_with('{') && serde_json::from_str::<Value>(text).is_ok();
    let editor = Editor { text, is_json };
    let mut node = &root;
    for (index, step) in change.path.iter().enumerate() {
        if node.is_shared {
            return Err(Refusal::Shared);
        }
        let place = || Refusal::Place(change.field());
        match (step, &node.kind) {
            (Step::Key(key), Kind::Mapping { is_flow, entries }) => {
                let rest = &change.path[index + 1..];
                match only(entries, key).map_err(|()| place())? {
                    None => {
                        return editor.insert(
                            node,
                            *is_flow,
                            entries,
                            &change.path[index..],
                            &change.put,
                        );
                    }
                    Some((key, value)) if value.is_null() && !value.is_shared => {
                        return editor.fill(key, value, *is_flow, rest, &change.put);
                    }
                    Some((_, value)) => node = value,
                }
            }
            (Step::Item(name), Kind::Sequence { items, .. }) => {
                node = item(items, name).ok_or_else(place)?;
            }
            _ => return Err(place()),
        }
    }
    editor.put(node, &change.put)
}

/// The entry of a key, which must not stand twice. A merge may hold it without its being seen.
fn only<'a>(entries: &'a [(Node, Node)], key: &str) -> Result<Option<&'a (Node, Node)>, ()> {
    let mut found = entries.iter().filter(|(name, _)| name.text() == Some(key));
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(Some(entry)),
        (None, _) if !entries.iter().any(|(name, _)| name.text().is_none_or(|key| key == "<<")) => {
            Ok(None)
        }
        _ => Err(()),
    }
}

fn item<'a>(items: &'a [Node], name: &str) -> Option<&'a Node> {
    let mut found = items.iter().filter(|node| own_name(node) == Some(name));
    match (found.next(), found.next()) {
        (Some(node), None) => Some(node),
        (None, _) => items.get(name.parse::<usize>().ok()?).filter(|node| own_name(node).is_none()),
        _ => None,
    }
}

/// The name of an item, if it has one and that is a text.
fn own_name(node: &Node) -> Option<&str> {
    let Kind::Mapping { entries, .. } = &node.kind else { return None };
    let (_, name) = entries.iter().find(|(key, _)| key.text() == Some("name"))?;
    name.text().filter(|_| name.is_text())
}

struct Editor<'a> {
    text: &'a str,
    is_json: bool,
}

impl Editor<'_> {
    /// Replaces a scalar, or adds to a list.
    fn put(&self, node: &Node, put: &Put) -> Result<Replacement, Refusal> {
        if node.is_shared {
            return Err(Refusal::Shared);
        }
        let quoted = self.is_json;
        match (put, &node.kind) {
            (Put::Bool(_) | Put::Text(_), Kind::Scalar { style, .. }) if !is_block(*style) => {
                Ok(Replacement { start: node.start, end: node.end, text: scalar(put, quoted) })
            }
            (Put::Item(_), Kind::Sequence { is_flow: true, items }) => match items.last() {
                None => Ok(inserted(node.start + 1, scalar(put, quoted))),
                Some(last) => Ok(inserted(last.end, format!(", {}", scalar(put, quoted)))),
            },
            (Put::Item(_), Kind::Sequence { is_flow: false, items }) => {
                let last = items.last().filter(|last| !last.is_empty()).ok_or(Refusal::Unclear)?;
                let (line, column) = self.line_of(last.start);
                let dash = line.rfind('-').ok_or(Refusal::Unclear)?;
                let column = column - line[dash..].chars().count();
                Ok(self.line_after(last.end, column, &[format!("- {}", scalar(put, false))]))
            }
            _ => Err(Refusal::Unclear),
        }
    }

    /// Adds an entry to a mapping, with what is below it.
    fn insert(
        &self,
        node: &Node,
        is_flow: bool,
        entries: &[(Node, Node)],
        steps: &[Step],
        put: &Put,
    ) -> Result<Replacement, Refusal> {
        if is_flow {
            return self.insert_flow(node, entries, steps, put);
        }
        let (Some((first, _)), Some((key, value))) = (entries.first(), entries.last()) else {
            return Err(Refusal::Unclear);
        };
        let end = if value.is_empty() { self.colon(key)? } else { value.end };
        let (line, column) = self.line_of(first.start);
        // `? key` and quoted keys with line breaks are not for us.
        if line.contains('?') || line.contains('\t') {
            return Err(Refusal::Unclear);
        }
        Ok(self.line_after(end, column, &block(steps, put)?))
    }

    fn insert_flow(
        &self,
        node: &Node,
        entries: &[(Node, Node)],
        steps: &[Step],
        put: &Put,
    ) -> Result<Replacement, Refusal> {
        let first = entries.first();
        let is_quoted = first.map_or(self.is_json, |(key, _)| {
            matches!(key.kind, Kind::Scalar { style: ScalarStyle::DoubleQuoted, .. })
        });
        let entry = flow(steps, put, is_quoted || self.is_json)?;
        let (Some((first, _)), Some((last_key, last))) = (first, entries.last()) else {
            return Ok(inserted(node.start + 1, entry));
        };
        if last.is_empty() {
            return Err(Refusal::Unclear);
        }
        // One entry a line stays one entry a line.
        let is_spread = self.text[node.start..first.start].contains('\n');
        if !is_spread {
            return Ok(inserted(last.end, format!(", {entry}")));
        }
        let (line, _) = self.line_of(last_key.start);
        let indent: String = line.chars().take_while(|letter| letter.is_whitespace()).collect();
        let newline = self.newline(last.end);
        Ok(inserted(last.end, format!(",{newline}{indent}{entry}")))
    }

    /// Gives a key without a value one.
    fn fill(
        &self,
        key: &Node,
        value: &Node,
        is_flow: bool,
        rest: &[Step],
        put: &Put,
    ) -> Result<Replacement, Refusal> {
        if !value.is_empty() {
            // `null` or `~`, written out.
            let text = if rest.is_empty() {
                whole(put, self.is_json)
            } else {
                flow_map(rest, put, self.is_json)?
            };
            return Ok(Replacement { start: value.start, end: value.end, text });
        }
        if is_flow {
            return Err(Refusal::Unclear);
        }
        let colon = self.colon(key)?;
        if rest.is_empty() {
            return Ok(inserted(colon, format!(" {}", whole(put, false))));
        }
        let (_, column) = self.line_of(key.start);
        Ok(self.line_after(colon, column + 2, &block(rest, put)?))
    }

    /// One past the colon behind a key.
    fn colon(&self, key: &Node) -> Result<usize, Refusal> {
        let after = &self.text[key.end..];
        let spaces = after.len() - after.trim_start_matches([' ', '\t']).len();
        if after[spaces..].starts_with(':') {
            Ok(key.end + spaces + 1)
        } else {
            Err(Refusal::Unclear)
        }
    }

    /// The line of a place up to it, and how many characters that is.
    fn line_of(&self, at: usize) -> (&str, usize) {
        let start = self.text[..at].rfind('\n').map_or(0, |at| at + 1);
        let line = &self.text[start..at];
        (line, line.chars().count())
    }

    /// Lines of their own behind the line in which `at` is, so far to the right.
    fn line_after(&self, at: usize, column: usize, lines: &[String]) -> Replacement {
        let newline = self.newline(at);
        let rest = &self.text[at..];
        let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
        let place = at + line.strip_suffix('\r').unwrap_or(line).len();
        let indent = " ".repeat(column);
        let text = lines.iter().map(|line| format!("{newline}{indent}{line}")).collect();
        inserted(place, text)
    }

    /// How the line in which `at` is ends, or the one before it.
    fn newline(&self, at: usize) -> &'static str {
        let end = self.text[at..].find('\n').map(|end| at + end);
        let end = end.or_else(|| self.text[..at].rfind('\n'));
        let is_windows = end.is_some_and(|end| self.text[..end].ends_with('\r'));
        if is_windows { "\r\n" } else { "\n" }
    }
}

fn inserted(at: usize, text: String) -> Replacement {
    Replacement { start: at, end: at, text }
}

const fn is_block(style: ScalarStyle) -> bool {
    matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
}

/// The scalar of a change, or its item.
fn scalar(put: &Put, is_json: bool) -> String {
    match put {
        Put::Bool(value) => value.to_string(),
        Put::Text(text) | Put::Item(text) => word(text, is_json),
    }
}

/// What stands for a change where nothing is yet.
fn whole(put: &Put, is_json: bool) -> String {
    match put {
        Put::Item(text) => format!("[{}]", word(text, is_json)),
        put => scalar(put, is_json),
    }
}

fn word(text: &str, is_json: bool) -> String {
    let is_plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte))
        && load::resolve(text) == Value::String(text.to_owned());
    if is_plain && !is_json { text.to_owned() } else { Value::from(text).to_string() }
}

fn key(step: &Step, is_json: bool) -> Result<String, Refusal> {
    match step {
        Step::Key(key) => Ok(word(key, is_json)),
        Step::Item(name) => Err(Refusal::Place(name.clone())),
    }
}

/// An entry with everything below it, in lines.
fn block(steps: &[Step], put: &Put) -> Result<Vec<String>, Refusal> {
    let mut lines = Vec::new();
    for (depth, step) in steps.iter().enumerate() {
        let indent = "  ".repeat(depth);
        let value = if depth + 1 == steps.len() {
            format!(" {}", whole(put, false))
        } else {
            String::new()
        };
        lines.push(format!("{indent}{}:{value}", key(step, false)?));
    }
    Ok(lines)
}

/// An entry with everything below it, in braces.
fn flow(steps: &[Step], put: &Put, is_json: bool) -> Result<String, Refusal> {
    let (first, rest) = steps.split_first().ok_or(Refusal::Unclear)?;
    let value = if rest.is_empty() { whole(put, is_json) } else { flow_map(rest, put, is_json)? };
    Ok(format!("{}: {value}", key(first, is_json)?))
}

fn flow_map(steps: &[Step], put: &Put, is_json: bool) -> Result<String, Refusal> {
    Ok(format!("{{{}}}", flow(steps, put, is_json)?))
}
