//! Archives, layers and images for tests, made in memory.

use std::{
    collections::HashMap,
    io::{Cursor, Read, Write as _},
    sync::Arc,
};

use cofferdam_image::{Blobs, Documents, Error, Image, Layer};
use cofferdam_oci::{
    Digest, Platform,
    image::{Configuration, Descriptor, media_type},
};
use sha2::{Digest as _, Sha256};

/// Writes tar archives, broken ones too.
#[derive(Default, Clone)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(name, b'0', "", content.as_ref())
    }

    pub(crate) fn directory(self, name: &str) -> Self {
        self.entry(name, b'5', "", b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(name, b'2', target, b"")
    }

    pub(crate) fn hardlink(self, name: &str, target: &str) -> Self {
        self.entry(name, b'1', target, b"")
    }

    pub(crate) fn entry(self, name: &str, kind: u8, link: &str, content: &[u8]) -> Self {
        let block = header(name, kind, link, content.len() as u64);
        self.raw(&block).padded(content)
    }

    /// An extended header (`x`, or `g` for a global one) of these records.
    pub(crate) fn pax(self, kind: u8, records: &[(&str, &str)]) -> Self {
        let data: Vec<u8> = records.iter().flat_map(|(k, v)| pax_record(k, v)).collect();
        self.entry("PaxHeaders/0", kind, "", &data)
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn padded(mut self, content: &[u8]) -> Self {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The archive with the two empty blocks at its end.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

pub(crate) fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let body = format!(" {key}={value}\n");
    let mut length = body.len() + 1;
    while length.to_string().len() + body.len() != length {
        length = length.to_string().len() + body.len();
    }
    format!("{length}{body}").into_bytes()
}

/// A ustar header block.
pub(crate) fn header(name: &str, kind: u8, link: &str, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut block);
    block
}

/// Sets the checksum.
pub(crate) fn seal(block: &mut [u8; 512]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// A layer stored as `stored` whose archive is `plain`.
pub(crate) fn layer(stored: &[u8], plain: &[u8]) -> Layer {
    let descriptor = Descriptor {
        media_type: media_type::OCI_LAYER_GZIP.to_owned(),
        digest: digest(stored),
        size: stored.len() as u64,
        platform: None,
        annotations: Default::default(),
    };
    Layer { descriptor, diff_id: digest(plain) }
}

/// Blobs in memory.
pub(crate) struct Memory(pub(crate) HashMap<Digest, Vec<u8>>);

impl Blobs for Memory {
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let digest = descriptor.digest;
        let blob = self.0.get(&digest);
        let missing = || Error::MissingBlob { digest, place: "memory".to_owned() };
        Ok(Box::new(Cursor::new(blob.ok_or_else(missing)?.clone())))
    }
}

/// An image of these archives, each stored with gzip.
pub(crate) fn image(archives: &[Vec<u8>]) -> Image {
    let mut blobs = HashMap::new();
    let layers = archives
        .iter()
        .map(|plain| {
            let stored = gzip(plain);
            let layer = layer(&stored, plain);
            blobs.insert(layer.descriptor.digest, stored);
            layer
        })
        .collect();
    Image {
        name: "test".to_owned(),
        manifest: digest(b"manifest"),
        platform: Platform::host(),
        configuration: Configuration::default(),
        layers,
        blobs: Arc::new(Memory(blobs)),
        documents: Documents {
            manifest: Vec::new(),
            manifest_media_type: media_type::OCI_MANIFEST.to_owned(),
            configuration: Vec::new(),
        },
    }
}
