//! Linux as Cofferdam uses it. The only crate with `unsafe` code.
//!
//! What rustix offers safely is used from there directly; here is what it lacks (clone3, signal
//! masks, idmapped mounts, keyrings) and what we want in a stricter form (paths resolved under a
//! root that may be hostile). Nothing here decides policy: it does one thing and says how it went.
#![expect(unsafe_code, reason = "the one crate where system calls are made by hand")]

pub mod capability;
pub mod channel;
pub mod clone;
pub mod device_filter;
pub mod exec;
pub mod keyring;
pub mod landlock;
#[cfg(feature = "mmap")]
pub mod mmap;
pub mod mount;
pub mod netlink;
pub mod network;
pub mod probe;
pub mod proc;
pub mod pseudo;
pub mod root;
pub mod schedule;
pub mod seccomp;
pub mod shared;
pub mod signal;
