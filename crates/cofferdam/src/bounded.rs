//! Files of which only so much is read, whatever length the file system tells.

use std::path::Path;

use cofferdam_vuln::place::read_bounded;

use crate::error::{CliError, OrFail as _};

/// The text of the file at `path`, which may have `limit` bytes; `attempt` says what failed if not.
pub(crate) fn text(
    path: &Path,
    limit: u64,
    attempt: impl Fn() -> String,
) -> Result<String, CliError> {
    let bytes = read_bounded(path, limit).or_fail(&attempt)?;
    String::from_utf8(bytes).or_fail(attempt)
}
