//! Container lifecycle.

pub mod profile;
