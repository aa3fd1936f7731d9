//! A picture: namespaces as boxes with their workloads, and an arrow for each connection.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use cofferdam_finding::render::escape;

use super::{
    super::listing::{Listing, Unit},
    connection, names,
};

/// Of a box, in pixels.
const BOX: (usize, usize) = (220, 34);
/// Between boxes.
const GAP: usize = 14;
/// Between columns of boxes.
const AISLE: usize = 150;
/// Around everything.
const MARGIN: usize = 24;
/// Of the name of a namespace.
const HEAD: usize = 26;
/// Letters that fit a box.
const LETTERS: usize = 30;

/// One box: units of one namespace that no policy tells apart.
struct Node {
    label: String,
    title: String,
    x: usize,
    y: usize,
}

/// A picture of the connections. Units of one namespace that no policy tells apart share a box.
///
/// # Errors
/// As `out` has them.
pub fn svg(listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    let picture = Picture::of(listing);
    let (width, height) = picture.size;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Connections that network policies allow</title>\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#456\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    )?;
    for (name, x, y, height) in &picture.frames {
        writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{height}\" rx=\"8\" fill=\"#f4f6f8\" \
             stroke=\"#9ab\"/><text x=\"{}\" y=\"{}\" font-weight=\"bold\" fill=\"#345\">{}</text>",
            BOX.0 + 2 * GAP,
            x + GAP,
            y + 18,
            xml(&cut(name))
        )?;
    }
    for (from, to, label) in &picture.arrows {
        arrow(&picture.nodes[*from], &picture.nodes[*to], label, out)?;
    }
    for node in &picture.nodes {
        writeln!(
            out,
            "<g><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\" \
             fill=\"#fff\" stroke=\"#456\"/><text x=\"{}\" y=\"{}\">{}</text></g>",
            xml(&node.title),
            node.x,
            node.y,
            BOX.0,
            BOX.1,
            node.x + 8,
            node.y + 21,
            xml(&cut(&node.label))
        )?;
    }
    writeln!(out, "</svg>")
}

fn arrow(from: &Node, to: &Node, label: &str, out: &mut dyn Write) -> io::Result<()> {
    let middle = |node: &Node| node.y + BOX.1 / 2;
    let (y1, y2) = (middle(from), middle(to));
    // From the side that faces the other column; within a column around its right side.
    let (x1, x2) = match from.x.cmp(&to.x) {
        std::cmp::Ordering::Less => (from.x + BOX.0, to.x),
        std::cmp::Ordering::Equal => (from.x + BOX.0, to.x + BOX.0),
        std::cmp::Ordering::Greater => (from.x, to.x + BOX.0),
    };
    let bend = AISLE / 2;
    let (c1, c2) = match from.x.cmp(&to.x) {
        std::cmp::Ordering::Less => (x1 + bend, x2.saturating_sub(bend)),
        std::cmp::Ordering::Equal => (x1 + bend, x2 + bend),
        std::cmp::Ordering::Greater => (x1.saturating_sub(bend), x2 + bend),
    };
    writeln!(
        out,
        "<path d=\"M{x1} {y1}C{c1} {y1} {c2} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#456\" \
         stroke-opacity=\".55\" marker-end=\"url(#arrow)\"><title>{} to {}: {}</title></path>",
        xml(&from.label),
        xml(&to.label),
        xml(label)
    )
}

struct Picture {
    nodes: Vec<Node>,
    /// Name, x, y, height.
    frames: Vec<(String, usize, usize, usize)>,
    arrows: Vec<(usize, usize, String)>,
    size: (usize, usize),
}

impl Picture {
    /// Namespaces in columns of about equal height; the outside in a column of its own.
    fn of(listing: &Listing) -> Self {
        let (parts, boxes) = parts(listing);
        let total: usize = parts.values().map(|nodes| frame_height(nodes.len()) + GAP).sum();
        let columns = if parts.len() > 2 { parts.len().isqrt().max(2) } else { 1 };
        let mut picture =
            Self { nodes: Vec::new(), frames: Vec::new(), arrows: Vec::new(), size: (0, 0) };
        let mut places = BTreeMap::new();
        let (mut x, mut y, mut bottom) = (MARGIN, MARGIN, MARGIN);
        for (namespace, groups) in parts {
            let outside = namespace.is_empty();
            if y > MARGIN
                && (y > total / columns
                    || picture.frames.len() == 1 && picture.frames[0].0.is_empty())
            {
                (x, y) = (x + BOX.0 + 2 * GAP + AISLE, MARGIN);
            }
            let height = frame_height(groups.len());
            let name = if outside { String::new() } else { namespace.clone() };
            picture.frames.push((name, x, y, height));
            for (row, group) in groups.into_iter().enumerate() {
                places.insert((namespace.clone(), group), picture.nodes.len());
                let units = &boxes[&(namespace.clone(), group)];
                picture.nodes.push(Node {
                    label: label(units),
                    title: names(units, usize::MAX),
                    x: x + GAP,
                    y: y + HEAD + row * (BOX.1 + GAP),
                });
            }
            y += height + GAP;
            bottom = bottom.max(y);
        }
        for link in listing.links.iter().filter(|link| listing.is_told(link)) {
            let ends = |group: usize| {
                let all = places.iter().filter(move |((_, it), _)| *it == group);
                all.map(|(_, node)| *node).collect::<Vec<_>>()
            };
            let to = ends(link.to);
            for from in ends(link.from) {
                let others = to.iter().filter(|to| **to != from);
                picture.arrows.extend(others.map(|to| (from, *to, connection(&link.ports))));
            }
        }
        picture.size = (x + BOX.0 + 2 * GAP + AISLE, bottom + MARGIN);
        picture
    }
}

type Boxes<'a> = BTreeMap<(String, usize), Vec<Unit>>;

/// Namespaces with the groups that have units in them, and those units.
fn parts(listing: &Listing) -> (BTreeMap<String, Vec<usize>>, Boxes<'_>) {
    let used = super::in_use(listing);
    let mut boxes = Boxes::new();
    for (group, units) in listing.groups.iter().enumerate().filter(|(group, _)| used[*group]) {
        for unit in units {
            let namespace = unit.namespace().unwrap_or_default().to_owned();
            boxes.entry((namespace, group)).or_default().push(unit.clone());
        }
    }
    let mut parts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (namespace, group) in boxes.keys() {
        parts.entry(namespace.clone()).or_default().push(*group);
    }
    (parts, boxes)
}

fn frame_height(boxes: usize) -> usize {
    HEAD + boxes * (BOX.1 + GAP)
}

fn label(units: &[Unit]) -> String {
    let first = super::short(&units[0]);
    let name = first.split_once('/').filter(|_| units[0].namespace().is_some());
    let name = name.map_or(first.clone(), |(_, name)| name.to_owned());
    match units.len() {
        1 => name,
        more => format!("{name} and {} more", more - 1),
    }
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(LETTERS).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

fn xml(text: &str) -> String {
    let text = escape(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
