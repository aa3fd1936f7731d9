//! The advisory database that a command uses.

use cofferdam_vuln::database::Database;

use crate::{
    error::{CliError, OrFail as _},
    settings::Settings,
};

/// The database that is set, else the one in the data directory, else the starter database.
pub(crate) fn open(settings: &Settings) -> Result<Database, CliError> {
    if let Some(path) = settings.path("scan.db") {
        return Database::open(&path).hint("cofferdam db --help says how one is made");
    }
    // Without a data directory there is no database in it.
    let data = settings.data_dir().ok();
    Database::open_or_starter(data.as_deref())
        .hint("cofferdam db import FILE or db update replaces the database")
}
