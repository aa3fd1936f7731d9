use std::collections::VecDeque;

use super::graph::{Edge, Graph};
use crate::rbac::access::{number, place};

/// The way from every node to the nearest of some goals: for each the edge to take next.
pub(super) struct Ways {
    next: Vec<u32>,
    is_goal: Vec<bool>,
}

const NONE: u32 = u32::MAX;

/// Edges by where they lead, for searches backwards.
pub(super) struct Backwards {
    /// Edges by index, those to one node side by side.
    order: Vec<u32>,
    /// Where those to a node begin.
    start: Vec<u32>,
}

impl Backwards {
    pub(super) fn new(graph: &Graph<'_>) -> Self {
        let mut start = vec![0u32; graph.size() + 1];
        for edge in &graph.edges {
            start[place(edge.to) + 1] += 1;
        }
        for index in 1..start.len() {
            start[index] += start[index - 1];
        }
        let mut fill = start.clone();
        let mut order = vec![0; graph.edges.len()];
        for (index, edge) in graph.edges.iter().enumerate() {
            let slot = &mut fill[place(edge.to)];
            order[place(*slot)] = number(index);
            *slot += 1;
        }
        Self { order, start }
    }

    /// One search backwards from all `goals` at once.
    pub(super) fn from(&self, graph: &Graph<'_>, goals: &[u32]) -> Ways {
        let mut ways = Ways { next: vec![NONE; graph.size()], is_goal: vec![false; graph.size()] };
        let mut queue: VecDeque<u32> = goals.iter().copied().collect();
        goals.iter().for_each(|goal| ways.is_goal[place(*goal)] = true);
        while let Some(node) = queue.pop_front() {
            let range = place(self.start[place(node)])..place(self.start[place(node) + 1]);
            for index in &self.order[range] {
                let from = graph.edges[place(*index)].from;
                if ways.next[place(from)] == NONE && !ways.is_goal[place(from)] {
                    ways.next[place(from)] = *index;
                    queue.push_back(from);
                }
            }
        }
        ways
    }
}

impl Ways {
    /// The edges from `node` to a goal; none if there is no way, or it is one.
    pub(super) fn path(&self, graph: &Graph<'_>, node: u32) -> Vec<Edge> {
        let mut path = Vec::new();
        let mut at = node;
        while self.next[place(at)] != NONE {
            let edge = graph.edges[place(self.next[place(at)])];
            path.push(edge);
            at = edge.to;
        }
        path
    }

    /// The first edge of the way.
    pub(super) fn first(&self, graph: &Graph<'_>, node: u32) -> Option<Edge> {
        let next = self.next[place(node)];
        (next != NONE).then(|| graph.edges[place(next)])
    }
}
