//! For people: a block of lines a source.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    super::{
        listing::{Listing, Unit},
        port::PortSet,
    },
    NAMES_TOLD, names,
};

/// Columns of a source and of destinations, at most.
const WIDEST: usize = 72;

/// A line for each source, destination and ports, where what no policy tells apart is one.
///
/// # Errors
/// As `out` has them.
pub fn table(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    let rows = rows(listing);
    let width = |column: fn(&Row) -> &String, head: &str| {
        let widths = rows.iter().map(|row| column(row).chars().count());
        widths.max().unwrap_or_default().max(head.len()).min(WIDEST)
    };
    let (from, to) = (width(|row| &row.from, "FROM"), width(|row| &row.to, "TO"));
    if rows.is_empty() {
        return writeln!(out, "no connection is possible");
    }
    writeln!(out, "{:<from$}  {:<to$}  PORTS", "FROM", "TO")?;
    let mut last = "";
    for row in &rows {
        let shown = if row.from == last { "" } else { &row.from };
        writeln!(out, "{shown:<from$}  {:<to$}  {}", row.to, row.ports)?;
        last = &row.from;
    }
    Ok(())
}

struct Row {
    from: String,
    to: String,
    ports: PortSet,
}

fn rows(listing: &Listing) -> Vec<Row> {
    // Sources with the same destinations on the same ports are told as one.
    let mut targets: BTreeMap<usize, BTreeMap<&PortSet, Vec<usize>>> = BTreeMap::new();
    for link in listing.links.iter().filter(|link| listing.is_told(link)) {
        targets.entry(link.from).or_default().entry(&link.ports).or_default().push(link.to);
    }
    let mut sources: BTreeMap<BTreeMap<&PortSet, Vec<usize>>, Vec<usize>> = BTreeMap::new();
    for (from, targets) in targets {
        sources.entry(targets).or_default().push(from);
    }
    let units = |groups: &[usize]| {
        let mut units: Vec<Unit> =
            groups.iter().flat_map(|group| &listing.groups[*group]).cloned().collect();
        units.sort();
        units.dedup();
        units
    };
    let mut sources: Vec<_> = sources.into_iter().map(|(to, from)| (units(&from), to)).collect();
    sources.sort();
    let mut rows = Vec::new();
    for (from, by_ports) in sources {
        for (ports, to) in by_ports {
            rows.push(Row {
                from: names(&from, NAMES_TOLD),
                to: names(&units(&to), NAMES_TOLD),
                ports: ports.clone(),
            });
        }
    }
    rows
}
