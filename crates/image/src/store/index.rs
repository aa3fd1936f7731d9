use std::{
    fs::File,
    io::{self, Read},
    time::{SystemTime, UNIX_EPOCH},
};

use cofferdam_oci::{
    Digest, Platform, Reference,
    image::{Descriptor, Index, media_type},
};

use super::{Error, Lock, Store, blob::sync_directory, failed};

/// A name in the store and the image that it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The name, completed: `docker.io/library/alpine:3.20`.
    pub name: String,
    /// The manifest: media type, digest and size.
    pub manifest: Descriptor,
    /// The platform that the image is for.
    pub platform: Option<Platform>,
    /// When it was pulled or imported, seconds since 1970.
    pub imported: u64,
}

/// Annotation of image-spec (annotations.md).
const NAME: &str = "org.opencontainers.image.ref.name";
const IMPORTED: &str = "dev.cofferdam.imported";
/// Far above any index that a person could fill.
const LARGEST_INDEX: u64 = 64 << 20;
/// Fewer digits than this are more likely a name.
const SHORTEST_PREFIX: usize = 6;

impl Store {
    /// All names, in order.
    ///
    /// # Errors
    ///
    /// If the index cannot be read.
    pub fn list(&self) -> Result<Vec<Stored>, Error> {
        let path = self.path("index.json");
        let mut text = Vec::new();
        match File::open(&path) {
            Ok(file) => file.take(LARGEST_INDEX).read_to_end(&mut text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => Err(error),
        }
        .map_err(failed("read", &path))?;
        let index: Index = serde_json::from_slice(&text)
            .map_err(|source| Error::Index { path: path.clone(), source })?;
        let mut images: Vec<_> = index.manifests.into_iter().filter_map(Stored::read).collect();
        images.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(images)
    }

    /// The image with this name or digest (or the beginning of one, of at least six digits).
    /// A name wins over a digest.
    ///
    /// # Errors
    ///
    /// If the index cannot be read or several images match.
    pub fn find(&self, text: &str) -> Result<Option<Stored>, Error> {
        let mut found = self.matching(text)?;
        let first = found.first().map(|stored| stored.manifest.digest);
        if found.iter().any(|stored| Some(stored.manifest.digest) != first) {
            return Err(Error::Ambiguous { text: text.to_owned(), count: found.len() });
        }
        Ok(found.drain(..).next())
    }

    /// Every name that `text` may mean: the name, or all names of a digest.
    pub(super) fn matching(&self, text: &str) -> Result<Vec<Stored>, Error> {
        let images = self.list()?;
        let name = text.parse::<Reference>().map(|reference| reference.to_string());
        let named = |stored: &Stored| name.as_ref().is_ok_and(|name| stored.name == *name);
        if let Some(stored) = images.iter().find(|stored| named(stored)) {
            return Ok(vec![stored.clone()]);
        }
        let prefix = text.strip_prefix("sha256:").unwrap_or(text);
        let digits =
            prefix.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !digits || prefix.len() < SHORTEST_PREFIX {
            return Ok(Vec::new());
        }
        let starts = |stored: &Stored| stored.manifest.digest.hex().starts_with(prefix);
        Ok(images.into_iter().filter(starts).collect())
    }

    /// Lets `stored.name` mean this image from now on.
    pub(super) fn name(&self, stored: &Stored) -> Result<(), Error> {
        self.change_index(|images| {
            images.retain(|other| other.name != stored.name);
            images.push(stored.clone());
        })
    }

    pub(super) fn change_index(&self, change: impl FnOnce(&mut Vec<Stored>)) -> Result<(), Error> {
        let _lock = Lock::exclusive(&self.path("index.lock"))?;
        let mut images = self.list()?;
        change(&mut images);
        images.sort_by(|a, b| a.name.cmp(&b.name));
        let index = Index {
            schema_version: 2,
            media_type: Some(media_type::OCI_INDEX.to_owned()),
            manifests: images.into_iter().map(Stored::write).collect(),
            annotations: Default::default(),
        };
        let path = self.path("index.json");
        let text = serde_json::to_vec_pretty(&index)
            .map_err(|error| failed("write", &path)(error.into()))?;
        let mut temporary = self.temporary()?;
        temporary.write(&text)?;
        temporary.persist(&path)?;
        sync_directory(&self.directory)
    }
}

impl Stored {
    pub(super) fn now(name: &Reference, manifest: Descriptor, platform: Platform) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            name: name.to_string(),
            manifest,
            platform: Some(platform),
            imported: now.map_or(0, |elapsed| elapsed.as_secs()),
        }
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> Digest {
        self.manifest.digest
    }

    /// `None` if the entry has no name: nothing here writes such a one.
    fn read(descriptor: Descriptor) -> Option<Self> {
        let name = descriptor.annotations.get(NAME)?.clone();
        let imported = descriptor.annotations.get(IMPORTED).and_then(|text| text.parse().ok());
        let platform = descriptor.platform.clone();
        let manifest = Descriptor { platform: None, annotations: Default::default(), ..descriptor };
        Some(Self { name, manifest, platform, imported: imported.unwrap_or(0) })
    }

    fn write(self) -> Descriptor {
        let mut descriptor = self.manifest;
        descriptor.annotations.insert(NAME.to_owned(), self.name);
        descriptor.annotations.insert(IMPORTED.to_owned(), self.imported.to_string());
        descriptor.platform = self.platform;
        descriptor
    }
}
