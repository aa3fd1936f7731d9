//! One line a connection.

use std::io::{self, Write};

use super::{super::listing::Listing, connection};
use cofferdam_finding::render::escape;

/// `shop/web[Deployment] => shop/db[StatefulSet] : TCP 5432`.
///
/// # Errors
/// As `out` has them.
pub fn text(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    for (from, to, ports) in listing.sorted_pairs() {
        let (from, to) = (from.label(), to.label());
        writeln!(out, "{} => {} : {}", escape(&from), escape(&to), connection(ports))?;
    }
    Ok(())
}

/// Columns `src`, `dst`, `conn`.
///
/// # Errors
/// As `out` has them.
pub fn csv(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "src,dst,conn")?;
    for (from, to, ports) in listing.sorted_pairs() {
        let line = [from.label(), to.label(), connection(ports)].map(|text| quoted(&text));
        writeln!(out, "{}", line.join(","))?;
    }
    Ok(())
}

/// As RFC 4180 asks. A text that a spreadsheet would take for a formula is made none.
fn quoted(text: &str) -> String {
    let text = escape(text);
    let text = match text.starts_with(['=', '+', '-', '@']) {
        true => format!("'{text}"),
        false => text.into_owned(),
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// A table with columns `src`, `dst`, `conn`.
///
/// # Errors
/// As `out` has them.
pub fn markdown(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| src | dst | conn |\n|-----|-----|------|")?;
    for (from, to, ports) in listing.sorted_pairs() {
        let line = [from.label(), to.label(), connection(ports)].map(|text| cell(&text));
        writeln!(out, "| {} |", line.join(" | "))?;
    }
    Ok(())
}

/// Nothing in a cell is markup.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for character in escape(text).chars() {
        match character {
            '<' => cell.push_str("&lt;"),
            '&' => cell.push_str("&amp;"),
            '|' | '`' | '*' | '_' | '\\' => cell.extend(['\\', character]),
            _ => cell.push(character),
        }
    }
    cell
}
