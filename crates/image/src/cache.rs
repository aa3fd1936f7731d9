//! What layers were found to say, kept for the next time.
//!
//! One file a layer and question under `cache/layers/`, named by the digest of both (the layer's
//! digests, the [`Interest`], the limits, the format's version), with its own digest in front. It
//! is a cache and nothing else: what is missing, damaged, foreign or cannot be written is read from
//! the layer again, and told to nobody.

mod format;

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use sha2::{Digest as _, Sha256};

use crate::{Interest, Layer, Limits, facts::Facts};

/// Facts about layers, under a directory.
#[derive(Debug)]
pub struct LayerCache {
    directory: PathBuf,
    /// Bytes that all files together may have.
    capacity: u64,
}

/// What the cache may take by default, in bytes.
const CAPACITY: u64 = 512 << 20;
/// The suffix of a file that is being written.
const TEMPORARY: &str = ".new";
/// A file of that suffix and this age was left by a crash.
const ABANDONED_SECONDS: u64 = 3600;

impl LayerCache {
    /// The cache under `data_directory`, which is made when the first layer is kept.
    pub fn new(data_directory: &Path) -> Self {
        Self::with_capacity(data_directory, CAPACITY)
    }

    /// As [`LayerCache::new`], with a bound of its own on the bytes it takes.
    pub fn with_capacity(data_directory: &Path, capacity: u64) -> Self {
        Self { directory: data_directory.join("cache").join("layers"), capacity }
    }

    /// What is known of a layer.
    pub(crate) fn get(&self, layer: &Layer, interest: &Interest, limits: &Limits) -> Option<Facts> {
        let key = key(layer, interest, limits);
        let path = self.path(&key);
        let file = File::open(&path).ok()?;
        let length = file.metadata().ok()?.len();
        if length > self.capacity {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).ok()?);
        (&file).take(self.capacity).read_to_end(&mut bytes).ok()?;
        let facts = format::decode(&key, &bytes)?;
        // The age of last use decides what goes first.
        let _ = file.set_modified(SystemTime::now());
        Some(facts)
    }

    /// Keeps what is known of a layer, if that can be done.
    pub(crate) fn put(&self, layer: &Layer, interest: &Interest, limits: &Limits, facts: &Facts) {
        let key = key(layer, interest, limits);
        let bytes = format::encode(&key, facts);
        if bytes.len() as u64 > self.capacity / 4 {
            return;
        }
        // A cache that cannot be written is slow, not wrong.
        let _ = self.write(&self.path(&key), &bytes).and_then(|()| self.evict());
    }

    /// What the survey of this name said of a layer.
    pub(crate) fn survey(&self, layer: &Layer, name: &str) -> Option<Vec<u8>> {
        let key = survey_key(layer, name);
        let file = File::open(self.path(&key)).ok()?;
        let mut bytes = Vec::new();
        (&file).take(self.capacity).read_to_end(&mut bytes).ok()?;
        let (digest, answer) = bytes.split_at_checked(key.len())?;
        if sealed(&key, answer) != digest {
            return None;
        }
        let _ = file.set_modified(SystemTime::now());
        bytes.drain(..key.len());
        Some(bytes)
    }

    /// Keeps what the survey of this name said of a layer, if that can be done.
    pub(crate) fn put_survey(&self, layer: &Layer, name: &str, answer: &[u8]) {
        let key = survey_key(layer, name);
        if answer.len() as u64 > self.capacity / 4 {
            return;
        }
        let bytes = [&sealed(&key, answer), answer].concat();
        let _ = self.write(&self.path(&key), &bytes).and_then(|()| self.evict());
    }

    fn path(&self, key: &[u8; 32]) -> PathBuf {
        self.directory.join(cofferdam_oci::Digest::from_bytes(*key).hex())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(&self.directory)?;
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let suffix = format!("{}.{unique}{TEMPORARY}", std::process::id());
        let temporary = path.with_extension(suffix);
        // Not synced: after a crash of the machine the digest tells a file that was not written.
        let written = (|| {
            let mut file = File::create_new(&temporary)?;
            file.write_all(bytes)?;
            fs::rename(&temporary, path)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes what was used longest ago until the rest fits.
    fn evict(&self) -> io::Result<()> {
        let mut files = Vec::new();
        let mut total: u64 = 0;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            // Another process may remove it meanwhile.
            let Ok(metadata) = entry.metadata() else { continue };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let age = SystemTime::now().duration_since(used).unwrap_or_default().as_secs();
            if entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
                if age > ABANDONED_SECONDS {
                    let _ = fs::remove_file(entry.path());
                }
                continue;
            }
            total += metadata.len();
            files.push((used, metadata.len(), entry.path()));
        }
        files.sort();
        for (_, size, path) in files {
            if total <= self.capacity {
                break;
            }
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }
}

/// Names a layer together with a question about all of it.
fn survey_key(layer: &Layer, name: &str) -> [u8; 32] {
    let hasher = Sha256::new().chain_update("cofferdam survey");
    let hasher = hasher.chain_update(layer.descriptor.digest.as_bytes());
    hasher.chain_update(layer.diff_id.as_bytes()).chain_update(name).finalize().into()
}

/// The digest in front of a survey's answer: of the answer, and of what it answers.
fn sealed(key: &[u8; 32], answer: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(key).chain_update(answer).finalize().into()
}

/// Names a layer together with everything that decides what is read of it.
fn key(layer: &Layer, interest: &Interest, limits: &Limits) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(format::VERSION);
    add(layer.descriptor.digest.as_bytes());
    add(layer.diff_id.as_bytes());
    for paths in [&interest.files, &interest.directories] {
        add(&(paths.len() as u64).to_le_bytes());
        paths.iter().for_each(|path| add(path.as_bytes()));
    }
    add(interest.extractor.map_or("", |extractor| extractor.id).as_bytes());
    // Each of the limits, as it would be written: one more field is one more key.
    add(format!("{limits:?}").as_bytes());
    hasher.finalize().into()
}
