//! Rows in aligned columns, fitted to a terminal.

use std::io::{self, Write};

use super::{
    Terminal,
    text::{Style, cut, escape, pad, width},
};

const GAP: usize = 2;
const INDENT: &str = "  ";
/// Columns that a note must have to stand beside its row; it goes on a line of its own otherwise.
const NOTE_LEAST: usize = 24;

/// A column: its heading, and how few columns it may be cut to where space is short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) least: usize,
}

impl Column {
    pub(super) const fn new(head: &'static str, least: usize) -> Self {
        Self { head, least }
    }
}

/// A row: a cell for each column, and a text that takes what space is left.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    /// Style of the first cell.
    pub(super) style: Style,
    pub(super) note: String,
}

impl Row {
    /// A row of foreign texts, which are escaped.
    pub(super) fn new<'a>(
        style: Style,
        cells: impl IntoIterator<Item = &'a str>,
        note: &str,
    ) -> Self {
        Self {
            cells: cells.into_iter().map(|cell| escape(cell).into_owned()).collect(),
            style,
            note: escape(note).into_owned(),
        }
    }
}

/// Writes rows under their headings.
pub(super) fn grid(
    columns: &[Column],
    note_head: &str,
    rows: &[Row],
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    let available = terminal.width() - INDENT.len() - GAP * (columns.len().saturating_sub(1));
    let widths = fit(columns, rows, available);
    let left = available.saturating_sub(widths.iter().sum::<usize>() + GAP);
    let beside = left >= NOTE_LEAST;
    let heads: Vec<String> = columns.iter().map(|column| column.head.to_owned()).collect();
    let note_head = if beside { note_head } else { "" };
    let heading = line(&heads, &widths, note_head);
    writeln!(out, "{INDENT}{}", terminal.paint(Style::Dim, &heading))?;
    for row in rows {
        let note = if beside { cut(&row.note, left) } else { String::new() };
        write_row(row, &widths, &note, terminal, out)?;
        if !beside && !row.note.is_empty() {
            let note = cut(&row.note, terminal.width() - 3 * INDENT.len());
            writeln!(out, "{INDENT}{INDENT}{INDENT}{}", terminal.paint(Style::Dim, &note))?;
        }
    }
    Ok(())
}

fn write_row(
    row: &Row,
    widths: &[usize],
    note: &str,
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    let line = line(&row.cells, widths, note);
    // The first cell is coloured after padding: escape sequences have no width.
    let first = pad(&row.cells.first().map_or_else(String::new, |cell| cut(cell, widths[0])), 0);
    let rest = line.strip_prefix(first.as_str()).unwrap_or_default();
    writeln!(out, "{INDENT}{}{rest}", terminal.paint(row.style, &first))
}

fn line(cells: &[String], widths: &[usize], note: &str) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(&pad(&cut(cell, *width), width + GAP));
    }
    line.push_str(note);
    line.truncate(line.trim_end().len());
    line
}

/// Widths of columns: what the widest cell asks for, or where that is too much, the widest columns
/// cut to one common width, none below its least.
fn fit(columns: &[Column], rows: &[Row], available: usize) -> Vec<usize> {
    let natural: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().filter_map(|row| row.cells.get(index));
            cells.map(|cell| width(cell)).fold(width(column.head), usize::max).min(available)
        })
        .collect();
    let capped = |cap: usize| -> Vec<usize> {
        natural
            .iter()
            .zip(columns)
            .map(|(natural, column)| (*natural).min(cap.max(column.least)))
            .collect()
    };
    (0..=available)
        .rev()
        .map(capped)
        .find(|widths| widths.iter().sum::<usize>() <= available)
        .unwrap_or_else(|| capped(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(cells: [&str; 3], available: usize) -> Vec<usize> {
        let columns = [Column::new("A", 20), Column::new("B", 4), Column::new("C", 4)];
        fit(&columns, &[Row::new(Style::Dim, cells, "")], available)
    }

    #[test]
    fn only_wide_columns_are_cut_and_all_to_the_same_width() {
        assert_eq!(widths(["abc", "abcdef", "abcd"], 40), [3, 6, 4]);
        assert_eq!(widths(["abc", "abcdefghijkl", "abcd"], 16), [3, 9, 4]);
        assert_eq!(widths(["abc", "abcdefghijkl", "abcdefghijkl"], 17), [3, 7, 7]);
        assert_eq!(widths(["0123456789", "abcdefgh", "abcdefgh"], 5), [5, 4, 4]);
    }

    #[test]
    fn a_note_stands_beside_its_row_or_below_it() {
        let columns = [Column::new("ID", 2)];
        for (length, expected) in [(52, "  {id}  a note\n"), (53, "  {id}\n      a note\n")] {
            let id = "x".repeat(length);
            let rows = [Row::new(Style::Bold, [id.as_str()], "a note")];
            let mut out = Vec::new();
            grid(&columns, "NOTE", &rows, Terminal::default(), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.ends_with(&expected.replace("{id}", &id)), "{text}");
        }
    }
}
