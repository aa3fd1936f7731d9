//! Attack paths: from what somebody may do to what they can become.
//!
//! Roles are folded to bit masks of the permissions from which something follows. What follows is a
//! graph of subjects, workloads and a few powers over each namespace and over the cluster (the hubs
//! through which everything goes, so that the graph stays linear in its input). One search backwards
//! from each goal finds the shortest path of everybody, however long.

mod cut;
mod edges;
mod escape;
mod graph;
mod permission;
mod report;
mod search;
mod technique;

pub use cut::{Cut, Removal};
pub use escape::node_escape;
pub use report::{Because, Hop, Path, RULES, Sink};
use serde::Serialize;

use self::graph::Graph;
use crate::{Snapshot, Workloads, rbac::Access};

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Label of namespaces that says whose they are; without it, tenants are not told apart.
    pub tenant_label: Option<String>,
    /// Whether paths of the control plane itself are told, which has to be able to do everything.
    pub control_plane: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Paths {
    /// One a cause: whoever goes the same way is together. The worst first.
    pub paths: Vec<Path>,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Edges of the graph.
    pub edges: usize,
    /// Paths of the control plane that are not told.
    pub trusted: usize,
}

/// All attack paths of a snapshot.
pub fn find(
    snapshot: &Snapshot,
    access: Access,
    workloads: &Workloads<'_>,
    options: &Options,
) -> Paths {
    let mut graph = Graph::new(snapshot, access, workloads, options);
    report::paths(&mut graph, options)
}
