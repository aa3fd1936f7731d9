//! Kubernetes as facts: objects of a cluster, a dump or a folder of manifests, and what follows from
//! them.
//!
//! Start at [`Snapshot`]: everything else takes one. [`load`] reads dumps and manifests into it, [`live`]
//! a cluster's API server; after that nothing here opens a file, dials or reads a clock. [`api`] has the typed views of the
//! kinds that are analysed.
//!
//! What cannot be understood is a [`Gap`](cofferdam_finding::Gap), never dropped.

pub mod api;
pub mod cis;
pub mod fix;
pub mod live;
pub mod load;
pub mod network;
mod object;
pub mod practice;
pub mod pss;
pub mod rbac;
pub mod rules;
mod snapshot;
pub mod tenants;
pub mod versions;
pub mod wiring;
mod workload;

pub use object::{Object, Source, ViewError};
pub use snapshot::{KindCount, Snapshot};
pub use workload::{Workload, Workloads};
