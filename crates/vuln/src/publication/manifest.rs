//! What a publication consists of.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The version of the manifest that this program writes, and the only one that it reads.
pub const SCHEMA_VERSION: u32 = 1;
/// Deltas that a manifest may name.
const MOST_DELTAS: usize = 1000;
/// Bytes that a database may have: its format allows 2 GiB for a section.
const LARGEST: u64 = 2 << 30;

/// The signed document of a publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Rises with every publication. Nobody takes one that is lower than what they have seen.
    pub counter: u64,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When it ceases to hold, RFC 3339: who is kept from newer ones notices.
    pub expires: String,
    /// Generation of the database.
    pub generation: u64,
    /// Date of its oldest source, `YYYY-MM-DD`.
    pub date: String,
    /// Checksum of the database, as it states it itself, in hexadecimal.
    pub checksum: String,
    /// The database.
    pub full: File,
    /// Ways from other databases to it.
    #[serde(default)]
    pub deltas: Vec<Delta>,
}

/// A file of a publication, which never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it is, below the publication.
    pub path: String,
    /// Its digest, in hexadecimal.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
}

/// What makes a database out of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Checksum of the other one.
    pub from: String,
    /// The file.
    #[serde(flatten)]
    pub file: File,
}

/// Why a manifest cannot be used, though it was signed.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is no manifest.
    #[error("its manifest cannot be understood")]
    Syntax(#[from] serde_json::Error),
    /// It is of another version.
    #[error("its manifest has version {0}, this program reads version {SCHEMA_VERSION}")]
    Version(u32),
    /// Something in it makes no sense.
    #[error("its manifest makes no sense: {0}")]
    Content(String),
}

impl Manifest {
    /// Reads a manifest, and checks all that does not depend on who reads it.
    ///
    /// # Errors
    /// If it is none, or makes no sense.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Probe {
            schema_version: u32,
        }
        let Probe { schema_version } = serde_json::from_slice(bytes)?;
        if schema_version != SCHEMA_VERSION {
            return Err(ManifestError::Version(schema_version));
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        manifest.check().map_err(ManifestError::Content)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        moment(&self.created)?;
        self.expires()?;
        is_digest(&self.checksum)?;
        self.full.check()?;
        if self.deltas.len() > MOST_DELTAS {
            return Err(format!("it has more than {MOST_DELTAS} deltas"));
        }
        self.deltas.iter().try_for_each(|delta| {
            is_digest(&delta.from)?;
            delta.file.check()
        })
    }

    /// When it ceases to hold.
    ///
    /// # Errors
    /// If that is no moment, which [`Manifest::parse`] rules out.
    pub fn expires(&self) -> Result<OffsetDateTime, String> {
        moment(&self.expires)
    }

    /// The way from the database with that checksum, if there is one that is shorter than the whole.
    pub fn delta_from(&self, checksum: &str) -> Option<&Delta> {
        let fits = |delta: &&Delta| delta.from == checksum && delta.file.size < self.full.size;
        self.deltas.iter().filter(fits).min_by_key(|delta| delta.file.size)
    }

    /// All files, the whole database first.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        [&self.full].into_iter().chain(self.deltas.iter().map(|delta| &delta.file))
    }
}

impl File {
    fn check(&self) -> Result<(), String> {
        is_digest(&self.sha256)?;
        let is_part = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
        };
        if self.path.len() > 200 || !self.path.split('/').all(is_part) {
            return Err(format!("'{}' is no plain relative path", self.path.escape_debug()));
        }
        if self.size == 0 || self.size > LARGEST {
            return Err(format!("'{}' has a size of {} bytes", self.path, self.size));
        }
        Ok(())
    }
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| format!("'{}' is no moment", text.escape_debug()))
}

fn is_digest(text: &str) -> Result<(), String> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == 64 && text.bytes().all(hex) {
        return Ok(());
    }
    Err(format!("'{}' is no SHA-256", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn manifest() -> Manifest {
        let file = |path: &str, size| File { path: path.into(), sha256: "0".repeat(64), size };
        Manifest {
            schema_version: SCHEMA_VERSION,
            counter: 1,
            created: "2026-11-29T00:00:00Z".into(),
            expires: "2026-12-29T00:00:00Z".into(),
            generation: 1,
            date: "2026-11-28".into(),
            checksum: "a".repeat(64),
            full: file("generations/1-a.cdb", 1000),
            deltas: vec![
                Delta { from: "b".repeat(64), file: file("deltas/b-a.cdd", 10) },
                Delta { from: "c".repeat(64), file: file("deltas/c-a.cdd", 2000) },
            ],
        }
    }

    #[test]
    fn a_delta_counts_if_it_is_shorter() {
        let manifest = manifest();
        let json = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::parse(&json).unwrap(), manifest);
        assert!(manifest.delta_from(&"b".repeat(64)).is_some());
        assert!(manifest.delta_from(&"c".repeat(64)).is_none());
        assert!(manifest.delta_from(&"d".repeat(64)).is_none());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |change: fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            let parsed = Manifest::parse(&serde_json::to_vec(&manifest).unwrap());
            assert!(parsed.is_err(), "{manifest:?}");
        };
        refused(|m| m.schema_version = 2);
        refused(|m| m.expires = "soon".into());
        refused(|m| m.checksum = "A".repeat(64));
        refused(|m| m.full.size = 0);
        refused(|m| m.full.size = u64::MAX);
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a b", ".hidden", "http://x/y"] {
            let mut manifest = manifest();
            manifest.deltas[0].file.path = path.into();
            assert!(Manifest::parse(&serde_json::to_vec(&manifest).unwrap()).is_err(), "{path}");
        }
    }
}
