//! Benchmarks of the Center for Internet Security: kube-bench's files of checks, and what follows from
//! them for a machine and a cluster.
//!
//! [`config`] and [`controls`] read the files, [`substitute`] finds the programs and files that their
//! variables stand for, [`shell`] answers their commands without running any, [`evaluate`] compares
//! what comes out, and [`check`] puts it together. [`native`] writes results as kube-bench does.
//!
//! A command that is not understood, or that asks for what nobody can see from here, leaves its check
//! undecided. It is never guessed.

pub mod check;
pub mod config;
pub mod controls;
pub mod evaluate;
mod findings;
mod jsonpath;
pub mod native;
pub mod node;
mod pattern;
pub mod policies;
mod printed;
pub mod shell;
pub mod substitute;
mod tools;
mod yaml;

pub use self::{
    findings::{NOT_SEEN, RULES, findings, not_seen},
    tools::cluster::Cluster,
};
