//! Following a publication: from what is in use to what was published last.

use std::{io, path::Path};

use cofferdam_image::{Progress, download, registry};
use time::OffsetDateTime;

use super::{
    DOCUMENT, Envelope, EnvelopeError, Location, LocationError, Manifest, ManifestError, PublicKey,
    Seen, State, StateError,
    location::{Fetched, Reach, document},
    sha256,
};
use crate::{
    database::{Database, DatabaseError, delta},
    place::{lock, replace},
};

/// What is followed, and how.
#[derive(Debug)]
pub struct Follow<'a> {
    /// Where the publication is.
    pub location: &'a Location,
    /// Keys that are trusted; empty for those that were trusted for this place last time.
    pub trusted: &'a [PublicKey],
    /// The data directory whose database is brought up to date.
    pub data_directory: &'a Path,
    /// The moment, which decides whether the publication still holds.
    pub now: OffsetDateTime,
    /// Never open a network connection.
    pub offline: bool,
    /// How web servers are reached.
    pub download: &'a download::Options,
    /// How registries are reached.
    pub registry: &'a registry::Options,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The generation that is in use now.
    pub generation: u64,
    /// Date of its oldest source.
    pub date: String,
    /// How it came.
    pub how: How,
    /// Bytes that were fetched of the database.
    pub fetched: u64,
    /// Why a delta that there was could not be used.
    pub fallback: Option<String>,
}

/// How a database came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was there already.
    UpToDate,
    /// By the difference to the one that was there.
    Delta,
    /// As a whole.
    Full,
}

/// Why a database could not be brought up to date. The one in use is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Nobody is trusted for this publication.
    #[error("could not trust publication '{0}': no key for it is known")]
    NoTrust(String),
    /// It cannot be had.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// It is not signed as it should be.
    #[error("could not trust publication '{location}'")]
    Envelope {
        /// Where it is.
        location: String,
        /// Why.
        source: EnvelopeError,
    },
    /// It was signed, and makes no sense.
    #[error("could not use publication '{location}'")]
    Manifest {
        /// Where it is.
        location: String,
        /// Why.
        source: ManifestError,
    },
    /// It is older than one that was seen before.
    #[error(
        "could not use publication '{location}': it is number {found}, and number {seen} was seen \
         before"
    )]
    Rollback {
        /// Where it is.
        location: String,
        /// Its counter.
        found: u64,
        /// The one seen.
        seen: u64,
    },
    /// Another document with this number was seen before.
    #[error(
        "could not use publication '{location}': another document with number {counter} was seen before"
    )]
    Equivocal {
        /// Where it is.
        location: String,
        /// Its counter.
        counter: u64,
    },
    /// It has expired.
    #[error("could not use publication '{location}': it expired on {expires}")]
    Expired {
        /// Where it is.
        location: String,
        /// When.
        expires: String,
    },
    /// The database in it is not one.
    #[error("could not use the database of publication '{location}'")]
    Database {
        /// Where it is.
        location: String,
        /// Why.
        source: DatabaseError,
    },
    /// The database in it is another than its manifest says.
    #[error("could not use the database of publication '{0}': it is another than was announced")]
    Other(String),
    /// What is remembered cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The database cannot be put in its place.
    #[error("could not write database '{}'", path.display())]
    Write {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Brings the database of a data directory to what was published last.
///
/// The document is verified first: a trusted key has signed it, it is not older than one that was seen
/// before, it has not expired. Then the difference to the database in use is fetched if there is one
/// and it is smaller, else the whole. Nothing is replaced before its digest is right, and then in one
/// step: whoever has the old database open keeps it.
///
/// # Errors
/// See [`UpdateError`].
pub fn update(follow: &Follow<'_>, progress: &dyn Progress) -> Result<Outcome, UpdateError> {
    let path = Database::path_in(follow.data_directory);
    let directory = path.with_file_name("publication");
    let written = |source| UpdateError::Write { path: path.clone(), source };
    let _lock = lock(&directory.join("lock")).map_err(written)?;
    let mut state = State::read(follow.data_directory)?;
    let session = Session { follow, name: follow.location.to_string(), progress };
    let keys = session.keys(&state)?;
    let fetched = session.document(&directory.join(DOCUMENT), &state)?;
    let (manifest, key, digest) = session.verified(&fetched, &keys)?;
    session.remember(&manifest, &key, &digest, &mut state)?;

    let current = Database::open(&path).ok().filter(|database| database.verify().is_ok());
    let done = |how, fetched, fallback| Outcome {
        generation: manifest.generation,
        date: manifest.date.clone(),
        how,
        fetched,
        fallback,
    };
    let outcome = if current.as_ref().is_some_and(|now| now.checksum() == manifest.checksum) {
        done(How::UpToDate, 0, None)
    } else {
        let (bytes, how, fetched, fallback) =
            session.database(&fetched, &manifest, current.as_ref(), &directory)?;
        replace(&path, &bytes).map_err(written)?;
        done(how, fetched, fallback)
    };
    state.schema_version = 1;
    state.location = session.name;
    state.trusted = keys.iter().map(ToString::to_string).collect();
    state.version = fetched.version;
    state.write(follow.data_directory)?;
    Ok(outcome)
}

struct Session<'a> {
    follow: &'a Follow<'a>,
    name: String,
    progress: &'a dyn Progress,
}

type Got = (Vec<u8>, How, u64, Option<String>);

impl Session<'_> {
    fn reach(&self) -> Reach<'_> {
        let Follow { download, registry, .. } = self.follow;
        Reach { download, registry, progress: self.progress }
    }

    fn keys(&self, state: &State) -> Result<Vec<PublicKey>, UpdateError> {
        let keys = match self.follow.trusted {
            [] => state.keys_for(&self.name),
            trusted => trusted.to_vec(),
        };
        if keys.is_empty() { Err(UpdateError::NoTrust(self.name.clone())) } else { Ok(keys) }
    }

    fn document(&self, copy: &Path, state: &State) -> Result<Fetched, UpdateError> {
        if self.follow.offline && !self.follow.location.is_local() {
            return Err(LocationError::Offline(self.name.clone()).into());
        }
        // What another place calls its version says nothing about this one's.
        let known =
            if state.location == self.name { state.version.clone() } else { Default::default() };
        Ok(document(self.follow.location, copy, &known, self.reach())?)
    }

    fn verified(
        &self,
        fetched: &Fetched,
        keys: &[PublicKey],
    ) -> Result<(Manifest, PublicKey, String), UpdateError> {
        let location = || self.name.clone();
        let (payload, key) = Envelope::parse(&fetched.bytes)
            .and_then(|envelope| envelope.open(keys))
            .map_err(|source| UpdateError::Envelope { location: location(), source })?;
        let manifest = Manifest::parse(&payload);
        let manifest =
            manifest.map_err(|source| UpdateError::Manifest { location: location(), source })?;
        let expires = manifest.expires().map_err(|why| UpdateError::Manifest {
            location: location(),
            source: ManifestError::Content(why),
        })?;
        if expires <= self.follow.now {
            let (location, expires) = (location(), manifest.expires);
            return Err(UpdateError::Expired { location, expires });
        }
        Ok((manifest, key, sha256(&payload)))
    }

    /// Refuses what is older than what was seen, and writes down what is seen now before anything is
    /// done with it.
    fn remember(
        &self,
        manifest: &Manifest,
        key: &PublicKey,
        digest: &str,
        state: &mut State,
    ) -> Result<(), UpdateError> {
        let location = self.name.clone();
        let counter = manifest.counter;
        if let Some(seen) = state.seen.get(&key.id()) {
            if counter < seen.counter {
                return Err(UpdateError::Rollback { location, found: counter, seen: seen.counter });
            }
            if counter == seen.counter && digest != seen.sha256 {
                return Err(UpdateError::Equivocal { location, counter });
            }
        }
        state.seen.insert(key.id(), Seen { counter, sha256: digest.to_owned() });
        state.schema_version = 1;
        state.write(self.follow.data_directory)?;
        Ok(())
    }

    fn database(
        &self,
        fetched: &Fetched,
        manifest: &Manifest,
        current: Option<&Database>,
        directory: &Path,
    ) -> Result<Got, UpdateError> {
        let mut fallback = None;
        let delta = current.and_then(|now| Some((now, manifest.delta_from(&now.checksum())?)));
        if let Some((base, delta)) = delta {
            let partial = directory.join(format!("{}.part", delta.file.sha256));
            let applied = fetched
                .file(&delta.file, &partial, self.reach())
                .map_err(|error| chain(&error))
                .and_then(|bytes| {
                    delta::apply(base, &bytes, &manifest.checksum).map_err(|error| chain(&error))
                });
            match applied {
                Ok(bytes) => return Ok((bytes, How::Delta, delta.file.size, None)),
                Err(why) => fallback = Some(why),
            }
        }
        let partial = directory.join(format!("{}.part", manifest.full.sha256));
        let bytes = fetched.file(&manifest.full, &partial, self.reach())?;
        let location = self.name.clone();
        let database = Database::from_bytes(bytes, "publication")
            .and_then(|database| database.verify().map(|()| database))
            .map_err(|source| UpdateError::Database { location: location.clone(), source })?;
        if database.checksum() != manifest.checksum {
            return Err(UpdateError::Other(location));
        }
        Ok((database.as_bytes().to_vec(), How::Full, manifest.full.size, fallback))
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
