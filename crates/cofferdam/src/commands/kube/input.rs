//! What every command reads: a dump, a snapshot or a folder of manifests.

use std::path::Path;

use cofferdam_kube::{
    Snapshot,
    load::{self, LoadError},
};

use crate::{error::CliError, session::Session};

/// Gaps that are told one by one; the rest as a number.
const GAPS_TOLD: usize = 5;

/// Reads `path`; what of it could not be read is for the caller to report.
pub(super) fn load(path: &Path) -> Result<Snapshot, CliError> {
    load::path(path).map_err(failed)
}

/// Reads `path`, and says what of it could not be read.
pub(super) fn read(path: &Path, session: &Session) -> Result<Snapshot, CliError> {
    let snapshot = load(path)?;
    for gap in snapshot.gaps.iter().take(GAPS_TOLD) {
        session.printer.warning(format_args!("{}: {}", gap.object, gap.why));
    }
    if snapshot.gaps.len() > GAPS_TOLD {
        let more = snapshot.gaps.len() - GAPS_TOLD;
        session.printer.warning(format_args!("{more} more could not be read or understood"));
    }
    Ok(snapshot)
}

fn failed(error: LoadError) -> CliError {
    let gaps = match &error {
        LoadError::Nothing { gaps, .. } => gaps.clone(),
        _ => Vec::new(),
    };
    let hint = match gaps.first() {
        Some(gap) => format!("{}: {}", gap.object, gap.why),
        None => "name a dump (kubectl get -o json), a file or a folder of manifests".to_owned(),
    };
    CliError::from(error).hint(hint)
}
