//! Reading an image of two layers of any bytes: decompression, archive, merged view.
#![no_main]

use std::{
    io::{Cursor, Read},
    sync::Arc,
};

use cofferdam_image::{
    Blobs, Documents, Error, Image, Interest, Kind, Layer, Limits, Source, layer::walk_stored, read,
};
use cofferdam_oci::{
    Digest, Platform,
    image::{Configuration, Descriptor, media_type},
};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};

struct Stored(Vec<Vec<u8>>);

impl Blobs for Stored {
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let digest = descriptor.digest;
        let blob = self.0.iter().find(|blob| sha256(blob) == digest);
        let missing = || Error::MissingBlob { digest, place: "memory".into() };
        Ok(Box::new(Cursor::new(blob.ok_or_else(missing)?.clone())))
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

fn layer(stored: &[u8]) -> Layer {
    let descriptor = Descriptor {
        media_type: media_type::OCI_LAYER.to_owned(),
        digest: sha256(stored),
        size: stored.len() as u64,
        platform: None,
        annotations: Default::default(),
    };
    Layer { diff_id: descriptor.digest, descriptor }
}

fuzz_target!(|data: &[u8]| {
    let Some((split, data)) = data.split_first() else { return };
    let limits = Limits { layer: 1 << 24, ratio_free: 1 << 20, ..Limits::default() };
    // Decompressed, it does not match its diff_id; all of it is read nevertheless.
    let _ = walk_stored(data, &layer(data), &limits, &mut |header, body| {
        let _ = std::io::copy(&mut body.take(1 << 16), &mut std::io::sink());
        assert!(!header.path.starts_with(b"/"));
        Ok(())
    });

    let at = (usize::from(*split) * 512).min(data.len());
    let mut blobs = vec![data[..at].to_vec(), data[at..].to_vec()];
    blobs.iter_mut().for_each(|blob| blob.as_chunks_mut::<512>().0.iter_mut().for_each(seal));
    let image = Image {
        name: "fuzz".to_owned(),
        manifest: sha256(b""),
        platform: Platform::host(),
        configuration: Configuration::default(),
        layers: blobs.iter().map(|blob| layer(blob)).collect(),
        blobs: Arc::new(Stored(blobs)),
        documents: Documents {
            manifest: Vec::new(),
            manifest_media_type: media_type::OCI_MANIFEST.to_owned(),
            configuration: Vec::new(),
        },
    };
    let interest = Interest {
        files: vec!["etc/os-release".to_owned(), "var/lib/dpkg/status".to_owned()],
        directories: vec!["var/lib/dpkg/status.d".to_owned()],
        ..Interest::default()
    };
    let Ok(reading) = read(&Source::Image(Box::new(image)), &interest, &limits, None, &()) else {
        return;
    };
    for path in &interest.files {
        if let Some((content, layer)) = reading.tree.file(path) {
            assert!(layer < 2 && content.len() as u64 <= limits.file);
        }
    }
    let below = reading.tree.files_below("var/lib/dpkg/status.d");
    assert!(below.count() <= data.len() / 512);
    assert!(!matches!(reading.tree.get("").map(|root| &root.kind), Some(Kind::File(_))));
});

fn seal(block: &mut [u8; 512]) {
    if block[257..262] != *b"ustar" {
        return;
    }
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
