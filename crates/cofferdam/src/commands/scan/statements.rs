//! VEX documents put with what a scan finds.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use cofferdam_finding::{SuppressedFinding, VexUse};
use cofferdam_vuln::vex::{self, Document, MAX_DOCUMENT, Subject};

use super::judge::Judged;
use crate::{
    error::{CliError, OrFail as _},
    facts::Facts,
    settings::Settings,
};

/// Documents that are read at most.
const MOST_DOCUMENTS: usize = 1000;

/// The documents that are set.
pub(super) fn read(settings: &Settings) -> Result<Vec<Document>, CliError> {
    let Some(paths) = settings.text("scan.vex") else { return Ok(Vec::new()) };
    let paths: Vec<PathBuf> = paths.split(',').map(|path| PathBuf::from(path.trim())).collect();
    if paths.len() > MOST_DOCUMENTS {
        let message = format!("could not read more than {MOST_DOCUMENTS} VEX documents");
        return Err(CliError::new(message));
    }
    paths.iter().map(|path| document(path)).collect()
}

fn document(path: &Path) -> Result<Document, CliError> {
    let attempt = || format!("could not read VEX document '{}'", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).or_fail(attempt)?;
    file.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).or_fail(attempt)?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(CliError::new(format!("it has more than {MAX_DOCUMENT} bytes")))
            .or_fail(attempt);
    }
    vex::read(&bytes, &path.display().to_string()).or_fail(attempt)
}

/// Takes out of what was found what statements close; `None` if there are no statements.
pub(super) fn apply(
    judged: &mut Judged,
    facts: &Facts,
    documents: &[Document],
) -> Option<(Vec<SuppressedFinding>, VexUse)> {
    if documents.is_empty() {
        return None;
    }
    let findings = std::mem::take(&mut judged.findings);
    let packages = &facts.inventory.packages;
    let applied = vex::apply(findings, &judged.rules, packages, &subject(facts), documents);
    judged.findings = applied.findings;
    judged.add_gaps(applied.gaps);
    Some((applied.suppressed, applied.used))
}

/// What was scanned, as products of statements are named.
fn subject(facts: &Facts) -> Subject {
    let target = &facts.target;
    let bare = target.name.split_once(':').map(|(_, rest)| rest.to_owned());
    let reference = facts.reference.as_ref();
    Subject {
        names: [target.name.clone()].into_iter().chain(bare).collect(),
        digests: target.digest.iter().cloned().collect(),
        repository: reference.map(|one| format!("{}/{}", one.registry(), one.repository())),
        tag: reference.and_then(|one| one.tag()).map(str::to_owned),
        distribution: facts.inventory.distribution.clone(),
    }
}
