//! Files from web servers: advisory feeds, and what else is published as one file.
//!
//! A file that has not changed is not fetched again (RFC 9110, section 13), one that breaks off is
//! resumed, and what is at the place stays there until the new content is complete.

use std::{
    fs::{self, File},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use reqwest::{
    Client, StatusCode, Url,
    header::{
        CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
        LAST_MODIFIED, RANGE,
    },
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::{
    Progress,
    network::{self, ClientError, Wanted, is_loopback},
};

/// Attempts in a row that may bring nothing.
const ATTEMPTS: u32 = 4;
/// Breaks that one file may have in all.
const MOST_BREAKS: u32 = 50;

/// How servers are reached, and how much is taken from them.
#[derive(Debug, Clone)]
pub struct Options {
    /// To establish a connection.
    pub connect_timeout: Duration,
    /// Between two pieces of an answer.
    pub read_timeout: Duration,
    /// Before the second attempt; the time grows with each one.
    pub backoff: Duration,
    /// Bytes that a file may have.
    pub limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(15),
            read_timeout: Duration::from_secs(60),
            backoff: Duration::from_secs(1),
            limit: 4 << 30,
        }
    }
}

/// What a server calls the version of a file that it gave, as it wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// What became of a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server has no other version than the known one.
    Unchanged,
    /// The file has new content, of this version.
    Fetched(Version),
}

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not one, or not one that is fetched from.
    #[error("address '{url}' cannot be used: {why}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No certificate authority is trusted on this machine.
    #[error("no trusted certificates were found on this machine, so that TLS is impossible")]
    NoCertificates,
    /// There is nobody there, the way is blocked, or the answer breaks off again and again.
    #[error("'{host}' cannot be reached")]
    Unreachable {
        /// The server.
        host: String,
        /// Why: name resolution, connection, TLS.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer that is no success.
    #[error("'{host}' answered {status}")]
    Status {
        /// The server.
        host: String,
        /// HTTP status and its name.
        status: String,
    },
    /// More than is taken.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// [`Options::limit`].
        limit: u64,
    },
    /// It cannot be written.
    #[error("could not write '{}'", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Fetches `url` to the file `to`, unless the server says that it still has the `known` version.
///
/// Only TLS is used, except with servers on this machine: what is fetched decides what a scan says.
///
/// # Errors
/// See [`Error`]. The file is then as it was.
pub fn download(
    url: &str,
    to: &Path,
    known: Option<&Version>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Outcome, Error> {
    let download = connect(url, options, progress)?;
    let mut partial = Partial::create(to)?;
    let known = known.filter(|_| to.exists());
    match download.fill(&mut partial, known)? {
        Outcome::Unchanged => Ok(Outcome::Unchanged),
        fetched => partial.complete(to).map(|()| fetched),
    }
}

/// Fetches a file of `size` bytes whose content never changes to `to`, going on after what an earlier
/// attempt has left there. Who calls verifies the content, and removes it if it is another.
///
/// # Errors
/// See [`Error`]. What has come so far stays.
pub fn resume(
    url: &str,
    to: &Path,
    size: u64,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let mut partial = Partial::left(to)?;
    if partial.length > size {
        partial.restart()?;
    }
    if partial.length == size {
        return Ok(());
    }
    let options = Options { limit: size, ..options.clone() };
    let download = Download { immutable: true, ..connect(url, &options, progress)? };
    download.fill(&mut partial, None)?;
    partial.file.sync_all().map_err(|error| partial.failed(error))
}

/// A client for `url`, which has to be one that may be fetched from.
fn connect<'a>(
    url: &str,
    options: &'a Options,
    progress: &'a dyn Progress,
) -> Result<Download<'a>, Error> {
    let url = address(url)?;
    let host = host(&url);
    let wanted = Wanted {
        loopback: is_loopback(&host),
        secure: url.scheme() == "https",
        connect_timeout: options.connect_timeout,
        read_timeout: options.read_timeout,
    };
    let (runtime, client) = network::client(wanted).map_err(|error| match error {
        ClientError::NoCertificates => Error::NoCertificates,
        ClientError::Other(source) => Error::Unreachable { host: host.clone(), source },
    })?;
    Ok(Download { runtime, client, url, host, options, progress, immutable: false })
}

fn address(text: &str) -> Result<Url, Error> {
    let wrong = |url: &str, why: &str| Error::Address { url: url.to_owned(), why: why.to_owned() };
    let url = Url::parse(text).map_err(|error| wrong(text, &error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(&host(&url), "it has credentials in it, which an address must not"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&host(&url)) => Ok(url),
        "http" => Err(wrong(text, "only TLS (https) is used, except on this machine")),
        _ => Err(wrong(text, "only https is understood")),
    }
}

/// `host` or `host:port`, without credentials.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

struct Download<'a> {
    runtime: Runtime,
    client: Client,
    url: Url,
    host: String,
    options: &'a Options,
    progress: &'a dyn Progress,
    /// Whether what is at the address never changes, so that any part of it goes with any other.
    immutable: bool,
}

impl Download<'_> {
    fn fill(&self, file: &mut Partial, known: Option<&Version>) -> Result<Outcome, Error> {
        let mut version = Version::default();
        let (mut fruitless, mut breaks) = (0, 0);
        loop {
            let before = file.length;
            let outcome = match self.ask(before, known, &version) {
                Ok(response) if response.status() == StatusCode::NOT_MODIFIED => {
                    return Ok(Outcome::Unchanged);
                }
                Ok(response) => self.place(&response, file).and_then(|placed| {
                    version = placed;
                    self.receive(response, file)
                }),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => return Ok(Outcome::Fetched(version)),
                Err(error @ (Error::TooLarge { .. } | Error::Write { .. })) => return Err(error),
                Err(error @ Error::Status { .. }) if !is_transient(&error) => return Err(error),
                Err(error) => {
                    fruitless = if file.length > before { 1 } else { fruitless + 1 };
                    breaks += 1;
                    if fruitless >= ATTEMPTS || breaks > MOST_BREAKS {
                        return Err(error);
                    }
                }
            }
            thread::sleep(self.options.backoff * fruitless);
        }
    }

    /// Asks for what follows the first `from` bytes of `version`, or else for anything that is not
    /// the `known` version.
    fn ask(
        &self,
        from: u64,
        known: Option<&Version>,
        version: &Version,
    ) -> Result<reqwest::Response, Error> {
        let mut request = self.client.get(self.url.clone());
        let same = version.strong();
        if from > 0 && (same.is_some() || self.immutable) {
            request = request.header(RANGE, format!("bytes={from}-"));
            if let Some(same) = same {
                request = request.header(IF_RANGE, same);
            }
        } else if let Some(known) = known {
            if let Some(etag) = &known.etag {
                request = request.header(IF_NONE_MATCH, etag);
            }
            if let Some(date) = &known.last_modified {
                request = request.header(IF_MODIFIED_SINCE, date);
            }
        }
        let response = self.runtime.block_on(async { request.send().await });
        let response = response.map_err(|error| self.unreachable(error))?;
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(response),
            status => Err(Error::Status { host: self.host.clone(), status: status.to_string() }),
        }
    }

    /// Goes to where the answer's content belongs, and returns its version.
    fn place(&self, response: &reqwest::Response, file: &mut Partial) -> Result<Version, Error> {
        let headers = response.headers();
        let start = format!("bytes {}-", file.length);
        let continues = response.status() == StatusCode::PARTIAL_CONTENT
            && text(headers, &CONTENT_RANGE).is_some_and(|range| range.starts_with(&start));
        if !continues {
            if response.status() == StatusCode::PARTIAL_CONTENT {
                let status = "with another part of the file than was asked for".to_owned();
                return Err(Error::Status { host: self.host.clone(), status });
            }
            file.restart()?;
        }
        let total = response.content_length().map(|rest| rest.saturating_add(file.length));
        if total.is_some_and(|total| total > self.options.limit) {
            return Err(Error::TooLarge { limit: self.options.limit });
        }
        self.progress.begin(self.url.path(), total);
        self.progress.advance(file.length);
        Ok(Version { etag: text(headers, &ETAG), last_modified: text(headers, &LAST_MODIFIED) })
    }

    fn receive(&self, mut response: reqwest::Response, file: &mut Partial) -> Result<(), Error> {
        loop {
            let piece = self.runtime.block_on(async { response.chunk().await });
            let Some(piece) = piece.map_err(|error| self.unreachable(error))? else {
                return Ok(());
            };
            if file.length.saturating_add(piece.len() as u64) > self.options.limit {
                return Err(Error::TooLarge { limit: self.options.limit });
            }
            file.append(&piece)?;
            self.progress.advance(piece.len() as u64);
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Error {
        Error::Unreachable { host: self.host.clone(), source: Box::new(error.without_url()) }
    }
}

fn is_transient(error: &Error) -> bool {
    let Error::Status { status, .. } = error else { return true };
    ["408", "429", "500", "502", "503", "504"].iter().any(|code| status.starts_with(code))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

impl Version {
    /// What `If-Range` may name (RFC 9110, section 13.1.5): no weak validator.
    fn strong(&self) -> Option<&str> {
        match &self.etag {
            Some(etag) if etag.starts_with("W/") => None,
            Some(etag) => Some(etag),
            None => self.last_modified.as_deref(),
        }
    }
}

/// Content that is not complete, beside its place; it is gone unless it is completed or kept.
struct Partial {
    file: File,
    path: PathBuf,
    length: u64,
    keep: bool,
}

impl Partial {
    fn create(to: &Path) -> Result<Self, Error> {
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let path = PathBuf::from(name);
        let failed = |source| Error::Write { path: path.clone(), source };
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let file = File::create(&path).map_err(failed)?;
        Ok(Self { file, path, length: 0, keep: false })
    }

    /// What was left at `path`, to go on with, and to be left there again.
    fn left(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut file =
            File::options().write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), length, keep: true })
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }

    fn restart(&mut self) -> Result<(), Error> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|error| self.failed(error))?;
        self.length = 0;
        Ok(())
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.file.write_all(piece).map_err(|error| self.failed(error))?;
        self.length += piece.len() as u64;
        Ok(())
    }

    fn complete(self, to: &Path) -> Result<(), Error> {
        self.file.sync_all().map_err(|error| self.failed(error))?;
        fs::rename(&self.path, to).map_err(|error| self.failed(error))?;
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(directory.unwrap_or(Path::new(".")));
        directory.and_then(|directory| directory.sync_all()).map_err(|error| self.failed(error))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename there is nothing by that name.
        if !self.keep {
            let _ = fs::remove_file(&self.path);
        }
    }
}
