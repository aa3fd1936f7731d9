//! YAML as values of which scalars keep their text: a benchmark writes `value: 0644` and means it.

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

use crate::load::resolve;

/// Nesting of values.
const DEPTH_LIMIT: usize = 100;
/// Values of one document, those that aliases repeat included.
const VALUES_LIMIT: usize = 1_000_000;
/// Bytes of text that aliases may repeat.
const COPIED_LIMIT: usize = 16 << 20;

/// A value whose scalars are not interpreted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A scalar; `plain` if it has no quotes, so that it may be something else than a text.
    Scalar { text: String, plain: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value of `key`, the last one if there are several; keys count without case.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, node)| node)
    }

    /// The text of a scalar; none for null.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar { text, plain } if *plain && resolve(text).is_null() => None,
            Self::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// A boolean, as YAML 1.1 has it.
    pub(super) fn is_true(&self) -> Option<bool> {
        let Self::Scalar { text, .. } = self else { return None };
        resolve(text).as_bool()
    }

    /// The items of a list.
    pub(super) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// What a program sees that reads it as YAML 1.1.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Scalar { text, plain: true } => resolve(text),
            Self::Scalar { text, .. } => Value::String(text.clone()),
            Self::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Self::Map(entries) => {
                let entry = |(key, node): &(String, Self)| (key.clone(), node.value());
                Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }

    fn size(&self) -> (usize, usize) {
        match self {
            Self::Scalar { text, .. } => (1, text.len()),
            Self::List(items) => items.iter().map(Self::size).fold((1, 0), add),
            Self::Map(entries) => {
                entries.iter().map(|(key, node)| add(node.size(), (0, key.len()))).fold((1, 0), add)
            }
        }
    }
}

fn add(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    (a.0.saturating_add(b.0), a.1.saturating_add(b.1))
}

/// Lines of quoted texts that are put right.
const INDENTED_LIMIT: usize = 200;
/// What such a line gets: more than any file is nested, and folded like any other space.
const INDENT: &str = "                                                                ";

/// Reads the first document of `text`; null if there is none.
///
/// Lines of a quoted text may have less indentation than YAML wants: kube-bench's files have such.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut lines: Vec<Cow<'_, str>> = text.split_inclusive('\n').map(Cow::Borrowed).collect();
    let mut text = Cow::Borrowed(text);
    for _ in 0..INDENTED_LIMIT {
        let Err(broken) = once(&text) else { break };
        // The error names the line on which the text begins; it is one of those behind it.
        let behind = lines.iter_mut().skip(broken.line);
        let line = behind.into_iter().find(|line| !line.starts_with(INDENT));
        match line.filter(|_| broken.is_indentation) {
            Some(line) => *line = Cow::Owned(format!("{INDENT}{line}")),
            None => break,
        }
        text = Cow::Owned(lines.concat());
    }
    once(&text).map_err(|broken| format!("line {}: {}", broken.line, broken.why))
}

/// Why a document cannot be understood.
struct Broken {
    /// Line, from 1.
    line: usize,
    why: String,
    /// Whether a line of a quoted text has too little indentation.
    is_indentation: bool,
}

fn once(text: &str) -> Result<Node, Broken> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| Broken {
            line: error.marker().line(),
            why: error.info().to_owned(),
            is_indentation: error.info() == "invalid indentation in quoted scalar",
        })?;
        if matches!(event, Event::DocumentEnd | Event::StreamEnd) {
            break;
        }
        let broken = |why| Broken { line: span.start.line(), why, is_indentation: false };
        builder.event(event).map_err(broken)?;
    }
    Ok(builder.root.unwrap_or(Node::Scalar { text: String::new(), plain: true }))
}

#[derive(Default)]
struct Builder {
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
    copied: usize,
    root: Option<Node>,
}

/// A collection that is not complete.
struct Open {
    node: Node,
    key: Option<String>,
    anchor: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::SequenceStart(anchor, _) => self.open(Node::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.open(Node::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.stack.pop() else { return Ok(()) };
                self.place(open.node, open.anchor)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                self.place(Node::Scalar { text: text.into_owned(), plain }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or("an alias has no anchor")?;
                let (values, bytes) = node.size();
                self.values = self.values.saturating_add(values);
                self.copied = self.copied.saturating_add(bytes);
                if self.copied > COPIED_LIMIT {
                    return Err(format!("aliases repeat more than {COPIED_LIMIT} bytes"));
                }
                self.place(node, 0)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if self.stack.len() >= DEPTH_LIMIT {
            return Err(format!("values are nested more than {DEPTH_LIMIT} deep"));
        }
        self.stack.push(Open { node, key: None, anchor });
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.values = self.values.saturating_add(1);
        if self.values > VALUES_LIMIT {
            return Err(format!("there are more than {VALUES_LIMIT} values"));
        }
        if anchor != 0 {
            let (values, bytes) = node.size();
            self.values = self.values.saturating_add(values);
            self.copied = self.copied.saturating_add(bytes);
            self.anchors.insert(anchor, node.clone());
        }
        let Some(Open { node: parent, key, .. }) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (parent, key.take(), node) {
            (Node::List(items), _, node) => items.push(node),
            (Node::Map(entries), Some(name), node) if name == "<<" => {
                if let Node::Map(merged) = node {
                    entries.splice(0..0, merged);
                }
            }
            (Node::Map(entries), Some(name), node) => entries.push((name, node)),
            (Node::Map(_), None, Node::Scalar { text, .. }) => *key = Some(text),
            _ => return Err("the key of a mapping has to be a text".into()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_keep_their_text() {
        let node = parse("a: 0644\nb: [1e3, 'no', no]\nc: {d: ~}\n---\ne: 1").unwrap();
        assert_eq!(node.get("a").and_then(Node::text), Some("0644"));
        let items: Vec<_> = node.get("b").unwrap().items().iter().filter_map(Node::text).collect();
        assert_eq!(items, ["1e3", "no", "no"]);
        assert_eq!(node.get("c").unwrap().get("d").and_then(Node::text), None);
        assert_eq!(node.get("e"), None);
        assert_eq!(
            node.value(),
            serde_json::json!({"a": 420, "b": [1000.0, "no", false], "c": {"d": null}})
        );
    }

    #[test]
    fn lines_of_quoted_texts_may_have_less_indentation() {
        let node = parse("a:\n  - b: \"one\n  two\"\n    c: 'three\nfour'\n").unwrap();
        let entry = &node.get("a").unwrap().items()[0];
        assert_eq!(entry.get("b").and_then(Node::text), Some("one two"));
        assert_eq!(entry.get("c").and_then(Node::text), Some("three four"));
        assert!(parse("a:\n  - b: \"one\n  two\n").is_err());
    }

    #[test]
    fn what_would_grow_without_bounds_is_an_error() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(parse(&bomb).unwrap_err().contains("more than"));
        assert!(parse(&"[".repeat(5000)).is_err());
    }
}
