//! Dumps and manifests in, a [`Snapshot`] out.
//!
//! [`path`] takes a file or a folder, [`add`] takes bytes and does no IO. Understood are YAML with
//! any number of documents and JSON; single objects, lists in lists, arrays, `kubectl get -o json`,
//! `kubectl get --raw`, and what [`write`] writes. A document that is broken is a gap with its file
//! and number; the others count.
//!
//! YAML is read as the API server's tools read it: YAML 1.1 booleans and octal numbers, merge keys,
//! the last of two equal keys (which is a gap, too: people see the first).

mod folder;
mod intake;
mod json;
mod value;
mod write;
mod yaml;

use std::{fs::File, io::Read, path::Path};

use thiserror::Error;

use self::intake::Intake;
pub(crate) use self::yaml::parts as documents;
pub use self::{
    folder::FILES_LIMIT,
    write::write,
    yaml::{document, resolve},
};
use crate::{Snapshot, rules};

/// Bytes of a file that are read: five times the dump of a large cluster.
pub const FILE_LIMIT: u64 = 1 << 30;
/// Nesting of values.
const DEPTH_LIMIT: usize = 100;

/// Nothing could be read at all.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file or folder cannot be read.
    #[error("could not read '{path}'")]
    Read {
        /// Path as the user gave it.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("could not read '{path}': it has more than {FILE_LIMIT} bytes")]
    TooLarge {
        /// Path as the user gave it.
        path: String,
    },
    /// There is not one object in it.
    #[error("there is no Kubernetes object in '{path}'")]
    Nothing {
        /// Path as the user gave it.
        path: String,
        /// What was in it instead.
        gaps: Vec<cofferdam_finding::Gap>,
    },
}

/// Reads the file or the folder at `path`; `-` is standard input.
///
/// # Errors
/// If it cannot be read, or holds no object. What cannot be read within a folder is a gap.
pub fn path(path: &Path) -> Result<Snapshot, LoadError> {
    let name = path.display().to_string();
    let read = |source| LoadError::Read { path: name.clone(), source };
    let mut snapshot = Snapshot::default();
    if name == "-" {
        let bytes = bounded(&mut std::io::stdin().lock()).map_err(read)?;
        add(&mut snapshot, "stdin", &bytes.ok_or(LoadError::TooLarge { path: name.clone() })?);
    } else if std::fs::metadata(path).map_err(read)?.is_dir() {
        folder::add(&mut snapshot, path).map_err(read)?;
    } else {
        let bytes = bounded(&mut File::open(path).map_err(read)?).map_err(read)?;
        add(&mut snapshot, &name, &bytes.ok_or(LoadError::TooLarge { path: name.clone() })?);
    }
    snapshot.settle_duplicates();
    if snapshot.objects.is_empty() {
        return Err(LoadError::Nothing { path: name, gaps: snapshot.gaps });
    }
    Ok(snapshot)
}

/// A snapshot of several texts, each with the name of its file. Does no IO.
pub fn texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (name, bytes) in texts {
        add(&mut snapshot, name, bytes);
    }
    snapshot.settle_duplicates();
    snapshot
}

/// Reads one file's `bytes` into `snapshot`. Duplicates are for the caller to settle.
pub(crate) fn add(snapshot: &mut Snapshot, name: &str, bytes: &[u8]) {
    let file = u32::try_from(snapshot.files.len()).unwrap_or(u32::MAX);
    snapshot.files.push(name.to_owned());
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let why = format!("is not UTF-8: byte {} is wrong", error.valid_up_to());
            return snapshot.gap(rules::MANIFEST_NOT_UNDERSTOOD, name.to_owned(), why);
        }
    };
    let mut intake = Intake::new(snapshot, file);
    let is_json = text.trim_start().starts_with(['{', '[']);
    // A Helm template begins with a brace, too, and YAML has brace mappings of its own.
    if !is_json || (!json::read(text, &mut intake, name.ends_with(".json")) && !intake.took_any()) {
        yaml::read(text, &mut intake);
    }
}

/// Everything that `input` has, or none if that is too much.
fn bounded(input: &mut dyn Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let length = input.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    Ok((u64::try_from(length).is_ok_and(|length| length <= FILE_LIMIT)).then_some(bytes))
}
