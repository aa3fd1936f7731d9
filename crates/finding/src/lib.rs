//! The one model of what Cofferdam finds: rules, findings, evidence, fixes, waivers, verdicts, and
//! their written forms.
//!
//! Pure: nothing here opens a file, reads a clock or prints. Dates and texts come in as arguments,
//! reports go out through a writer that the caller owns.
//!
//! Start at [`Finding`] for the model, at [`decide`](decide()) for how a verdict comes about, at
//! [`render`] for the formats.

mod baseline;
mod context;
mod decide;
mod diff;
mod finding;
mod glob;
mod merge;
mod package;
pub mod render;
mod report;
mod rule;
mod upgrade;
mod vex;
mod waiver;

pub use baseline::{Baseline, BaselineUse};
pub use context::{Context, Epss, Exploited, Share};
pub use decide::{Decision, ExitStatus, Policy, WaivedFinding, decide};
pub use diff::{Cause, Change, Diff, diff};
pub use finding::{
    Applicability, Edit, Evidence, Finding, Fingerprint, Fix, Gap, PackageEvidence, RemedyState,
    Status,
};
pub use glob::matches as matches_pattern;
pub use package::{Package, PackageKind, SourcePackage};
pub use report::{DataSource, Report, SCHEMA_VERSION, STALE_AFTER_DAYS, Summary, Target, Tool};
pub use rule::{Explanation, Reference, Rule, Severity, Topic};
pub use upgrade::Upgrade;
pub use vex::{SuppressedFinding, UnmatchedStatement, VexStatement, VexStatus, VexUse};
pub use waiver::{Waiver, WaiverError, Waivers};
