use std::{
    collections::HashSet,
    io::{Cursor, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use cofferdam_oci::{
    Reference,
    image::{Descriptor, Manifest},
};

use super::{
    Error, Store, Stored,
    blob::{StoredBlobs, sync_directory},
    unreadable,
};
use crate::{Image, OpenOptions, Progress, image_from, manifest::parse};

/// Enough to keep a network or a disk busy.
const PARALLEL: usize = 4;

impl Store {
    /// Copies the image into the store, each blob verified, and names it.
    ///
    /// # Errors
    ///
    /// If a blob cannot be had, is not what its digest says, or cannot be written; then the name
    /// means what it meant before.
    pub fn import(
        &self,
        image: &Image,
        name: &Reference,
        progress: &dyn Progress,
    ) -> Result<Stored, Error> {
        check_name(image, name)?;
        let _lock = self.share()?;
        self.put_layers(image, progress).map_err(unreadable("store", &image.name))?;
        let documents = document_descriptors(image).map_err(unreadable("store", &image.name))?;
        for (descriptor, bytes) in &documents {
            let reader = Cursor::new(bytes.to_vec());
            let open = || Ok(Box::new(reader) as Box<dyn Read + Send>);
            self.put(descriptor, open, &AtomicBool::new(false), &())
                .map_err(unreadable("store", &image.name))?;
        }
        sync_directory(&self.path("blobs/sha256"))?;
        let [(manifest, _), _] = documents;
        let stored = Stored::now(name, manifest, image.platform.clone());
        self.name(&stored)?;
        Ok(stored)
    }

    fn put_layers(&self, image: &Image, progress: &dyn Progress) -> Result<(), crate::Error> {
        let mut seen = HashSet::new();
        let layers: Vec<_> = image
            .layers
            .iter()
            .map(|layer| &layer.descriptor)
            .filter(|descriptor| seen.insert(descriptor.digest))
            .collect();
        let total = layers.iter().map(|descriptor| descriptor.size).fold(0, u64::saturating_add);
        progress.begin(&image.name, Some(total));
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..PARALLEL.min(layers.len()) {
                scope.spawn(|| {
                    while let Some(descriptor) = layers.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let open = || image.blobs.open(descriptor);
                        if let Err(error) = self.put(descriptor, open, &stop, progress) {
                            // The first error is the cause, later ones follow from `stop`.
                            if !stop.swap(true, Ordering::Relaxed) {
                                *failure.lock().unwrap_or_else(PoisonError::into_inner) =
                                    Some(error);
                            }
                            return;
                        }
                    }
                });
            }
        });
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), Err)
    }

    /// The image that `stored` names, its manifest and configuration verified. Layers are verified
    /// when they are read.
    ///
    /// # Errors
    ///
    /// If a document is missing, damaged or not understood.
    pub fn load(&self, stored: &Stored) -> Result<Image, Error> {
        let blobs = Arc::new(StoredBlobs(self.clone()));
        image_from(
            std::slice::from_ref(&stored.manifest),
            &stored.name,
            blobs,
            &OpenOptions::default(),
        )
        .map_err(unreadable("read", &stored.name))
    }
}

/// A name with a digest must have the image's, unless the image came by exactly this name: then
/// the digest is that of the index which the image was chosen from, verified there.
fn check_name(image: &Image, name: &Reference) -> Result<(), Error> {
    let text = name.to_string();
    if name.digest().is_none_or(|digest| *digest == image.manifest) || image.name == text {
        return Ok(());
    }
    Err(Error::OtherDigest { name: text, manifest: image.manifest })
}

/// The manifest and the configuration with their descriptors. That the manifest has the digest by
/// which the image is known is checked when it is stored.
fn document_descriptors(image: &Image) -> Result<[(Descriptor, &Vec<u8>); 2], crate::Error> {
    let documents = &image.documents;
    let manifest: Manifest = parse("manifest", &image.manifest.to_string(), &documents.manifest)?;
    let descriptor = Descriptor {
        media_type: documents.manifest_media_type.clone(),
        digest: image.manifest,
        size: documents.manifest.len() as u64,
        platform: None,
        annotations: Default::default(),
    };
    Ok([(descriptor, &documents.manifest), (manifest.config, &documents.configuration)])
}
