use std::collections::{HashMap, VecDeque};

use serde::Serialize;

use super::{
    edges,
    graph::{Edge, Graph, Node, Via},
    report::explain,
};
use crate::rbac::access::{number, place};

/// Removals that one path may take: more is a task of its own.
const REMOVALS_LIMIT: usize = 8;

/// What has to be taken away so that there is no way any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The removals, all of them needed.
    pub removals: Vec<Removal>,
    /// Whether the search was made again without them and found no way. If not, there are more ways
    /// than this cut closes.
    pub proven: bool,
}

/// One thing to take away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Removal {
    /// What it is.
    pub what: String,
    /// A command that does it.
    pub patch: String,
}

/// What is taken away: a subject from a binding, or a field from a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Taken {
    Binding { subject: u32, binding: u32 },
    Field { workload: u32 },
}

/// The smallest cut between `from` and `goals` that was found: one removal where one does, else the
/// first of every way in turn.
pub(super) fn shortest(graph: &mut Graph<'_>, from: u32, goals: &[u32], path: &[Edge]) -> Cut {
    let first = candidates(graph, path);
    for taken in &first {
        if way(graph, from, goals, &[*taken]).is_none() {
            return cut(graph, &[*taken], true);
        }
    }
    let mut all = Vec::new();
    let mut left = Some(path.to_vec());
    while let Some(path) = left.filter(|_| all.len() < REMOVALS_LIMIT) {
        // What is nearest to the beginning closes every way through it.
        let found = candidates(graph, &path);
        let Some(next) = found.into_iter().find(|taken| !all.contains(taken)) else {
            return cut(graph, &all, false);
        };
        all.push(next);
        left = way(graph, from, goals, &all);
    }
    let proven = way(graph, from, goals, &all).is_none();
    if proven {
        // What came first may not be needed any more.
        let mut index = 0;
        while index < all.len() {
            let mut fewer = all.clone();
            fewer.remove(index);
            if way(graph, from, goals, &fewer).is_none() { all = fewer } else { index += 1 }
        }
    }
    cut(graph, &all, proven)
}

/// What could be taken away to break an edge of `path`, in its order.
fn candidates(graph: &Graph<'_>, path: &[Edge]) -> Vec<Taken> {
    let mut found = Vec::new();
    for edge in path {
        match (edge.via, graph.node(edge.from)) {
            (Via::Technique(_) | Via::Named(..), Node::Subject(_)) => {
                found.extend(explain(graph, edge).into_iter().map(|because| Taken::Binding {
                    subject: because.subject,
                    binding: because.binding,
                }));
            }
            (Via::Field, Node::Workload(workload)) => found.push(Taken::Field { workload }),
            _ => {}
        }
    }
    found.dedup();
    found
}

/// A way from `from` to one of `goals` without what was taken.
fn way(graph: &mut Graph<'_>, from: u32, goals: &[u32], taken: &[Taken]) -> Option<Vec<Edge>> {
    let changed = changed(graph, taken);
    const NONE: u32 = u32::MAX;
    let size = graph.size();
    // How a node was come to: an index into the graph's edges, or from there on into `own`.
    let mut came = vec![NONE; size];
    let mut own: Vec<Edge> = Vec::new();
    let graph = &*graph;
    let edge_of = |own: &[Edge], index: u32| {
        let all = graph.edges.len();
        if place(index) < all { graph.edges[place(index)] } else { own[place(index) - all] }
    };
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if goals.contains(&node) {
            let mut path = Vec::new();
            let mut at = node;
            while at != from && came[place(at)] != NONE {
                let edge = edge_of(&own, came[place(at)]);
                path.push(edge);
                at = edge.from;
            }
            path.reverse();
            return Some(path);
        }
        let mut go = |to: u32, index: u32| {
            if to != from && came[place(to)] == NONE {
                came[place(to)] = index;
                queue.push_back(to);
            }
        };
        match changed.get(&node) {
            Some(edges) => {
                for edge in edges {
                    go(edge.to, number(graph.edges.len() + own.len()));
                    own.push(*edge);
                }
            }
            None => graph.from(node).for_each(|index| go(graph.edges[index].to, number(index))),
        }
    }
    None
}

/// The edges of the nodes that lost something.
fn changed(graph: &mut Graph<'_>, taken: &[Taken]) -> HashMap<u32, Vec<Edge>> {
    let mut changed: HashMap<u32, Vec<Edge>> = HashMap::new();
    for one in taken {
        let node = match one {
            Taken::Binding { subject, .. } => *subject,
            Taken::Field { workload } => graph.id(Node::Workload(*workload)),
        };
        if changed.contains_key(&node) {
            continue;
        }
        let edges = match one {
            Taken::Binding { subject, .. } => without(graph, *subject, taken),
            Taken::Field { .. } => {
                let own = graph.from(node).map(|index| graph.edges[index]);
                own.filter(|edge| edge.via != Via::Field).collect()
            }
        };
        changed.insert(node, edges);
    }
    // Whoever loses everything at once may have been able to bind a role that nobody asked for.
    let mut later = Vec::new();
    graph.connect_grants(graph.connected, &mut later);
    for edge in later {
        changed.entry(edge.from).or_default().push(edge);
    }
    changed
}

fn without(graph: &mut Graph<'_>, subject: u32, taken: &[Taken]) -> Vec<Edge> {
    let bindings: Vec<u32> = taken
        .iter()
        .filter_map(|one| match one {
            Taken::Binding { subject: other, binding } if *other == subject => Some(*binding),
            _ => None,
        })
        .collect();
    let powers = graph.powers_of(subject, &bindings);
    let kept = std::mem::take(&mut graph.powers[place(subject)]);
    let mut edges = Vec::new();
    edges::of_subject(graph, subject, &powers, &mut edges);
    graph.powers[place(subject)] = kept;
    edges
}

fn cut(graph: &Graph<'_>, taken: &[Taken], proven: bool) -> Cut {
    let mut removals: Vec<Removal> = taken.iter().map(|one| removal(graph, *one)).collect();
    removals.dedup();
    Cut { removals, proven }
}

fn removal(graph: &Graph<'_>, taken: Taken) -> Removal {
    match taken {
        Taken::Field { workload } => {
            let workload = &graph.workloads[place(workload)];
            let field = super::node_escape(workload).map(|(field, _)| field).unwrap_or_default();
            let place = graph.snapshot.place(workload.object.source);
            Removal {
                what: format!("{field} of {}", workload.object.title()),
                patch: format!("edit {place}: remove {field}"),
            }
        }
        Taken::Binding { subject, binding } => {
            let binding = &graph.access.bindings[place(binding)];
            let subject = &graph.access.subjects[place(subject)];
            let within = binding.namespace.as_ref().map(|one| format!(" -n {one}"));
            let within = within.unwrap_or_default();
            let kind =
                if binding.namespace.is_some() { "rolebinding" } else { "clusterrolebinding" };
            let name = &binding.name;
            let patch = match position(graph, binding, subject) {
                Some((position, count)) if count > 1 => format!(
                    "kubectl patch {kind} {name}{within} --type=json \
                     -p='[{{\"op\":\"remove\",\"path\":\"/subjects/{position}\"}}]'"
                ),
                _ => format!("kubectl delete {kind} {name}{within}"),
            };
            Removal { what: format!("{subject} from {}", binding.title()), patch }
        }
    }
}

/// Where the subject stands in its binding, and how many there are.
fn position(
    graph: &Graph<'_>,
    binding: &crate::rbac::Bound,
    subject: &crate::rbac::SubjectId,
) -> Option<(usize, usize)> {
    use crate::{api::Binding, rbac::SubjectId};
    let view: Binding = graph.snapshot.objects[binding.object].view().ok()?;
    let own = binding.namespace.as_deref().unwrap_or_default();
    let index = view.subjects.iter().position(|one| {
        let id = match one.kind.as_str() {
            "User" => SubjectId::user(&one.name),
            "Group" => SubjectId::group(&one.name),
            _ if one.namespace.is_empty() => SubjectId::account(own, &one.name),
            _ => SubjectId::account(&one.namespace, &one.name),
        };
        id == *subject
    });
    Some((index?, view.subjects.len()))
}
