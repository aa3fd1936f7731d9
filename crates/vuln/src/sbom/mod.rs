//! Software bills of materials: an inventory in a form that other programs read.

mod cyclonedx;
mod license;

use cofferdam_finding::{Target, Tool};

pub use cyclonedx::{Bom, cyclonedx};

/// What a bill of materials says beside the inventory.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// What the inventory is of.
    pub target: &'a Target,
    /// The program that made it.
    pub tool: &'a Tool,
    /// When, RFC 3339, UTC.
    pub created: &'a str,
    /// `urn:uuid:…` of the document; if `None`, it is derived from what the document says, so that
    /// the same inventory at the same time gives the same document.
    pub serial_number: Option<&'a str>,
}
