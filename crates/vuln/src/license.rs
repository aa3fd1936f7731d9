//! Licences of packages, and a policy on them.
//!
//! Packages declare SPDX expressions, or what was usual before: `GPLv2+ and BSD`, `GPL-2+`,
//! `MIT/Apache-2.0`. [`Expression`] understands both, [`Policy`] says whether there is a way to use
//! the package that the policy allows.

pub(crate) mod copyright;
mod expression;
mod names;
mod policy;

pub use expression::{Expression, Term};
pub use policy::{Policy, Verdict, judge};
