use std::{
    fs::File,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use cofferdam_vuln::publication::SigningKey;

use crate::{
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Make a key that signs publications of the database
///
/// Writes NAME.key, which stays secret, and NAME.pub, which users of the publication trust. Both are
/// Ed25519 in the forms that openssl reads. Files that are there are not replaced.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to write both, without their endings
    name: PathBuf,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let key = SigningKey::generate()?;
    let with = |ending: &str| {
        let mut name = args.name.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let (private, public) = (with(".key"), with(".pub"));
    write(&private, &key.to_pem(), 0o600)?;
    if let Err(error) = write(&public, &key.public().to_pem(), 0o644) {
        // A key without its other half is of no use.
        let _ = std::fs::remove_file(&private);
        return Err(error);
    }
    writeln!(session.printer.data(), "{}", key.public())?;
    session.printer.message(format!(
        "wrote '{}' (keep it secret) and '{}' (give it to whoever follows the publication)",
        private.display(),
        public.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), CliError> {
    let file = File::options().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    })
    .or_fail(|| format!("could not write key '{}'", path.display()))
}
