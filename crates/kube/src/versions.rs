//! Versions of the server, the kubelets and the container runtimes: support, patches, skew, known
//! vulnerabilities.
//!
//! The table is `data/kubernetes.json`, made by `scripts/kubernetes-table` from public data; its
//! dates go into every report. Nothing here reads a clock: the day comes in as an argument.

mod inventory;
mod judge;
mod rules;
mod table;

pub use self::{
    inventory::{Component, Inventory, Role, Version, inventory},
    judge::{Judged, judge},
    rules::RULES,
    table::{Table, table},
};
