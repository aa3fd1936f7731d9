//! For Graphviz.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use cofferdam_finding::render::escape;

use super::{
    super::listing::{Listing, Unit},
    connection,
};

/// A directed graph with a cluster for each namespace.
///
/// # Errors
/// As `out` has them.
pub fn dot(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    let pairs = listing.sorted_pairs();
    let mut namespaces: BTreeMap<Option<&str>, Vec<&Unit>> = BTreeMap::new();
    for unit in pairs.iter().flat_map(|(from, to, _)| [*from, *to]) {
        namespaces.entry(unit.namespace()).or_default().push(unit);
    }
    writeln!(out, "digraph {{\n  node [shape=box fontname=\"sans-serif\"]")?;
    for (namespace, mut units) in namespaces {
        units.sort();
        units.dedup();
        match namespace {
            Some(namespace) => {
                writeln!(out, "  subgraph {} {{", quoted(&format!("cluster_{namespace}")))?;
                writeln!(out, "    label={} color=gray", quoted(namespace))?;
                for unit in units {
                    let name = unit.label();
                    let label = name.rsplit('/').next().unwrap_or(&name);
                    writeln!(out, "    {} [label={}]", quoted(&name), quoted(label))?;
                }
                writeln!(out, "  }}")?;
            }
            None => {
                for unit in units {
                    writeln!(out, "  {} [shape=ellipse]", quoted(&unit.label()))?;
                }
            }
        }
    }
    for (from, to, ports) in pairs {
        let (from, to) = (quoted(&from.label()), quoted(&to.label()));
        writeln!(out, "  {from} -> {to} [label={}]", quoted(&connection(ports)))?;
    }
    writeln!(out, "}}")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escape(text).replace('\\', "\\\\").replace('"', "\\\""))
}
