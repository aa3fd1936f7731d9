//! Secrets in files: one pass for the literals that every secret's surroundings contain, then a
//! look at each candidate.
//!
//! A [`Spec`] describes one kind of secret. [`Engine`] looks for all of them at once; the time that
//! takes is linear in the size of the file, whatever is in it, and the memory a few chunks. What is
//! found never leaves this module in the clear: [`Found`] has the first characters at most.
//!
//! Formats are those that the issuers document. A rule whose token has a checksum verifies it.

mod allow;
mod check;
mod content;
mod engine;
mod entropy;
mod found;
mod report;
mod spec;
mod table;

pub(crate) use allow::is_foreign;
pub use content::Content;
pub use engine::{Engine, Outcome};
pub use found::Found;
pub use report::{Place, findings};
pub use spec::{Shape, Spec};
pub use table::{GROUPS, Group, rules, specs};

/// The checksum that GitHub and npm put at the end of their tokens: CRC-32 in six digits of base 62.
pub use check::base62_crc32;
