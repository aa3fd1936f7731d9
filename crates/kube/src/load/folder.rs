use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{FILE_LIMIT, bounded};
use crate::{Snapshot, rules};

/// Files of a folder that are read.
pub const FILES_LIMIT: usize = 100_000;
/// Bytes of all files of a folder together.
const TOTAL_LIMIT: u64 = 2 * FILE_LIMIT;
/// Folders in folders.
const FOLDERS_LIMIT: usize = 64;

/// Reads the manifests below `root`, in the order of their paths. Links are not followed, hidden
/// folders (`.git`) are not entered.
pub(super) fn add(snapshot: &mut Snapshot, root: &Path) -> io::Result<()> {
    let mut paths = Vec::new();
    let entries = fs::read_dir(root)?;
    walk(snapshot, entries, &mut paths, 0);
    paths.sort();
    let mut total = 0;
    for path in paths {
        let name = path.display().to_string();
        let bytes = match File::open(&path).and_then(|mut file| bounded(&mut file)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                let why = format!("has more than {FILE_LIMIT} bytes");
                snapshot.gap(rules::MANIFEST_NOT_READ, name, why);
                continue;
            }
            Err(error) => {
                snapshot.gap(rules::MANIFEST_NOT_READ, name, error.to_string());
                continue;
            }
        };
        total += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if total > TOTAL_LIMIT {
            let why = format!("the folder has more than {TOTAL_LIMIT} bytes; the rest is not read");
            snapshot.gap(rules::MANIFEST_NOT_READ, name, why);
            return Ok(());
        }
        super::add(snapshot, &name, &bytes);
    }
    Ok(())
}

fn walk(snapshot: &mut Snapshot, entries: fs::ReadDir, paths: &mut Vec<PathBuf>, depth: usize) {
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                snapshot.gap(rules::MANIFEST_NOT_READ, "a folder".into(), error.to_string());
                continue;
            }
        };
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            let deeper = (depth < FOLDERS_LIMIT).then(|| fs::read_dir(&path));
            match deeper.unwrap_or_else(|| Err(io::Error::other("is nested too deeply"))) {
                Ok(entries) => walk(snapshot, entries, paths, depth + 1),
                Err(error) => {
                    let name = path.display().to_string();
                    snapshot.gap(rules::MANIFEST_NOT_READ, name, error.to_string());
                }
            }
        } else if is_manifest(&path) && kind.is_symlink() {
            let name = path.display().to_string();
            let why = "is a symbolic link, which is not followed".to_owned();
            snapshot.gap(rules::MANIFEST_NOT_READ, name, why);
        } else if is_manifest(&path) && kind.is_file() {
            if paths.len() >= FILES_LIMIT {
                let why = format!("the folder has more than {FILES_LIMIT} manifests");
                snapshot.gap(rules::MANIFEST_NOT_READ, path.display().to_string(), why);
                return;
            }
            paths.push(path);
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}
