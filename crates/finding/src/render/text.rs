//! Text as a terminal shows it: made harmless, measured, cut, wrapped, coloured.

use std::{borrow::Cow, fmt::Write as _};

use unicode_width::UnicodeWidthStr as _;

use super::Terminal;
use crate::Severity;

/// `text` with every character that a terminal would act on, or that changes what the others look
/// like, written as an escape: `\n`, `\x1b`, `\u{202e}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            character if character.is_ascii_control() => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\x{:02x}", u32::from(character));
            }
            character if is_unsafe(character) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
            }
            character => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character must not reach a terminal: controls (C0, DEL, C1: with them, escape
/// sequences), line and paragraph separators, direction controls (CVE-2021-42574), invisible
/// characters (variation selectors and tags included), and non-characters.
pub(super) const fn is_unsafe(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{e0000}'..='\u{e01ef}'
    )
}

/// Columns that escaped text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Characters a column that are shown at most: a letter with its marks, and not a tower of them.
const MARKS: usize = 8;

/// Escaped text in at most `columns` columns; what is cut off leaves an ellipsis.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    // A limit on characters too: any number of combining marks takes no column.
    for character in text.chars().take(columns * MARKS) {
        kept.push(character);
        // Measured whole: what a character takes depends on its neighbours.
        if width(&kept) + 1 > columns {
            kept.pop();
            break;
        }
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// Escaped text followed by as many spaces as fill `columns`.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let fill = columns.saturating_sub(width(text));
    format!("{text}{:fill$}", "")
}

/// Lines of at most `columns` columns, broken at blanks; a longer word is broken anywhere. Line
/// breaks of the text stay, everything else is escaped.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines = Vec::new();
    for paragraph in text.trim_end().split('\n') {
        let paragraph = escape(paragraph.trim_end());
        let mut line = String::new();
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            if !line.is_empty() && width(&line) + 1 + width(word) > columns {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() && line.len() < columns * MARKS {
                line.push(' ');
            }
            append_word(&mut lines, &mut line, word, columns);
        }
        lines.push(line);
    }
    lines
}

/// Appends a word to a line, with breaks where it is longer than a line.
fn append_word(lines: &mut Vec<String>, line: &mut String, word: &str, columns: usize) {
    if width(line) + width(word) <= columns {
        line.push_str(word);
        return;
    }
    for character in word.chars() {
        line.push(character);
        if width(line) > columns || line.len() > columns * MARKS {
            line.pop();
            lines.push(std::mem::replace(line, character.to_string()));
        }
    }
}

/// How a piece of text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Bold,
    Dim,
    Warning,
    Severity(Severity),
}

impl Terminal {
    /// Text in a style, if this terminal has colours.
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        // Parameters of SGR (ECMA-48, 8.3.117).
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Warning | Style::Severity(Severity::Medium) => "33",
            Style::Severity(Severity::Critical) => "1;31",
            Style::Severity(Severity::High) => "31",
            Style::Severity(Severity::Low) => "34",
            Style::Severity(Severity::Info) => "36",
            Style::Severity(Severity::Unknown) => return text.to_owned(),
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_written_visibly() {
        for (text, expected) in [
            ("libssl3", "libssl3"),
            ("日本語 é", "日本語 é"),
            ("a\x1b[31mb", "a\\x1b[31mb"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\x7f\0", "\\x7f\\x00"),
            ("gpj\u{202e}exe", "gpj\\u{202e}exe"),
            ("a\u{200b}b", "a\\u{200b}b"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn a_cut_counts_columns_not_characters() {
        for (text, columns, expected) in [
            ("openssl", 7, "openssl"),
            ("openssl", 5, "open…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut(text, columns), expected, "{text} in {columns}");
        }
    }

    #[test]
    fn wrapping_breaks_at_blanks_and_in_long_words_only() {
        assert_eq!(wrap("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap("a\n\nb", 20), ["a", "", "b"]);
        assert_eq!(wrap("0123456789ab", 8), ["01234567", "89ab"]);
    }

    proptest! {
        #[test]
        fn escaped_text_has_nothing_to_escape(text in any::<String>()) {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(is_unsafe));
            prop_assert_eq!(escape(&escaped), escaped.clone());
        }

        #[test]
        fn no_line_is_wider_than_asked(text in any::<String>(), columns in 8..60usize) {
            let escaped = escape(&text);
            prop_assert!(width(&cut(&escaped, columns)) <= columns);
            for line in wrap(&text, columns) {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
        }
    }
}
