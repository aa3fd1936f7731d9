use serde::{Deserialize, Serialize};

use crate::Finding;

/// What somebody says about a vulnerability in a product (VEX, <https://www.cisa.gov/sbom>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    /// It is vulnerable.
    Affected,
    /// Nobody knows yet.
    UnderInvestigation,
    /// It has the fix.
    Fixed,
    /// The vulnerability does no harm in it.
    NotAffected,
}

impl VexStatus {
    /// As OpenVEX writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Affected => "affected",
            Self::UnderInvestigation => "under_investigation",
            Self::Fixed => "fixed",
            Self::NotAffected => "not_affected",
        }
    }

    /// Whether a finding that it is about is closed by it.
    pub const fn closes(self) -> bool {
        matches!(self, Self::Fixed | Self::NotAffected)
    }
}

/// One statement about one vulnerability in one product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VexStatement {
    /// The file that it stands in.
    pub document: String,
    /// The vulnerability, as the statement names it.
    pub vulnerability: String,
    /// The product, and the component of it, as the statement names them.
    pub product: String,
    /// What is said.
    pub status: VexStatus,
    /// Why it does no harm: `vulnerable_code_not_present` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// The same, or what to do, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it was said, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

impl VexStatement {
    /// Why, in one line: the justification, then the words.
    pub fn reason(&self) -> String {
        let parts = [&self.justification, &self.detail];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        parts.join(": ")
    }
}

/// A finding that a VEX statement closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressedFinding {
    /// The finding, with the evidence that the statement is about.
    pub finding: Finding,
    /// The statement.
    pub statement: VexStatement,
}

/// A statement that is about nothing in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmatchedStatement {
    /// The statement.
    pub statement: VexStatement,
    /// Why it is about nothing.
    pub why: String,
}

/// What became of the statements of all documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VexUse {
    /// The files.
    pub documents: Vec<String>,
    /// Statements read: one for each vulnerability and product.
    pub statements: usize,
    /// Of those, about a finding of the report.
    pub matched: usize,
    /// The first of the others, those about a vulnerability of the report before the rest.
    pub unmatched: Vec<UnmatchedStatement>,
}
