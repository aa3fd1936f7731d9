//! Images: where they come from, what is in their layers, and where they are kept.
//!
//! Start at [`Target`] for what a user can name, at [`Tree`] for the merged view of the files that
//! an analyser asked for, at [`store`] for the content-addressed store.

pub mod store;
mod target;
mod tree;

pub use target::{Target, TargetError};
pub use tree::{Entry, Interest, Kind, Tree};
