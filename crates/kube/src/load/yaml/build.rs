use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::scalar::resolve;
use crate::load::{DEPTH_LIMIT, intake::Intake};

/// Values that aliases of one document may add up to: beyond it, a few lines become gigabytes.
const COPIES_LIMIT: usize = 200_000;
/// Bytes of text that they may add up to.
const COPIED_BYTES_LIMIT: usize = 64 << 20;

/// Makes values out of parse events; what the document lists under `items` goes to the intake.
pub(super) struct Builder<'a, 'b> {
    intake: &'a mut Intake<'b>,
    /// Line of the file on which the document begins, from 0.
    first_line: usize,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Value>,
    copied: Size,
    repeated: Vec<String>,
    root: Option<(Value, usize)>,
}

/// A collection that is not complete.
struct Frame {
    content: Content,
    anchor: usize,
    line: usize,
}

enum Content {
    Sequence(Vec<Value>),
    Mapping { map: Map<String, Value>, key: Option<Key>, merged: Vec<Value> },
}

enum Key {
    Text(String),
    /// `<<`: the value's entries become entries here.
    Merge,
}

/// How large a value is.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    values: usize,
    bytes: usize,
    depth: usize,
}

impl<'a, 'b> Builder<'a, 'b> {
    pub(super) fn new(intake: &'a mut Intake<'b>, first_line: usize) -> Self {
        Self {
            intake,
            first_line,
            stack: Vec::new(),
            anchors: HashMap::new(),
            copied: Size::default(),
            repeated: Vec::new(),
            root: None,
        }
    }

    pub(super) fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::SequenceStart(anchor, _) => {
                self.open(Content::Sequence(Vec::new()), anchor, line)
            }
            Event::MappingStart(anchor, _) => {
                let (map, merged) = (Map::new(), Vec::new());
                self.open(Content::Mapping { map, key: None, merged }, anchor, line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(text, style, tag.as_deref(), anchor, line)
            }
            Event::Alias(anchor) => self.alias(anchor, line),
            _ => Ok(()),
        }
    }

    /// The document is complete.
    pub(super) fn finish(self) {
        let (root, line) = self.root.unwrap_or_default();
        self.intake.end(root, number(self.first_line + line));
        for path in &self.repeated {
            self.intake.repeated_key(path);
        }
    }

    /// The value of a text that is no list of objects.
    pub(super) fn into_root(self) -> Value {
        self.root.unwrap_or_default().0
    }

    fn open(&mut self, content: Content, anchor: usize, line: usize) -> Result<(), String> {
        if self.stack.len() >= DEPTH_LIMIT {
            return Err(format!("values are nested more than {DEPTH_LIMIT} deep"));
        }
        if self.expects_key() {
            return Err("the key of a mapping has to be a text".into());
        }
        self.stack.push(Frame { content, anchor, line });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(Frame { content, anchor, line }) = self.stack.pop() else { return Ok(()) };
        let value = match content {
            Content::Sequence(values) => Value::Array(values),
            Content::Mapping { mut map, merged, .. } => {
                for merged in merged {
                    merge(&mut map, merged)?;
                }
                Value::Object(map)
            }
        };
        self.remember(anchor, &value)?;
        self.place(value, line)
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        anchor: usize,
        line: usize,
    ) -> Result<(), String> {
        let is_core = tag.is_some_and(Tag::is_yaml_core_schema);
        let suffix = tag.map(|tag| tag.suffix.as_str());
        if let Some(Frame { content: Content::Mapping { map, key, .. }, .. }) =
            self.stack.last_mut()
            && key.is_none()
        {
            if style == ScalarStyle::Plain && text == "<<" && tag.is_none() {
                *key = Some(Key::Merge);
                return Ok(());
            }
            let text = text.into_owned();
            let is_repeated = map.contains_key(&text);
            *key = Some(Key::Text(text.clone()));
            if is_repeated {
                self.repeat(&text);
            }
            return self.remember(anchor, &Value::String(text));
        }
        let value = match (style, is_core, suffix) {
            (_, true, Some("str" | "binary")) | (_, false, Some(_)) => Value::String(text.into()),
            (_, true, Some(_)) | (ScalarStyle::Plain, ..) => resolve(&text),
            _ => Value::String(text.into()),
        };
        self.remember(anchor, &value)?;
        self.place(value, line)
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<(), String> {
        let Some(value) = self.anchors.get(&anchor) else {
            return Err("an alias stands within what it repeats".into());
        };
        if self.stack.len() + size(value).depth > DEPTH_LIMIT {
            return Err(format!("aliases nest values more than {DEPTH_LIMIT} deep"));
        }
        let value = value.clone();
        self.count(&value)?;
        if self.expects_key() {
            let Value::String(text) = value else {
                return Err("the key of a mapping has to be a text".into());
            };
            return self.scalar(text.into(), ScalarStyle::DoubleQuoted, None, 0, line);
        }
        self.place(value, line)
    }

    /// Keeps what has an anchor, for its aliases; that is a copy, too.
    fn remember(&mut self, anchor: usize, value: &Value) -> Result<(), String> {
        if anchor == 0 {
            return Ok(());
        }
        self.count(value)?;
        self.anchors.insert(anchor, value.clone());
        Ok(())
    }

    fn count(&mut self, value: &Value) -> Result<(), String> {
        let size = size(value);
        self.copied.values += size.values;
        self.copied.bytes += size.bytes;
        if self.copied.values > COPIES_LIMIT || self.copied.bytes > COPIED_BYTES_LIMIT {
            return Err(format!("aliases repeat more than {COPIES_LIMIT} values"));
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        let last = self.stack.last().map(|frame| &frame.content);
        matches!(last, Some(Content::Mapping { key: None, .. }))
    }

    /// Puts a complete value where it belongs.
    fn place(&mut self, value: Value, line: usize) -> Result<(), String> {
        if self.is_in_items() {
            self.intake.item(value, number(self.first_line + line));
            return Ok(());
        }
        match self.stack.last_mut().map(|frame| &mut frame.content) {
            None if self.root.is_some() => return Err("a second value follows the first".into()),
            None => self.root = Some((value, line)),
            Some(Content::Sequence(values)) => values.push(value),
            Some(Content::Mapping { map, key, merged }) => match key.take() {
                Some(Key::Text(key)) => {
                    map.insert(key, value);
                }
                Some(Key::Merge) => merged.push(value),
                None => return Err("the key of a mapping has to be a text".into()),
            },
        }
        Ok(())
    }

    /// Whether the next value is an element of the root's `items`.
    fn is_in_items(&self) -> bool {
        let [Frame { content: Content::Mapping { key: Some(Key::Text(key)), .. }, .. }, inner] =
            self.stack.as_slice()
        else {
            return false;
        };
        key == "items" && inner.anchor == 0 && matches!(inner.content, Content::Sequence(_))
    }

    fn repeat(&mut self, key: &str) {
        let mut path = String::new();
        for frame in &self.stack {
            match &frame.content {
                Content::Sequence(values) => path.push_str(&format!("[{}]", values.len())),
                Content::Mapping { key: Some(Key::Text(key)), .. } => {
                    path.push('.');
                    path.push_str(key);
                }
                Content::Mapping { .. } => {}
            }
        }
        if !path.ends_with(key) {
            path = format!("{path}.{key}");
        }
        self.repeated.push(path.trim_start_matches('.').to_owned());
    }
}

/// Adds the entries of a merged mapping, or of a list of them, that are not there already.
fn merge(map: &mut Map<String, Value>, merged: Value) -> Result<(), String> {
    match merged {
        Value::Object(entries) => {
            for (key, value) in entries {
                map.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(values) => values.into_iter().try_for_each(|value| match value {
            Value::Object(_) => merge(map, value),
            _ => Err("only mappings can be merged by <<".into()),
        }),
        _ => Err("only mappings can be merged by <<".into()),
    }
}

/// Recursion ends at [`DEPTH_LIMIT`], which held when the value was made.
fn size(value: &Value) -> Size {
    let add = |sum: Size, inner: Size| Size {
        values: sum.values + inner.values,
        bytes: sum.bytes + inner.bytes,
        depth: sum.depth.max(inner.depth + 1),
    };
    let one = Size { values: 1, bytes: 0, depth: 1 };
    match value {
        Value::String(text) => Size { bytes: text.len(), ..one },
        Value::Array(values) => values.iter().map(size).fold(one, add),
        Value::Object(map) => map.iter().fold(one, |sum, (key, value)| {
            let inner = size(value);
            add(sum, Size { bytes: inner.bytes + key.len(), ..inner })
        }),
        _ => one,
    }
}

fn number(line: usize) -> u32 {
    u32::try_from(line + 1).unwrap_or(u32::MAX)
}
