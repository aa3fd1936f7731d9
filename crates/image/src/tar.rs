//! A streaming tar reader: ustar, GNU and PAX, sparse files, with bounds on everything that an
//! archive can ask for.
//!
//! Formats: POSIX.1-2024 `pax` ("ustar Interchange Format", "pax Extended Header"), and the GNU tar
//! manual ("Basic Tar Format", "Storing Sparse Files").
//!
//! Where readers in the field disagree, what container engines extract is what counts, for a
//! scanner must see what runs: types without content (links, directories, devices) have none
//! whatever their size field says, and an archive that can be read in two ways (a global extended
//! header that sets a path or a size) is refused.

mod header;
mod path;
mod pax;
mod reader;
mod sparse;

use std::io;

pub use path::{Normal, normalise};
pub use reader::{Body, Input, Reader};

/// What an archive says of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryHeader {
    /// The name as written, for messages.
    pub name: Vec<u8>,
    /// The name made relative to the root: no leading `/`, no `.`, no `..`, no empty components;
    /// empty for the root itself. Never leads out of the root by itself; symbolic links on the way
    /// are for the reader to mind.
    pub path: Vec<u8>,
    /// Whether the name, or the target of a hard link, climbed out of the root with `..`. `path`
    /// (or the target) then is what remains when the root is its own parent. No honest tool writes
    /// such an entry.
    pub left_root: bool,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of content, holes included; 0 for all but files.
    pub size: u64,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Modification time in seconds since 1970.
    pub mtime: i64,
    /// Extended attributes (`SCHILY.xattr.*`), in order of name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the content (or, for a sparse file, the map in front of it) starts in the archive.
    pub offset: u64,
    /// Whether the content is stored with holes left out, so that it is not contiguous.
    pub sparse: bool,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A hard link to the entry of this path, made relative to the root as [`EntryHeader::path`].
    Hardlink(Vec<u8>),
    /// A symbolic link with this target, as written.
    Symlink(Vec<u8>),
    /// A directory.
    Directory,
    /// A character device.
    CharacterDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A type that no container engine extracts, such as a volume label; the type byte.
    Other(u8),
}

/// Why an archive cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The bytes could not be had.
    #[error("could not read the bytes at offset {offset}")]
    Io {
        /// Where in the archive.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The archive ends in the middle of an entry.
    #[error("the archive is cut off at offset {offset}")]
    Truncated {
        /// Where it ends.
        offset: u64,
    },
    /// A header's checksum does not match.
    #[error("the header at offset {offset} is corrupt (its checksum does not match)")]
    Checksum {
        /// Where the header is.
        offset: u64,
    },
    /// A field of a header is not what the format allows.
    #[error("the header at offset {offset} has an invalid {field}")]
    Field {
        /// Where the header is.
        offset: u64,
        /// The field: `size`, `GNU.sparse.map`.
        field: String,
    },
    /// A global extended header sets what belongs to one entry.
    #[error("the global header at offset {offset} sets '{key}' for every entry")]
    Global {
        /// Where the header is.
        offset: u64,
        /// The record.
        key: String,
    },
    /// More than a limit allows.
    #[error("the archive exceeds the limit of {limit} {what} at offset {offset}")]
    Limit {
        /// Where it was noticed.
        offset: u64,
        /// What is limited.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
}
