//! Container lifecycle.

pub mod explain;
pub mod profile;
