//! A cluster's API server as a source of facts: the only part of this crate that opens a connection.
//!
//! Start at [`Access`], which says where the server is and who asks, and at [`snapshot`], which lists
//! what there is. Everything is read by GET; nothing is changed or watched. [`role`] has the least
//! rights that this needs.

mod access;
mod client;
mod collect;
mod discover;
mod error;
mod exec;
mod kubeconfig;
mod role;

pub use self::{
    access::{Access, Choice},
    collect::{Collected, Options, snapshot},
    error::LiveError,
    kubeconfig::ConfigError,
    role::{KINDS, Kind, role},
};
