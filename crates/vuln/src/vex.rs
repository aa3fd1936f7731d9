//! Statements about vulnerabilities in products: VEX, read and written.
//!
//! [`read`] understands OpenVEX, CSAF and CycloneDX, [`apply`] puts what they say with findings,
//! [`write`] says what findings and waivers amount to. A statement that cannot be understood is a
//! problem that the report shows, and one about nothing in the report is listed as such: none is
//! dropped in silence, for somebody relies on it.

mod apply;
mod csaf;
mod cyclonedx;
mod openvex;
mod product;
pub mod write;

use cofferdam_finding::VexStatus;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub use apply::{Applied, apply};
pub use product::{Identifier, Product, Subject};

/// Bytes of a document.
pub const MAX_DOCUMENT: u64 = 32 << 20;
/// Statements of a document, each about one vulnerability and one product.
const MOST_STATEMENTS: usize = 500_000;
/// Problems of a document that are told.
const MOST_PROBLEMS: usize = 100;
/// Bytes of a name or a text that are kept.
const LONGEST_TEXT: usize = 2000;

/// A document of statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// What messages call it: its file.
    pub name: String,
    /// What it says.
    pub statements: Vec<Statement>,
    /// What of it could not be understood.
    pub problems: Vec<Problem>,
    /// Problems that are not told.
    pub untold: usize,
}

/// A place of a document that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place: `statement 3`.
    pub place: String,
    /// What is wrong with it.
    pub why: String,
}

/// What is said about a vulnerability in a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Names of the vulnerability, the preferred one first; never empty.
    pub vulnerability: Vec<String>,
    /// What it is about.
    pub product: Product,
    /// What is said.
    pub status: VexStatus,
    /// Why it does no harm, as OpenVEX labels it.
    pub justification: Option<String>,
    /// The same, or what to do, in words.
    pub detail: Option<String>,
    /// When it was said.
    pub timestamp: Option<OffsetDateTime>,
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VexError {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is something else.
    #[error("it is neither OpenVEX nor CSAF nor CycloneDX with vulnerabilities")]
    Unknown,
    /// It is larger than what is read: what is behind the limit may revoke what is before.
    #[error("it has more than {MOST_STATEMENTS} statements")]
    TooLarge,
}

/// Reads a document; `name` is what messages call it.
///
/// # Errors
/// If it is no document at all. Statements that cannot be understood are among its problems.
pub fn read(bytes: &[u8], name: &str) -> Result<Document, VexError> {
    let value: Value = serde_json::from_slice(bytes)?;
    let mut reader = Reader::new(name);
    let context = value.get("@context").and_then(Value::as_str).unwrap_or_default();
    if context.starts_with("https://openvex.dev/ns") {
        openvex::read(&value, &mut reader)?;
    } else if value.get("document").is_some_and(|document| document.get("csaf_version").is_some()) {
        csaf::read(&value, &mut reader)?;
    } else if text(&value, "bomFormat") == Some("CycloneDX") {
        cyclonedx::read(&value, &mut reader)?;
    } else {
        return Err(VexError::Unknown);
    }
    Ok(reader.document)
}

/// A document as it is read.
struct Reader {
    document: Document,
}

impl Reader {
    fn new(name: &str) -> Self {
        Self { document: Document { name: name.to_owned(), ..Document::default() } }
    }

    fn problem(&mut self, place: impl Into<String>, why: impl Into<String>) {
        if self.document.problems.len() >= MOST_PROBLEMS {
            self.document.untold += 1;
            return;
        }
        let (place, why) = (shortened(&place.into()), shortened(&why.into()));
        self.document.problems.push(Problem { place, why });
    }

    /// Adds a statement. One that says that there is no harm has to say why: without that it closes
    /// nothing.
    fn statement(&mut self, place: &str, statement: Statement) -> Result<(), VexError> {
        if self.document.statements.len() >= MOST_STATEMENTS {
            return Err(VexError::TooLarge);
        }
        if statement.vulnerability.is_empty() {
            self.problem(place, "it names no vulnerability");
        } else if statement.status == VexStatus::NotAffected
            && statement.justification.is_none()
            && statement.detail.is_none()
        {
            self.problem(place, "it says not_affected and not why");
        } else {
            self.document.statements.push(statement);
        }
        Ok(())
    }
}

/// The text of a member.
fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// The same, no longer than what is kept.
fn kept(value: &Value, name: &str) -> Option<String> {
    text(value, name).map(shortened)
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// The members of an array; none if there is no array.
fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// The time of a member, if it is one.
fn time(value: &Value, name: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text(value, name)?, &Rfc3339).ok()
}
