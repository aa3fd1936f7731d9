//! The file that is checked, and its replacement.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use cofferdam_posture::lint::LONGEST;

use crate::{
    error::{CliError, OrFail as _},
    output::replace,
};

/// A file and its text.
#[derive(Debug)]
pub(super) struct File {
    /// As the user wrote it.
    pub(super) name: String,
    pub(super) text: String,
    /// Where it is; stdin is nowhere.
    path: Option<PathBuf>,
}

/// The file that builders take if none is named.
pub(super) fn usual() -> Result<PathBuf, CliError> {
    let names = ["Dockerfile", "Containerfile"].map(PathBuf::from);
    names.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        CliError::new("there is no Dockerfile or Containerfile here")
            .hint("name the file: cofferdam lint FILE")
    })
}

impl File {
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let name = path.display().to_string();
        let attempt = || format!("could not read '{name}'");
        let limit = LONGEST as u64 + 1;
        let mut bytes = Vec::new();
        let path = if name == "-" {
            io::stdin().lock().take(limit).read_to_end(&mut bytes).or_fail(attempt)?;
            None
        } else {
            let file = fs::File::open(path).or_fail(attempt)?;
            file.take(limit).read_to_end(&mut bytes).or_fail(attempt)?;
            Some(path.to_owned())
        };
        if bytes.len() > LONGEST {
            return Err(CliError::new(attempt()).hint(format!("it has more than {LONGEST} bytes")));
        }
        let text = String::from_utf8(bytes).or_fail(attempt)?;
        let name = if path.is_none() { "stdin".to_owned() } else { name };
        Ok(Self { name, text, path })
    }

    /// Replaces the file in one step, a link's target rather than the link.
    pub(super) fn write(&mut self, text: String) -> Result<(), CliError> {
        let attempt = || format!("could not write '{}'", self.name);
        let Some(path) = &self.path else {
            return Err(CliError::new("could not fix stdin").hint("name the file"));
        };
        replace(path, &text).or_fail(attempt)?;
        self.text = text;
        Ok(())
    }
}
