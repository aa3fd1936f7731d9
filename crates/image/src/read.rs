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
    Error, Image, Interest, Layer, LayerCache, Limits, Source, Survey, Tree,
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
    /// What a survey said of each layer, or of the directory; empty without one.
    pub surveys: Vec<Vec<u8>>,
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
    read_surveyed(source, interest, None, limits, cache, progress)
}

/// As [`read`], with a `survey` that looks on.
///
/// # Errors
/// As [`read`].
pub fn read_surveyed(
    source: &Source,
    interest: &Interest,
    survey: Option<&dyn Survey>,
    limits: &Limits,
    cache: Option<&LayerCache>,
    progress: &dyn Progress,
) -> Result<Reading, Error> {
    let image = match source {
        Source::Directory(directory) => {
            let mut reading = directory.read(interest, limits);
            if let Some(survey) = survey {
                let mut surveyor = survey.begin();
                reading.skipped.extend(directory.survey(surveyor.as_mut(), limits));
                reading.surveys.push(surveyor.finish());
            }
            return Ok(reading);
        }
        Source::Image(image) => image,
    };
    let layers = Layers { image, limits, cache, progress };
    let mut asked = vec![normal(interest)];
    let (mut facts, surveys): (Vec<Facts>, Vec<Option<Vec<u8>>>) =
        layers.read(&asked[0], survey)?.into_iter().map(|seen| (seen.facts, seen.survey)).unzip();
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
        let more = layers.read(&missing, None)?.into_iter().map(|seen| seen.facts);
        extend(&mut facts, more.collect());
        asked.push(missing);
        merged = merge(&facts);
    }
    skipped.extend(facts.into_iter().flat_map(|facts| facts.skipped));
    let layers = image.layers.iter().map(|layer| layer.diff_id).collect();
    let surveys = surveys.into_iter().flatten().collect();
    Ok(Reading { tree: merged.tree, skipped, layers, surveys })
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
    Interest {
        files: normal(&interest.files),
        directories: normal(&interest.directories),
        extractor: interest.extractor,
    }
}

/// The layers of an image as they are read for it.
struct Layers<'a> {
    image: &'a Image,
    limits: &'a Limits,
    cache: Option<&'a LayerCache>,
    progress: &'a dyn Progress,
}

/// What one layer says.
struct Seen {
    facts: Facts,
    survey: Option<Vec<u8>>,
}

type Slot = Mutex<Option<Result<Seen, Error>>>;

impl Layers<'_> {
    /// What each layer says, the base first.
    fn read(&self, interest: &Interest, survey: Option<&dyn Survey>) -> Result<Vec<Seen>, Error> {
        let layers = &self.image.layers;
        let results: Vec<Slot> = layers.iter().map(|_| Mutex::new(None)).collect();
        let mut unknown = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            match self.known(layer, interest, survey) {
                Some(seen) => put(&results[index], Ok(seen)),
                None => unknown.push(index),
            }
        }
        // The largest first: the last one to start decides when all are done.
        unknown.sort_by_key(|index| std::cmp::Reverse(layers[*index].descriptor.size));
        self.read_side_by_side(&unknown, interest, survey, &results);
        let mut all = Vec::with_capacity(layers.len());
        let mut kept: u64 = 0;
        for result in results {
            let result = result.into_inner().unwrap_or_else(PoisonError::into_inner);
            let Some(seen) = result.transpose()? else { continue };
            kept += bytes(&seen.facts);
            all.push(seen);
        }
        self.check_kept(kept)?;
        Ok(all)
    }

    /// What the cache knows of a layer, if that answers everything.
    fn known(
        &self,
        layer: &Layer,
        interest: &Interest,
        survey: Option<&dyn Survey>,
    ) -> Option<Seen> {
        let cache = self.cache?;
        let survey = match survey {
            Some(survey) => Some(cache.survey(layer, survey.name())?),
            None => None,
        };
        Some(Seen { facts: cache.get(layer, interest, self.limits)?, survey })
    }

    fn read_side_by_side(
        &self,
        indexes: &[usize],
        interest: &Interest,
        survey: Option<&dyn Survey>,
        results: &[Slot],
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
                let result = self.read_one(index, interest, survey).and_then(|seen| {
                    let bytes = bytes(&seen.facts);
                    self.check_kept(kept.fetch_add(bytes, Ordering::Relaxed) + bytes)?;
                    Ok(seen)
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

    fn read_one(
        &self,
        index: usize,
        interest: &Interest,
        survey: Option<&dyn Survey>,
    ) -> Result<Seen, Error> {
        let layer = &self.image.layers[index];
        crate::layer::check_media_type(&layer.descriptor)?;
        let inner = self.image.blobs.open(&layer.descriptor)?;
        let stored = Watched { inner, progress: self.progress };
        let mut surveyor = survey.map(Survey::begin);
        let looking = surveyor.as_deref_mut();
        let facts = facts::collect(stored, layer, interest, self.limits, looking)?;
        let answer = surveyor.map(|surveyor| surveyor.finish());
        if let Some(cache) = self.cache {
            cache.put(layer, interest, self.limits, &facts);
            if let (Some(survey), Some(answer)) = (survey, &answer) {
                cache.put_survey(layer, survey.name(), answer);
            }
        }
        Ok(Seen { facts, survey: answer })
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

fn put(result: &Slot, value: Result<Seen, Error>) {
    *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

fn bytes(facts: &Facts) -> u64 {
    let content = facts.entries.values().map(|fact| match &fact.what {
        What::File(content) | What::Extract(content) => content.len() as u64,
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
