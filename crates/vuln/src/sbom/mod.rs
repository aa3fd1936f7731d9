//! Software bills of materials: an inventory in a form that other programs read, and inventories
//! out of those that other programs wrote.

mod cyclonedx;
mod license;
mod read;
mod spdx;

use cofferdam_finding::{Target, Tool};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use cyclonedx::{Bom, cyclonedx};
pub use read::{MAX_DOCUMENT, ReadError, read};
pub use spdx::{Document, spdx};

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

/// A UUID of version 8 (RFC 9562, section 5.8) from the hash of a document without one.
pub(crate) fn derived_uuid(document: &impl Serialize) -> String {
    let text = serde_json::to_vec(document).expect("plain strings and lists serialise");
    let mut hex: String =
        Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    hex.replace_range(12..13, "8");
    let variant = u8::from_str_radix(&hex[16..17], 16).unwrap_or_default() & 3 | 8;
    hex.replace_range(16..17, &format!("{variant:x}"));
    let [a, b, c, d, e] = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    format!("urn:uuid:{a}-{b}-{c}-{d}-{e}")
}
