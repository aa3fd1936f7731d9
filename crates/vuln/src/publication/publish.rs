//! Making a publication, or adding a generation to one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    DOCUMENT, Delta, Envelope, EnvelopeError, File, MAX_ENVELOPE, Manifest, ManifestError,
    SCHEMA_VERSION, SigningKey, sha256,
};
use crate::{
    database::{Database, DatabaseError, delta},
    place::{lock, read_bounded, replace},
};

/// Where whole databases are, below a publication.
const GENERATIONS: &str = "generations";
/// Where differences are.
const DELTAS: &str = "deltas";
/// Digits of a checksum in names of files.
const DIGITS: usize = 16;

/// What is to be published.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The database.
    pub database: &'a Database,
    /// The directory of the publication, made if it is not there.
    pub directory: &'a Path,
    /// Who signs.
    pub key: &'a SigningKey,
    /// The moment.
    pub now: OffsetDateTime,
    /// Days for which the publication holds.
    pub days: u32,
    /// Earlier generations that are kept, and from which there is a difference.
    pub keep: usize,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What was signed.
    pub manifest: Manifest,
    /// The document, as it lies in the directory.
    pub document: Vec<u8>,
    /// Whether the database was there already, so that only the day of expiry was moved.
    pub renewed: bool,
}

/// Why something could not be published. The publication is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file cannot be read or written.
    #[error("could not {action} '{}'", path.display())]
    File {
        /// `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is there was not signed by the same key.
    #[error("could not go on with the publication in '{}'", path.display())]
    Foreign {
        /// The document.
        path: PathBuf,
        /// Why.
        source: EnvelopeError,
    },
    /// What is there makes no sense.
    #[error("could not go on with the publication in '{}'", path.display())]
    Manifest {
        /// The document.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// The database is older than the one that is published.
    #[error("could not publish generation {new}: generation {published} is published already")]
    Older {
        /// Of the database.
        new: u64,
        /// Of the publication.
        published: u64,
    },
    /// The database is damaged.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A moment cannot be written.
    #[error("could not write the day of expiry")]
    Time(#[from] time::error::Format),
    /// A document cannot be written.
    #[error("could not write the manifest")]
    Json(#[from] serde_json::Error),
}

/// Adds a database to a publication: its file, differences from earlier ones, and at last, in one
/// step, the signed document that names them. Files that are there are never changed.
///
/// # Errors
/// See [`PublishError`].
pub fn publish(plan: &Plan<'_>) -> Result<Published, PublishError> {
    plan.database.verify()?;
    let place = Place { directory: plan.directory };
    let lock = lock(&place.path("lock"));
    let _lock = lock.map_err(place.failed("write", "lock"))?;
    let before = place.before(plan.key)?;
    let header = plan.database.header();
    if let Some(before) = before.as_ref().filter(|before| before.generation > header.generation) {
        let (new, published) = (header.generation, before.generation);
        return Err(PublishError::Older { new, published });
    }
    let checksum = plan.database.checksum();
    let name = format!("{:010}-{}.cdb", header.generation, &checksum[..DIGITS]);
    let full = place.add(&format!("{GENERATIONS}/{name}"), plan.database.as_bytes())?;
    let earlier = place.earlier(&name, plan.keep)?;
    let mut deltas = Vec::new();
    for path in &earlier {
        deltas.extend(place.delta(path, plan.database, full.size)?);
    }
    let expires = plan.now + Duration::days(plan.days.into());
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        counter: before.as_ref().map_or(0, |before| before.counter) + 1,
        created: plan.now.replace_nanosecond(0).unwrap_or(plan.now).format(&Rfc3339)?,
        expires: expires.replace_nanosecond(0).unwrap_or(expires).format(&Rfc3339)?,
        generation: header.generation,
        date: header.date().to_owned(),
        checksum,
        full,
        deltas,
    };
    let payload = serde_json::to_vec(&manifest)?;
    let mut document = serde_json::to_vec(&Envelope::seal(&payload, plan.key))?;
    document.push(b'\n');
    replace(&place.path(DOCUMENT), &document).map_err(place.failed("write", DOCUMENT))?;
    let renewed = before.as_ref().is_some_and(|before| before.checksum == manifest.checksum);
    place.tidy(&manifest, before.as_ref(), &earlier);
    Ok(Published { manifest, document, renewed })
}

struct Place<'a> {
    directory: &'a Path,
}

impl Place<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn failed(
        &self,
        action: &'static str,
        name: &str,
    ) -> impl FnOnce(io::Error) -> PublishError + use<> {
        let path = self.path(name);
        move |source| PublishError::File { action, path, source }
    }

    /// What was published last.
    fn before(&self, key: &SigningKey) -> Result<Option<Manifest>, PublishError> {
        let path = self.path(DOCUMENT);
        let bytes = match read_bounded(&path, MAX_ENVELOPE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(self.failed("read", DOCUMENT))?,
        };
        let opened = Envelope::parse(&bytes).and_then(|envelope| envelope.open(&[key.public()]));
        let (payload, _) =
            opened.map_err(|source| PublishError::Foreign { path: path.clone(), source })?;
        let manifest = Manifest::parse(&payload);
        manifest.map(Some).map_err(|source| PublishError::Manifest { path, source })
    }

    /// Puts a file there, unless it is there.
    fn add(&self, name: &str, bytes: &[u8]) -> Result<File, PublishError> {
        let path = self.path(name);
        let size = bytes.len() as u64;
        let known = read_bounded(&path, size).is_ok_and(|known| known == bytes);
        if !known {
            replace(&path, bytes).map_err(self.failed("write", name))?;
        }
        Ok(File { path: name.to_owned(), sha256: sha256(bytes), size })
    }

    /// The newest of the other generations, at most so many.
    fn earlier(&self, newest: &str, keep: usize) -> Result<Vec<PathBuf>, PublishError> {
        let directory = self.path(GENERATIONS);
        let mut names = Vec::new();
        for entry in fs::read_dir(&directory).map_err(self.failed("read", GENERATIONS))? {
            let entry = entry.map_err(self.failed("read", GENERATIONS))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".cdb") && name != newest {
                names.push(name);
            }
        }
        names.sort();
        let kept = names.into_iter().rev().take(keep);
        Ok(kept.map(|name| directory.join(name)).collect())
    }

    /// The difference from an earlier generation, unless it is not worth it.
    fn delta(&self, from: &Path, to: &Database, full: u64) -> Result<Option<Delta>, PublishError> {
        // A generation that is damaged, or of an earlier format, is nobody's any more.
        let Ok(base) = Database::open(from) else { return Ok(None) };
        let checksum = base.checksum();
        if base.verify().is_err() || checksum == to.checksum() {
            return Ok(None);
        }
        let Ok(bytes) = delta::make(&base, to) else { return Ok(None) };
        if bytes.len() as u64 >= full / 2 {
            return Ok(None);
        }
        let name = format!("{DELTAS}/{}-{}.cdd", &checksum[..DIGITS], &to.checksum()[..DIGITS]);
        let file = self.add(&name, &bytes)?;
        Ok(Some(Delta { from: checksum, file }))
    }

    /// Removes what neither this publication nor the one before names, except earlier generations
    /// that are kept. What cannot be removed does no harm.
    fn tidy(&self, now: &Manifest, before: Option<&Manifest>, earlier: &[PathBuf]) {
        let named: Vec<PathBuf> = [Some(now), before]
            .into_iter()
            .flatten()
            .flat_map(Manifest::files)
            .map(|file| self.path(&file.path))
            .collect();
        for directory in [GENERATIONS, DELTAS] {
            let Ok(entries) = fs::read_dir(self.path(directory)) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                if !named.contains(&path) && !earlier.contains(&path) {
                    let _ = fs::remove_file(path);
                }
            }
        }
    }
}
