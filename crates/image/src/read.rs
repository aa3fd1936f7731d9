use std::{
    io::{self, Read},
    panic,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use cofferdam_oci::Digest;

use crate::{
    Error, Image, Interest, LayerCache, Limits, Source, Tree,
    facts::{self, Facts, What},
    merge::{extend, merge},
};

/// What was read of an image or a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The merged view of what was asked for.
    pub tree: Tree,
    /// What was asked for and could not be taken into account. Never empty silently: a reader who
    /// must not miss anything makes a gap of each.
    pub skipped: Vec<Skipped>,
    /// The diff_ids of the layers, the base first; [`crate::Entry::layer`] counts in them.
    pub layers: Vec<Digest>,
}

/// Something that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Its path as written.
    pub object: String,
    /// Why.
    pub why: String,
}

/// Told how far long work has come. Called from several threads.
pub trait Progress: Sync {
    /// A task begins that takes in `total` bytes, where that is known.
    fn begin(&self, task: &str, total: Option<u64>);
    /// So many bytes more are done.
    fn advance(&self, bytes: u64);
}

/// Nobody watches.
impl Progress for () {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
}

/// Times that layers are read again because links led to paths that nobody had asked for. Real
/// images need one, those that move their package database two.
const ROUNDS: usize = 8;

/// Reads from `source` what `interest` asks for. Layers are read side by side, and not at all when
/// `cache` knows what they say.
///
/// # Errors
/// If a layer cannot be read or verified, or a limit is exceeded. Single files that cannot be
/// taken in are no error, but are listed in [`Reading::skipped`].
pub fn read(
    source: &Source,
    interest: &Interest,
    limits: &Limits,
    cache: Option<&LayerCache>,
    progress: &dyn Progress,
) -> Result<Reading, Error> {
    let image = match source {
        Source::Directory(directory) => return Ok(directory.read(interest, limits)),
        Source::Image(image) => image,
    };
    let layers = Layers { image, limits, cache, progress };
    let mut asked = vec![normal(interest)];
    let mut facts = layers.read(&asked[0])?;
    let mut merged = merge(&facts);
    let mut skipped = Vec::new();
    loop {
        let missing = merged.missing(&asked);
        if missing == Interest::default() {
            break;
        }
        if asked.len() == ROUNDS {
            skipped.extend(missing.files.into_iter().chain(missing.directories).map(|object| {
                Skipped { object, why: "too many links in a row lead to it".to_owned() }
            }));
            break;
        }
        extend(&mut facts, layers.read(&missing)?);
        asked.push(missing);
        merged = merge(&facts);
    }
    skipped.extend(facts.into_iter().flat_map(|facts| facts.skipped));
    let layers = image.layers.iter().map(|layer| layer.diff_id).collect();
    Ok(Reading { tree: merged.tree, skipped, layers })
}

/// The same question in one way: relative paths, in order, each once.
fn normal(interest: &Interest) -> Interest {
    let normal = |paths: &[String]| {
        let mut paths: Vec<String> =
            paths.iter().map(|path| path.trim_matches('/').to_owned()).collect();
        paths.sort();
        paths.dedup();
        paths
    };
    Interest { files: normal(&interest.files), directories: normal(&interest.directories) }
}

/// The layers of an image as they are read for it.
struct Layers<'a> {
    image: &'a Image,
    limits: &'a Limits,
    cache: Option<&'a LayerCache>,
    progress: &'a dyn Progress,
}

impl Layers<'_> {
    /// What each layer says, the base first.
    fn read(&self, interest: &Interest) -> Result<Vec<Facts>, Error> {
        let layers = &self.image.layers;
        let results: Vec<Mutex<Option<Result<Facts, Error>>>> =
            layers.iter().map(|_| Mutex::new(None)).collect();
        let mut unknown = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            match self.cache.and_then(|cache| cache.get(layer, interest, self.limits)) {
                Some(facts) => put(&results[index], Ok(facts)),
                None => unknown.push(index),
            }
        }
        // The largest first: the last one to start decides when all are done.
        unknown.sort_by_key(|index| std::cmp::Reverse(layers[*index].descriptor.size));
        self.read_side_by_side(&unknown, interest, &results);
        let mut all = Vec::with_capacity(layers.len());
        let mut kept: u64 = 0;
        for result in results {
            let result = result.into_inner().unwrap_or_else(PoisonError::into_inner);
            let Some(facts) = result.transpose()? else { continue };
            kept += bytes(&facts);
            all.push(facts);
        }
        self.check_kept(kept)?;
        Ok(all)
    }

    fn read_side_by_side(
        &self,
        indexes: &[usize],
        interest: &Interest,
        results: &[Mutex<Option<Result<Facts, Error>>>],
    ) {
        if indexes.is_empty() {
            return;
        }
        let sizes = indexes.iter().map(|index| self.image.layers[*index].descriptor.size);
        self.progress.begin("reading layers", Some(sizes.fold(0, u64::saturating_add)));
        let workers = thread::available_parallelism().map_or(1, usize::from).min(indexes.len());
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let kept = AtomicU64::new(0);
        let work = || {
            while let Some(&index) = indexes.get(next.fetch_add(1, Ordering::Relaxed))
                && !failed.load(Ordering::Relaxed)
            {
                let result = self.read_one(index, interest).and_then(|facts| {
                    let bytes = bytes(&facts);
                    self.check_kept(kept.fetch_add(bytes, Ordering::Relaxed) + bytes)?;
                    Ok(facts)
                });
                failed.fetch_or(result.is_err(), Ordering::Relaxed);
                put(&results[index], result);
            }
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            work();
            for other in others {
                other.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
            }
        });
    }

    fn read_one(&self, index: usize, interest: &Interest) -> Result<Facts, Error> {
        let layer = &self.image.layers[index];
        crate::layer::check_media_type(&layer.descriptor)?;
        let inner = self.image.blobs.open(&layer.descriptor)?;
        let stored = Watched { inner, progress: self.progress };
        let facts = facts::collect(stored, layer, interest, self.limits)?;
        if let Some(cache) = self.cache {
            cache.put(layer, interest, self.limits, &facts);
        }
        Ok(facts)
    }

    fn check_kept(&self, kept: u64) -> Result<(), Error> {
        let limit = self.limits.kept.bytes;
        if kept <= limit {
            return Ok(());
        }
        let object = self.image.name.clone();
        Err(Error::Limit { object, what: "bytes of files that are asked for", limit })
    }
}

fn put(result: &Mutex<Option<Result<Facts, Error>>>, value: Result<Facts, Error>) {
    *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

fn bytes(facts: &Facts) -> u64 {
    let content = facts.entries.values().map(|fact| match &fact.what {
        What::File(content) => content.len() as u64,
        _ => 0,
    });
    content.sum()
}

/// Tells the progress of reading.
struct Watched<'a, R> {
    inner: R,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.advance(count as u64);
        Ok(count)
    }
}
