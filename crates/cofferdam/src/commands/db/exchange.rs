use std::{path::PathBuf, process::ExitCode};

use cofferdam_vuln::database::Database;

use super::{own_path, replace};
use crate::{
    advisories,
    session::{Ended, Session},
};

#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The database
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Where to write the database
    file: PathBuf,
}

pub(super) fn import(args: &ImportArgs, session: &Session) -> Ended {
    let database = Database::open(&args.file)?;
    database.verify()?;
    let path = own_path(session)?;
    replace(&path, database.as_bytes())?;
    let header = database.header();
    session.printer.message(format!(
        "imported generation {} of {} as '{}'",
        header.generation,
        header.date(),
        path.display()
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn export(args: &ExportArgs, session: &Session) -> Ended {
    let database = advisories::open(&session.settings)?;
    database.verify()?;
    replace(&args.file, database.as_bytes())?;
    session.printer.message(format!("wrote '{}'", args.file.display()));
    Ok(ExitCode::SUCCESS)
}
