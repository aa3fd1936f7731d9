use std::{
    io::{self, Read},
    sync::Arc,
    thread,
};

use cofferdam_oci::image::Descriptor;

use super::{
    Error, MANIFESTS, Repository,
    connection::{Connection, Request},
};

/// Breaks in a row, without a byte in between, after which a blob is given up.
const BREAKS: u32 = 3;
/// Breaks in all.
const MOST_BREAKS: u32 = 50;

/// A blob as it comes; where the connection breaks, it is asked for the rest.
#[derive(Debug)]
pub(super) struct Reader {
    repository: Arc<Repository>,
    /// Given back when the reader is dropped.
    connection: Option<Connection>,
    response: Option<reqwest::Response>,
    request: Request,
    piece: io::Cursor<Vec<u8>>,
    /// Bytes that have come.
    position: u64,
    size: u64,
    /// Bytes to pass over, of an answer that starts at the beginning again.
    skip: u64,
    breaks: u32,
    all_breaks: u32,
}

impl Reader {
    pub(super) fn open(
        repository: Arc<Repository>,
        descriptor: &Descriptor,
    ) -> Result<Self, Error> {
        let digest = descriptor.digest.to_string();
        let is_manifest = MANIFESTS.contains(&descriptor.media_type.as_str());
        let request = if is_manifest { Request::manifest(&digest) } else { Request::blob(&digest) };
        let connection = repository.connect()?;
        let response = connection.get(&repository, &request)?.into_response();
        Ok(Self {
            repository,
            connection: Some(connection),
            response: Some(response),
            request,
            piece: io::Cursor::default(),
            position: 0,
            size: descriptor.size,
            skip: 0,
            breaks: 0,
            all_breaks: 0,
        })
    }

    /// The next piece, empty at the end.
    fn next(&mut self) -> Result<Vec<u8>, Error> {
        loop {
            let host = self.repository.endpoint.registry.clone();
            let (Some(connection), Some(response)) = (&self.connection, &mut self.response) else {
                return Ok(Vec::new());
            };
            match connection.piece(response, &host) {
                Ok(Some(piece)) => {
                    let kept = self.pass_over(piece);
                    if !kept.is_empty() {
                        self.position += kept.len() as u64;
                        self.breaks = 0;
                        return Ok(kept);
                    }
                }
                // What is too short is found out by who verifies; servers that cut an answer
                // without an error are asked again first.
                Ok(None) if self.position >= self.size => return Ok(Vec::new()),
                Ok(None) => self.resume(None)?,
                Err(error) => self.resume(Some(error))?,
            }
        }
    }

    fn pass_over(&mut self, mut piece: Vec<u8>) -> Vec<u8> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
        self.skip -= skipped as u64;
        piece.drain(..skipped);
        piece
    }

    /// Asks for the rest.
    fn resume(&mut self, cause: Option<Error>) -> Result<(), Error> {
        self.breaks += 1;
        self.all_breaks += 1;
        if self.breaks > BREAKS || self.all_breaks > MOST_BREAKS {
            let why = format!("it ends after {} of {} bytes", self.position, self.size);
            return Err(cause.unwrap_or(Error::Protocol { why }));
        }
        thread::sleep(self.repository.options.backoff * self.breaks);
        // A connection that broke is not used again.
        self.response = None;
        let connection = self.repository.connect()?;
        self.request.from = self.position;
        let answer = connection.get(&self.repository, &self.request)?;
        let start = format!("bytes {}-", self.position);
        let partial = answer.status() == 206
            && answer.header("content-range").is_some_and(|range| range.starts_with(&start));
        if answer.status() == 206 && !partial {
            let why = "it sent another part of the blob than was asked for".to_owned();
            return Err(Error::Protocol { why });
        }
        self.skip = if partial { 0 } else { self.position };
        self.response = Some(answer.into_response());
        self.connection = Some(connection);
        Ok(())
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.position() == self.piece.get_ref().len() as u64 {
            self.piece = io::Cursor::new(self.next().map_err(io::Error::other)?);
        }
        self.piece.read(buffer)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.response = None;
        if let Some(connection) = self.connection.take() {
            self.repository.release(connection);
        }
    }
}
