//! Written forms of a [`Listing`]: each a function that writes and decides nothing.
//!
//! Names come out of manifests that may be hostile: what a terminal or a browser would act on is
//! written visibly.

mod dot;
mod json;
mod lines;
mod svg;
mod table;

use super::{
    address::{AddressRange, Family},
    listing::{Listing, Unit},
    port::PortSet,
};

pub use self::{
    dot::dot,
    json::json,
    lines::{csv, markdown, text},
    svg::svg,
    table::table,
};

/// Names that are told of a group; the rest as a number.
const NAMES_TOLD: usize = 3;

/// `All Connections`, or the ports.
pub(crate) fn connection(ports: &PortSet) -> String {
    match ports.is_all() {
        true => "All Connections".to_owned(),
        false => ports.written(","),
    }
}

/// A name for people: `shop/web`, `10.0.0.0/8`, `internet`.
pub(crate) fn short(unit: &Unit) -> String {
    let text = match unit {
        Unit::Addresses(range) => addresses(range),
        Unit::Workload(id) => format!("{}/{}", id.namespace, id.name),
        Unit::Pod { namespace, name } => format!("{namespace}/{name}"),
        Unit::Node(name) => format!("node {name}"),
        Unit::IngressController => "ingress controllers".to_owned(),
    };
    cofferdam_finding::render::escape(&text).into_owned()
}

fn addresses(range: &AddressRange) -> String {
    match (*range == AddressRange::all(range.family), range.family) {
        (true, Family::V4) => "any IPv4 address".to_owned(),
        (true, Family::V6) => "any IPv6 address".to_owned(),
        (false, _) => range.to_string(),
    }
}

/// Some names of a group, and how many more there are. Addresses are told in the shorter way: what
/// they are, or what they are not.
pub(crate) fn names(units: &[Unit], told: usize) -> String {
    let inside = units.iter().filter(|unit| !unit.is_outside()).map(short);
    let mut names: Vec<_> = inside.collect();
    for family in Family::ALL {
        let ranges = joined(units, family);
        let holes = holes(&ranges, family);
        match holes.len() {
            0 => names.push(addresses(&AddressRange::all(family))),
            _ if holes.len() < ranges.len() => {
                let text: Vec<_> = holes.iter().take(told).map(ToString::to_string).collect();
                let more = holes.len() - text.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let all = addresses(&AddressRange::all(family));
                names.push(format!("{all} but {}{more}", text.join(", ")));
            }
            _ => names.extend(ranges.iter().map(addresses)),
        }
    }
    let more = names.len().saturating_sub(told);
    names.truncate(told);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

/// The addresses among `units`, in as few ranges as possible.
fn joined(units: &[Unit], family: Family) -> Vec<AddressRange> {
    let mut ranges: Vec<_> = units
        .iter()
        .filter_map(|unit| match unit {
            Unit::Addresses(range) if range.family == family => Some(*range),
            _ => None,
        })
        .collect();
    ranges.sort();
    let mut joined: Vec<AddressRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.last.checked_add(1).is_some_and(|next| range.first <= next) => {
                last.last = last.last.max(range.last);
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// What is between and around `ranges`; all addresses if there is none.
fn holes(ranges: &[AddressRange], family: Family) -> Vec<AddressRange> {
    let mut holes = Vec::new();
    let mut next = Some(0);
    for range in ranges {
        if let Some(first) = next.filter(|first| *first < range.first) {
            holes.push(AddressRange { family, first, last: range.first - 1 });
        }
        next = range.last.checked_add(1);
    }
    if let Some(first) = next.filter(|first| *first <= family.last()) {
        holes.push(AddressRange { family, first, last: family.last() });
    }
    holes
}

/// Groups that have connections.
fn in_use(listing: &Listing) -> Vec<bool> {
    let mut used = vec![false; listing.groups.len()];
    for link in listing.links.iter().filter(|link| listing.is_told(link)) {
        used[link.from] = true;
        used[link.to] = true;
    }
    used
}
