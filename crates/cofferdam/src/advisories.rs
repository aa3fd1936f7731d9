//! The advisory database that a command uses.

use std::path::PathBuf;

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
    match in_data_directory(settings).filter(|path| path.exists()) {
        Some(path) => Database::open(&path).hint(format!(
            "remove '{}' to use the starter database, or update it: cofferdam db update",
            path.display()
        )),
        None => Ok(Database::starter()?),
    }
}

/// Where `db update` keeps it.
fn in_data_directory(settings: &Settings) -> Option<PathBuf> {
    settings.data_dir().ok().map(|directory| directory.join("advisories.cdb"))
}
