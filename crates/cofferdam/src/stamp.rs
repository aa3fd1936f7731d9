//! What every document says about how it was made.

use cofferdam_finding::Tool;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::error::CliError;

/// This program.
pub(crate) fn tool() -> Tool {
    Tool { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() }
}

/// `moment` as RFC 3339, to the second.
pub(crate) fn time(moment: OffsetDateTime) -> Result<String, CliError> {
    Ok(moment.replace_nanosecond(0)?.format(&Rfc3339)?)
}
