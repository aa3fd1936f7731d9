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
/// Columns that no column is cut below to make space for a note beside the row.
const CELL_LEAST: usize = 16;

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
    let Layout { widths, note_width } = Layout::new(columns, note_head, rows, terminal);
    let heads: Vec<String> = columns.iter().map(|column| column.head.to_owned()).collect();
    let heading = line(&heads, &widths, note_width.map_or("", |_| note_head));
    writeln!(out, "{INDENT}{}", terminal.paint(Style::Dim, &heading))?;
    for row in rows {
        let note = note_width.map_or_else(String::new, |width| cut(&row.note, width));
        write_row(row, &widths, &note, terminal, out)?;
        if note_width.is_none() && !row.note.is_empty() {
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

/// How wide each column is, and what is left for a note beside the row, if that is enough.
struct Layout {
    widths: Vec<usize>,
    note_width: Option<usize>,
}

impl Layout {
    fn new(columns: &[Column], note_head: &str, rows: &[Row], terminal: Terminal) -> Self {
        let available = terminal.width() - INDENT.len() - GAP * (columns.len().saturating_sub(1));
        let natural = natural_widths(columns, rows, available);
        let notes = rows.iter().map(|row| width(&row.note));
        let note = notes.fold(width(note_head), usize::max);
        let least: Vec<usize> = columns.iter().map(|column| column.least.max(CELL_LEAST)).collect();
        let for_columns = available.saturating_sub(GAP + note.min(NOTE_LEAST));
        let narrowest: usize = natural.iter().zip(&least).map(|(a, b)| (*a).min(*b)).sum();
        if narrowest > for_columns {
            let least: Vec<usize> = columns.iter().map(|column| column.least).collect();
            return Self { widths: fit(&natural, &least, available), note_width: None };
        }
        // The note is cut like a column, so that neither takes all from the other.
        let all = |widths: Vec<usize>, note| widths.into_iter().chain([note]).collect::<Vec<_>>();
        let mut widths =
            fit(&all(natural, note), &all(least, NOTE_LEAST), available.saturating_sub(GAP));
        let note_width = widths.pop();
        Self { widths, note_width }
    }
}

/// Widths that the widest cell of each column asks for.
fn natural_widths(columns: &[Column], rows: &[Row], available: usize) -> Vec<usize> {
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().filter_map(|row| row.cells.get(index));
            cells.map(|cell| width(cell)).fold(width(column.head), usize::max).min(available)
        })
        .collect()
}

/// The natural widths or, where they are too much, the widest cut to one common width, none below
/// its least.
fn fit(natural: &[usize], least: &[usize], available: usize) -> Vec<usize> {
    let capped = |cap: usize| -> Vec<usize> {
        natural.iter().zip(least).map(|(natural, least)| (*natural).min(cap.max(*least))).collect()
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

    #[test]
    fn only_wide_columns_are_cut_and_all_to_the_same_width() {
        for (natural, available, expected) in [
            ([3, 6, 4], 40, [3, 6, 4]),
            ([3, 12, 4], 16, [3, 9, 4]),
            ([3, 12, 12], 17, [3, 7, 7]),
            ([10, 8, 8], 5, [10, 4, 4]),
        ] {
            assert_eq!(fit(&natural, &[20, 4, 4], available), expected);
        }
    }

    #[test]
    fn a_note_stands_beside_its_row_or_below_it() {
        let note = "a note of some length beside";
        for (least, expected) in
            [(52, "  {id}  a note of some length b…\n"), (53, "  {id}\n      {note}\n")]
        {
            let columns = [Column::new("ID", least)];
            let id = "x".repeat(least);
            let rows = [Row::new(Style::Bold, [id.as_str()], note)];
            let mut out = Vec::new();
            grid(&columns, "NOTE", &rows, Terminal::default(), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(
                text.ends_with(&expected.replace("{id}", &id).replace("{note}", note)),
                "{text}"
            );
        }
    }
}
