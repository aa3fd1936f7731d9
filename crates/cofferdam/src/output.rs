use std::{
    error::Error,
    fmt,
    fs::File,
    io::{self, BufWriter, ErrorKind, Stdout, Write},
    path::{Path, PathBuf},
};

use crate::{
    error::{CliError, OrFail as _},
    interrupt,
};

/// Where data goes: stdout, or a file that appears only when it is complete.
#[derive(Debug)]
pub(crate) enum Output {
    /// A reader that goes away (`| head`) is not an error: what is left is dropped.
    Stdout { stream: BufWriter<Stdout>, closed: bool },
    /// Written beside its final place and renamed at the end.
    File { stream: BufWriter<File>, temporary: PathBuf, path: PathBuf },
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self::Stdout { stream: BufWriter::new(io::stdout()), closed: false }
    }

    /// Begins the file at `path`; nothing is there before [`finish`](Self::finish).
    pub(crate) fn file(path: &Path) -> Result<Self, CliError> {
        let attempt = || format!("could not write '{}'", path.display());
        let (Some(name), false) = (path.file_name(), path.is_dir()) else {
            return Err(CliError::new(attempt()).hint("-o takes the name of a file"));
        };
        let mut temporary = name.to_owned();
        temporary.push(format!(".{}.partial", std::process::id()));
        let temporary = path.with_file_name(temporary);
        interrupt::remove_on_signal(&temporary);
        let file = File::options().write(true).create_new(true).open(&temporary);
        let stream = BufWriter::new(file.or_fail(attempt)?);
        Ok(Self::File { stream, temporary, path: path.to_owned() })
    }

    /// Flushes; a file is synced and moved to its place.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        match self {
            Self::Stdout { mut stream, closed: false } => match stream.flush() {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    Err(error).or_fail(|| "could not write to stdout".into())
                }
                _ => Ok(()),
            },
            Self::Stdout { .. } => Ok(()),
            Self::File { mut stream, ref temporary, ref path } => {
                let done = stream
                    .flush()
                    .and_then(|()| stream.get_ref().sync_all())
                    .and_then(|()| std::fs::rename(temporary, path));
                done.inspect_err(|_| remove(temporary))
                    .or_fail(|| format!("could not write '{}'", path.display()))
            }
        }
    }

    /// Gives the file that is begun these permissions.
    pub(crate) fn set_permissions(&self, permissions: std::fs::Permissions) -> io::Result<()> {
        match self {
            Self::Stdout { .. } => Ok(()),
            Self::File { stream, .. } => stream.get_ref().set_permissions(permissions),
        }
    }

    /// Drops what was begun: a file is left as it was.
    pub(crate) fn abandon(self) {
        if let Self::File { temporary, .. } = self {
            remove(&temporary);
        }
    }
}

/// Replaces the text of the file at `path` in one step. Permissions stay, and so does a link: what it
/// leads to is replaced.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), CliError> {
    let path = std::fs::canonicalize(path)?;
    let permissions = std::fs::metadata(&path)?.permissions();
    let mut output = Output::file(&path)?;
    let written = output.write_all(text.as_bytes());
    if let Err(error) = written.and_then(|()| output.set_permissions(permissions)) {
        output.abandon();
        return Err(error.into());
    }
    output.finish()
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout { closed: true, .. } => Ok(bytes.len()),
            Self::Stdout { stream, closed } => match stream.write(bytes) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    *closed = true;
                    Ok(bytes.len())
                }
                result => result.map_err(|source| Unwritten::error("stdout".to_owned(), source)),
            },
            Self::File { stream, path, .. } => stream
                .write(bytes)
                .map_err(|source| Unwritten::error(format!("'{}'", path.display()), source)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout { closed: true, .. } => Ok(()),
            Self::Stdout { stream, closed } => match stream.flush() {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    *closed = true;
                    Ok(())
                }
                result => result,
            },
            Self::File { stream, .. } => stream.flush(),
        }
    }
}

/// Says where to what could not be written, for whoever only passes the error on.
#[derive(Debug)]
struct Unwritten {
    place: String,
    source: io::Error,
}

impl Unwritten {
    fn error(place: String, source: io::Error) -> io::Error {
        io::Error::new(source.kind(), Self { place, source })
    }
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not write to {}", self.place)
    }
}

impl Error for Unwritten {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Best effort: the file is a leftover, and its name says so.
fn remove(temporary: &Path) {
    let _ = std::fs::remove_file(temporary);
}
