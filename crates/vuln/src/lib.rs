//! Packages found in files, advisories from feeds, version orders, and the match.
//!
//! An [`inventory()`] is made from the files that [`interest`] names: the distribution ([`os`]),
//! the packages that its package manager has installed ([`packages`]), those of languages
//! ([`language`]), and gaps for what could not
//! be understood. [`rules`] explains the gaps; [`sbom`] writes the inventory for other programs.

pub mod base;
mod bytes;
pub mod cvss;
pub mod database;
pub mod feed;
pub mod fleet;
pub mod inventory;
pub mod language;
pub mod license;
pub mod matching;
pub mod os;
pub mod packages;
pub mod place;
pub mod publication;
pub mod purl;
pub mod rules;
pub mod sbom;
pub mod version;
pub mod vex;

pub use bytes::Malformed;
pub use inventory::{Inventory, interest, inventory};
pub use os::Distribution;
