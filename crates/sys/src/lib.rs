//! Linux as Cofferdam uses it. The only crate with `unsafe` code.

pub mod mmap;
pub mod seccomp;
