use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};

use super::text;
use crate::Report;

/// Writes the report as JSON: indented, in UTF-8, ended by a line break. Its shape is
/// `docs/reference/report.schema.json`.
///
/// # Errors
///
/// The writer fails.
pub fn json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    write_json(report, out)
}

/// Writes any value as indented JSON that is safe to show on a terminal, ended by a line break.
///
/// # Errors
///
/// The writer fails, or the value cannot be written as JSON.
pub fn write_json(value: &impl Serialize, mut out: &mut dyn Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut out, Visible::default()))?;
    out.write_all(b"\n")
}

/// Pretty JSON in which a character that a terminal would act on is a `\u` escape, not only where
/// JSON asks for one: the text that a reader gets back is the same.
#[derive(Default)]
struct Visible(PrettyFormatter<'static>);

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        part: &str,
    ) -> io::Result<()> {
        let mut rest = part;
        while let Some((at, character)) =
            rest.char_indices().find(|(_, character)| text::is_unsafe(*character))
        {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + character.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(out, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: &impl Serialize) -> String {
        let mut out = Vec::new();
        write_json(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_json_would_let_through_is_escaped() {
        assert_eq!(
            written(&"a\u{9b}m\x7f\u{e0001}é\x1b\""),
            "\"a\\u009bm\\u007f\\udb40\\udc01é\\u001b\\\"\"\n"
        );
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in any::<String>()) {
            let json = written(&vec![&text]);
            prop_assert!(!json.replace('\n', "").contains(text::is_unsafe));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), vec![text]);
        }
    }
}
