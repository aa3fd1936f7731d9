//! Values and their types, written and read (D-Bus Specification, Type System and Marshaling).

use super::MessageError;

/// Deepest nesting of types and values.
const DEPTH: usize = 16;
/// Longest signature, in bytes.
const SIGNATURE: usize = 255;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `y`
    Byte(u8),
    /// `b`
    Bool(bool),
    /// `i`
    Int32(i32),
    /// `u`
    Uint32(u32),
    /// `x`
    Int64(i64),
    /// `t`
    Uint64(u64),
    /// `s`
    String(String),
    /// `o`
    Path(String),
    /// `g`
    Signature(String),
    /// `a`: the type of its elements, and these.
    Array(String, Vec<Self>),
    /// `(…)`
    Struct(Vec<Self>),
    /// `{…}`, only in arrays.
    Entry(Box<(Self, Self)>),
    /// `v`
    Variant(Box<Self>),
}

impl Value {
    /// The type's signature.
    #[must_use]
    pub fn signature(&self) -> String {
        match self {
            Self::Byte(_) => "y".into(),
            Self::Bool(_) => "b".into(),
            Self::Int32(_) => "i".into(),
            Self::Uint32(_) => "u".into(),
            Self::Int64(_) => "x".into(),
            Self::Uint64(_) => "t".into(),
            Self::String(_) => "s".into(),
            Self::Path(_) => "o".into(),
            Self::Signature(_) => "g".into(),
            Self::Array(element, _) => format!("a{element}"),
            Self::Struct(fields) => {
                format!("({})", fields.iter().map(Self::signature).collect::<String>())
            }
            Self::Entry(entry) => format!("{{{}{}}}", entry.0.signature(), entry.1.signature()),
            Self::Variant(_) => "v".into(),
        }
    }

    /// The text of a string or path.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Path(text) => Some(text),
            _ => None,
        }
    }

    /// Appends the value, least significant byte first.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Byte(byte) => out.push(*byte),
            Self::Bool(flag) => word(u32::from(*flag), out),
            Self::Int32(number) => word(number.cast_unsigned(), out),
            Self::Uint32(number) => word(*number, out),
            Self::Int64(number) => long(number.cast_unsigned(), out),
            Self::Uint64(number) => long(*number, out),
            Self::String(text) | Self::Path(text) => {
                word(u32::try_from(text.len()).unwrap_or(u32::MAX), out);
                out.extend(text.as_bytes());
                out.push(0);
            }
            Self::Signature(text) => signature(text, out),
            Self::Array(element, values) => {
                word(0, out);
                let length = out.len() - 4;
                pad(alignment(element), out);
                let start = out.len();
                values.iter().for_each(|value| value.write(out));
                let bytes = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
                out[length..length + 4].copy_from_slice(&bytes.to_le_bytes());
            }
            Self::Struct(fields) => {
                pad(8, out);
                fields.iter().for_each(|field| field.write(out));
            }
            Self::Entry(entry) => {
                pad(8, out);
                entry.0.write(out);
                entry.1.write(out);
            }
            Self::Variant(value) => {
                signature(&value.signature(), out);
                value.write(out);
            }
        }
    }
}

fn word(value: u32, out: &mut Vec<u8>) {
    pad(4, out);
    out.extend(value.to_le_bytes());
}

fn long(value: u64, out: &mut Vec<u8>) {
    pad(8, out);
    out.extend(value.to_le_bytes());
}

fn signature(text: &str, out: &mut Vec<u8>) {
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend(text.as_bytes());
    out.push(0);
}

pub(super) fn pad(to: usize, out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(to), 0);
}

/// The alignment of a type, by its first character.
fn alignment(signature: &str) -> usize {
    match signature.bytes().next() {
        Some(b'y' | b'g' | b'v') => 1,
        Some(b'n' | b'q') => 2,
        Some(b'b' | b'i' | b'u' | b's' | b'o' | b'a' | b'h') => 4,
        _ => 8,
    }
}

/// The first complete type of a signature, and the rest.
fn first_type(signature: &str, depth: usize) -> Option<(&str, &str)> {
    if depth > DEPTH {
        return None;
    }
    let end = match signature.bytes().next()? {
        b'y' | b'b' | b'i' | b'u' | b'x' | b't' | b's' | b'o' | b'g' | b'v' => 1,
        b'a' => 1 + first_type(&signature[1..], depth + 1)?.0.len(),
        open @ (b'(' | b'{') => {
            let close = if open == b'(' { ')' } else { '}' };
            let mut rest = &signature[1..];
            let mut count = 0;
            while !rest.starts_with(close) {
                rest = first_type(rest, depth + 1)?.1;
                count += 1;
            }
            // Nothing of no size, of which a message could hold without end.
            if count == 0 || open == b'{' && count != 2 {
                return None;
            }
            signature.len() - rest.len() + 1
        }
        _ => return None,
    };
    Some(signature.split_at(end))
}

/// Reads values from a message.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big: bool,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8], big: bool) -> Self {
        Self { bytes, at: 0, big }
    }

    pub(super) const fn position(&self) -> usize {
        self.at
    }

    pub(super) fn align(&mut self, to: usize) -> Result<(), MessageError> {
        let next = self.at.next_multiple_of(to);
        self.take(next - self.at).map(drop)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], MessageError> {
        let end = self.at.checked_add(count).ok_or(MessageError::End)?;
        let taken = self.bytes.get(self.at..end).ok_or(MessageError::End)?;
        self.at = end;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, MessageError> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn word(&mut self) -> Result<u32, MessageError> {
        self.align(4)?;
        let bytes = self.take(4)?.try_into().map_err(|_| MessageError::End)?;
        Ok(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn long(&mut self) -> Result<u64, MessageError> {
        self.align(8)?;
        let bytes = self.take(8)?.try_into().map_err(|_| MessageError::End)?;
        Ok(if self.big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    fn length(&mut self) -> Result<usize, MessageError> {
        usize::try_from(self.word()?).map_err(|_| MessageError::End)
    }

    fn text(&mut self, length: usize) -> Result<String, MessageError> {
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| MessageError::Text)?;
        if self.byte()? != 0 || text.contains('\0') {
            return Err(MessageError::Text);
        }
        Ok(text.to_owned())
    }

    fn signature(&mut self) -> Result<String, MessageError> {
        let length = usize::from(self.byte()?);
        self.text(length)
    }

    /// Values of all types of a signature.
    pub(super) fn values(&mut self, signature: &str) -> Result<Vec<Value>, MessageError> {
        if signature.len() > SIGNATURE {
            return Err(MessageError::Signature);
        }
        let mut rest = signature;
        let mut values = Vec::new();
        while !rest.is_empty() {
            let (first, after) = first_type(rest, 0).ok_or(MessageError::Signature)?;
            values.push(self.value(first, 0)?);
            rest = after;
        }
        Ok(values)
    }

    fn value(&mut self, kind: &str, depth: usize) -> Result<Value, MessageError> {
        if depth > DEPTH {
            return Err(MessageError::Signature);
        }
        let inner = kind.get(1..kind.len().saturating_sub(1)).unwrap_or_default();
        Ok(match kind.as_bytes().first() {
            Some(b'y') => Value::Byte(self.byte()?),
            Some(b'b') => match self.word()? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return Err(MessageError::Text),
            },
            Some(b'i') => Value::Int32(self.word()?.cast_signed()),
            Some(b'u') => Value::Uint32(self.word()?),
            Some(b'x') => Value::Int64(self.long()?.cast_signed()),
            Some(b't') => Value::Uint64(self.long()?),
            Some(b's' | b'o') => {
                let length = self.length()?;
                let text = self.text(length)?;
                if kind == "s" { Value::String(text) } else { Value::Path(text) }
            }
            Some(b'g') => Value::Signature(self.signature()?),
            Some(b'a') => self.array(&kind[1..], depth)?,
            Some(b'(') => {
                self.align(8)?;
                Value::Struct(self.fields(inner, depth)?)
            }
            Some(b'{') => {
                self.align(8)?;
                let mut fields = self.fields(inner, depth)?.into_iter();
                let (Some(key), Some(value)) = (fields.next(), fields.next()) else {
                    return Err(MessageError::Signature);
                };
                Value::Entry(Box::new((key, value)))
            }
            Some(b'v') => {
                let signature = self.signature()?;
                match first_type(&signature, 0) {
                    Some((kind, "")) => Value::Variant(Box::new(self.value(kind, depth + 1)?)),
                    _ => return Err(MessageError::Signature),
                }
            }
            _ => return Err(MessageError::Signature),
        })
    }

    fn fields(&mut self, signature: &str, depth: usize) -> Result<Vec<Value>, MessageError> {
        let mut rest = signature;
        let mut values = Vec::new();
        while !rest.is_empty() {
            let (first, after) = first_type(rest, 0).ok_or(MessageError::Signature)?;
            values.push(self.value(first, depth + 1)?);
            rest = after;
        }
        Ok(values)
    }

    /// Each element takes a byte at least, so that an array is no longer than its message.
    fn array(&mut self, element: &str, depth: usize) -> Result<Value, MessageError> {
        let length = self.length()?;
        self.align(alignment(element))?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(MessageError::End)?;
        let mut values = Vec::new();
        while self.at < end {
            values.push(self.value(element, depth + 1)?);
        }
        if self.at == end {
            Ok(Value::Array(element.to_owned(), values))
        } else {
            Err(MessageError::End)
        }
    }
}
