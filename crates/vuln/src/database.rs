//! The advisory database: one immutable file, mapped and read in place.
//!
//! What a match needs (packages, version ranges, which vulnerability) lies in sorted tables that
//! are searched where they are. Texts (titles, vectors, references) lie apart in compressed
//! blocks, of which only those of matches are ever decompressed. The format is described in
//! `docs/reference/database-format.md`.
//!
//! Start at [`Database`] to read one, at [`Builder`] to make one.

mod build;
pub mod delta;
mod edit;
mod format;
mod header;
mod lookup;
mod read;
mod row;
mod text;
mod threat;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use cofferdam_sys::mmap::Mapping;
use sha2::{Digest as _, Sha256};

pub use build::Builder;
pub use format::FORMAT_VERSION;
pub use header::{Header, SourceInfo};
pub use lookup::{Ecosystem, PackageRow, Texts, Vulnerability};
pub use row::{End, Range, Row, Stance};
pub use text::Text;

use format::{CHECKSUM_LENGTH, Layout};

/// An open advisory database.
#[derive(Debug)]
pub struct Database {
    bytes: Bytes,
    layout: Layout,
    header: Header,
}

#[derive(Debug)]
enum Bytes {
    Static(&'static [u8]),
    Owned(Vec<u8>),
    Mapped(Mapping),
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Mapped(mapping) => mapping,
        }
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file cannot be read.
    #[error("could not open advisory database '{path}'")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("could not read '{name}': it is not an advisory database of Cofferdam")]
    Foreign {
        /// The database.
        name: String,
    },
    /// The file is of another version of the format.
    #[error(
        "could not read advisory database '{name}': it has format {found}, \
         this program reads up to format {FORMAT_VERSION}"
    )]
    Version {
        /// The database.
        name: String,
        /// Its version.
        found: u32,
    },
    /// The file is not as it was written.
    #[error("could not read advisory database '{name}': it is damaged")]
    Damaged {
        /// The database.
        name: String,
        /// Where.
        source: Damage,
    },
    /// More is to be written than the format can hold, or something that it cannot.
    #[error("could not build advisory database: {0}")]
    Build(String),
}

/// Where a database is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} (in section '{section}' at byte {offset})")]
pub struct Damage {
    /// What is wrong.
    pub what: &'static str,
    /// The part of the file.
    pub section: &'static str,
    /// The place in it.
    pub offset: u64,
}

impl Database {
    /// Opens the database at `path`. Only its header and its bounds are checked, so that it costs
    /// next to nothing; [`Database::verify`] checks the rest.
    ///
    /// # Errors
    /// If the file cannot be mapped, is something else, or is damaged where that shows.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let open = |source| DatabaseError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(open)?;
        let name = path.display().to_string();
        if file.metadata().map_err(open)?.len() == 0 {
            return Err(DatabaseError::Foreign { name });
        }
        Self::new(Bytes::Mapped(Mapping::of(&file).map_err(open)?), name)
    }

    /// Where `db update` and `db import` put the database, below a data directory.
    pub fn path_in(data_directory: &Path) -> PathBuf {
        data_directory.join("db").join("advisories.cdb")
    }

    /// The database of a data directory or, if there is none, the one that comes with the program.
    ///
    /// # Errors
    /// If there is one and it cannot be used: falling back on an older one would hide that.
    pub fn open_or_starter(data_directory: Option<&Path>) -> Result<Self, DatabaseError> {
        match data_directory.map(Self::path_in) {
            Some(path) if path.exists() => Self::open(&path),
            _ => Self::starter(),
        }
    }

    /// Reads a database that is in memory.
    ///
    /// # Errors
    /// As [`Database::open`]; `name` is what the error calls it.
    pub fn from_bytes(bytes: Vec<u8>, name: &str) -> Result<Self, DatabaseError> {
        Self::new(Bytes::Owned(bytes), name.to_owned())
    }

    /// The database that comes with the program: see `data/README.md`.
    ///
    /// # Errors
    /// If it is damaged, which a test rules out.
    pub fn starter() -> Result<Self, DatabaseError> {
        const STARTER: &[u8] = include_bytes!("../../../data/starter.cdb");
        Self::new(Bytes::Static(STARTER), "built-in".to_owned())
    }

    fn new(bytes: Bytes, name: String) -> Result<Self, DatabaseError> {
        let layout = Layout::parse(bytes.get(), &name)?;
        let damaged = |source| DatabaseError::Damaged { name: name.clone(), source };
        let sources = header::parse_sources(layout.sources(bytes.get())).map_err(damaged)?;
        let header = Header {
            name: name.clone(),
            format_version: layout.version,
            generation: layout.generation,
            size: bytes.get().len(),
            sources,
        };
        Ok(Self { bytes, layout, header })
    }

    /// What the database is made of.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file, for copying it.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get()
    }

    /// The checksum at the end of the file, in hexadecimal.
    pub fn checksum(&self) -> String {
        hex(self.checksum_bytes())
    }

    fn checksum_bytes(&self) -> &[u8] {
        let bytes = self.bytes.get();
        &bytes[bytes.len() - CHECKSUM_LENGTH..]
    }

    /// Reads the whole file and compares its checksum.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn verify(&self) -> Result<(), DatabaseError> {
        let (content, checksum) =
            self.bytes.get().split_at(self.bytes.get().len() - CHECKSUM_LENGTH);
        if Sha256::digest(content).as_slice() == checksum {
            return Ok(());
        }
        let offset = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let source = Damage { what: "the checksum does not match", section: "checksum", offset };
        Err(DatabaseError::Damaged { name: self.header.name.clone(), source })
    }

    /// The error that says that this database is damaged.
    pub(crate) fn damaged(&self, source: Damage) -> DatabaseError {
        DatabaseError::Damaged { name: self.header.name.clone(), source }
    }
}

/// Whether a text is the id of a CVE in its usual form.
pub(crate) fn is_cve(text: &str) -> bool {
    lookup::pack_cve(text).is_some()
}

/// Whether a text is a day, `YYYY-MM-DD`, that a database can hold.
pub(crate) fn is_day(text: &str) -> bool {
    threat::day(text).is_some()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
