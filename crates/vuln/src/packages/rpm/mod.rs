//! rpm: the database of installed packages in its three forms, read without any of the libraries
//! that wrote them.
//!
//! | format | file | written by |
//! |---|---|---|
//! | [SQLite](sqlite) | `rpmdb.sqlite` | rpm 4.16 and later: Fedora 33, EL 9, Amazon Linux 2023, Azure Linux |
//! | [NDB](ndb) | `Packages.db` | SUSE since 15 |
//! | [Berkeley DB hash](berkeley) | `Packages` | before: EL 8, CentOS 7, Amazon Linux 2 |
//!
//! Each holds one [header](header) for each package. The pseudo-packages `gpg-pubkey`, by which rpm
//! remembers the signing keys that it trusts, install no files and are left out.

mod berkeley;
mod bytes;
mod header;
mod ndb;
mod sqlite;

use super::Contents;

/// The format of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// SQLite, the newest.
    Sqlite,
    /// rpm's own "new database".
    Ndb,
    /// A hash of Berkeley DB, of either byte order.
    Berkeley,
}

impl Format {
    /// Recognises a database by what it begins with.
    pub fn of(content: &[u8]) -> Option<Self> {
        if content.starts_with(sqlite::MAGIC) {
            Some(Self::Sqlite)
        } else if content.starts_with(ndb::MAGIC) {
            Some(Self::Ndb)
        } else {
            berkeley::is_hash(content).then_some(Self::Berkeley)
        }
    }
}

/// Reads a database of any format. `log` is the write-ahead log beside an SQLite database
/// (`rpmdb.sqlite-wal`); what was committed to it counts.
pub fn parse(content: &[u8], log: Option<&[u8]>) -> Contents {
    let mut contents = Contents::default();
    match Format::of(content) {
        Some(Format::Sqlite) => sqlite::read(content, log, &mut contents),
        Some(Format::Ndb) => ndb::read(content, &mut contents),
        Some(Format::Berkeley) => berkeley::read(content, &mut contents),
        None => contents.problem(
            "whole file",
            "neither SQLite, NDB nor a hash of Berkeley DB: it does not begin as one",
        ),
    }
    contents.finish()
}
