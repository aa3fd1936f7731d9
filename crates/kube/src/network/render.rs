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
    address::AddressRange,
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
    match *range == AddressRange::all(range.family) {
        true => format!("any address ({range})"),
        false => range.to_string(),
    }
}

/// Some names of a group, and how many more there are.
pub(crate) fn names(units: &[Unit], told: usize) -> String {
    let mut names: Vec<_> = units.iter().take(told).map(short).collect();
    if units.len() > told {
        names.push(format!("{} more", units.len() - told));
    }
    names.join(", ")
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
