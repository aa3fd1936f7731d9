//! A YAML document with the places of everything in it.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Value;

use super::edit::Refusal;
use crate::load;

/// Nesting of values.
const DEPTH_LIMIT: usize = 100;

/// A value and the bytes that it is written in.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) start: usize,
    /// One past its last byte that is no space; for block collections that of their last value.
    pub(super) end: usize,
    /// Whether other places of the document repeat it, or it has a tag.
    pub(super) is_shared: bool,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar { text: String, style: ScalarStyle },
    Mapping { is_flow: bool, entries: Vec<(Node, Node)> },
    Sequence { is_flow: bool, items: Vec<Node> },
    Alias,
}

impl Node {
    /// Its text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is a scalar that is a text, and no number or truth value.
    pub(super) fn is_text(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, style: ScalarStyle::Plain } => load::resolve(text).is_string(),
            Kind::Scalar { .. } => true,
            _ => false,
        }
    }

    /// Whether it is null, written out or left out.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, style: ScalarStyle::Plain }
            if load::resolve(text) == Value::Null)
    }

    /// Whether nothing is written for it.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end && matches!(self.kind, Kind::Scalar { .. })
    }
}

/// Bytes of a scalar that `text` begins with: the parser counts the spaces and comments behind a
/// quoted one, too.
fn written(text: &str, style: ScalarStyle) -> usize {
    let mut bytes = text.bytes().enumerate().skip(1).peekable();
    match style {
        ScalarStyle::SingleQuoted => {
            while let Some((at, byte)) = bytes.next() {
                if byte == b'\'' && bytes.next_if(|(_, next)| *next == b'\'').is_none() {
                    return at + 1;
                }
            }
            text.len()
        }
        ScalarStyle::DoubleQuoted => {
            while let Some((at, byte)) = bytes.next() {
                match byte {
                    b'\\' => {
                        bytes.next();
                    }
                    b'"' => return at + 1,
                    _ => {}
                }
            }
            text.len()
        }
        _ => text.trim_end().len(),
    }
}

/// Collections that are not complete.
struct Open {
    start: usize,
    is_shared: bool,
    is_flow: bool,
    is_mapping: bool,
    nodes: Vec<Node>,
}

/// Parses the one document that `text` is.
pub(super) fn parse(text: &str) -> Result<Node, Refusal> {
    let places = Places::of(text);
    let mut stack: Vec<Open> = Vec::new();
    let mut root = None;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| Refusal::Broken(error.info().to_owned()))?;
        let (start, end) = places.bytes(span);
        let node = match event {
            Event::MappingStart(anchor, ref tag) | Event::SequenceStart(anchor, ref tag) => {
                if stack.len() >= DEPTH_LIMIT {
                    return Err(Refusal::Broken("it is nested too deeply".into()));
                }
                stack.push(Open {
                    start,
                    is_shared: anchor != 0 || tag.is_some(),
                    is_flow: text[start..].starts_with(['{', '[']),
                    is_mapping: matches!(event, Event::MappingStart(..)),
                    nodes: Vec::new(),
                });
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let Some(open) = stack.pop() else { continue };
                open.close(start, text)?
            }
            Event::Scalar(value, style, anchor, tag) => {
                let end = start + written(&text[start..end], style);
                let kind = Kind::Scalar { text: value.into_owned(), style };
                Node { start, end, is_shared: anchor != 0 || tag.is_some(), kind }
            }
            Event::Alias(_) => Node { start, end, is_shared: true, kind: Kind::Alias },
            Event::StreamEnd => break,
            _ => continue,
        };
        match stack.last_mut() {
            Some(open) => open.nodes.push(node),
            None => root = Some(node),
        }
    }
    root.ok_or_else(|| Refusal::Broken("there is no value".into()))
}

impl Open {
    /// `bracket` is where the bracket is that closes it, if there is one.
    fn close(self, bracket: usize, text: &str) -> Result<Node, Refusal> {
        let Self { start, is_shared, is_flow, is_mapping, nodes } = self;
        let last = nodes.iter().map(|node| node.end).max();
        let (start, end) = match (is_flow, nodes.first()) {
            (true, _) if text[bracket..].starts_with(['}', ']']) => (start, bracket + 1),
            (true, _) => return Err(Refusal::Unclear),
            (false, Some(first)) => (first.start, last.unwrap_or(first.end)),
            (false, None) => (start, start),
        };
        let kind = if is_mapping {
            let mut entries = Vec::with_capacity(nodes.len() / 2);
            let mut nodes = nodes.into_iter();
            while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
                entries.push((key, value));
            }
            Kind::Mapping { is_flow, entries }
        } else {
            Kind::Sequence { is_flow, items: nodes }
        };
        Ok(Node { start, end, is_shared, kind })
    }
}

/// Byte offsets of characters, in which the parser counts.
struct Places {
    length: usize,
    /// None where all characters are of one byte.
    offsets: Option<Vec<usize>>,
}

impl Places {
    fn of(text: &str) -> Self {
        let offsets = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self { length: text.len(), offsets }
    }

    fn bytes(&self, span: Span) -> (usize, usize) {
        let start = self.byte(span.start.index());
        (start, self.byte(span.end.index()).max(start))
    }

    fn byte(&self, index: usize) -> usize {
        match &self.offsets {
            None => index.min(self.length),
            Some(offsets) => offsets.get(index).copied().unwrap_or(self.length),
        }
    }
}
