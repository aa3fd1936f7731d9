//! Images from registries: a real one on the loopback interface where the machine has one, and a
//! server that answers whatever a test needs.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod fake;
mod real;
#[path = "../server/mod.rs"]
mod server;

use std::{error::Error as _, io::Write, sync::Arc, time::Duration};

use cofferdam_image::{
    Image, OpenOptions,
    registry::{self, AuthFiles, Options},
};
use cofferdam_oci::{
    Digest, Platform, Reference,
    image::{Configuration, Descriptor, Index, Manifest, RootFs, media_type},
};
use sha2::{Digest as _, Sha256};

fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest_of(bytes),
        size: bytes.len() as u64,
        platform: None,
        annotations: Default::default(),
    }
}

/// A tar archive with one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = block.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

/// An image of one gzip layer with one file, for each of two platforms, and an index of both.
struct Sample {
    index: Vec<u8>,
    manifests: Vec<Vec<u8>>,
    /// Configurations and layers.
    blobs: Vec<Vec<u8>>,
}

/// Content that does not compress, so that a layer is large enough to break off.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

impl Sample {
    fn new() -> Self {
        let mut sample = Self { index: Vec::new(), manifests: Vec::new(), blobs: Vec::new() };
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let archive = tar(architecture, &noise(300_000));
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&archive).unwrap();
            let layer = encoder.finish().unwrap();
            let configuration = serde_json::to_vec(&Configuration {
                os: "linux".into(),
                architecture: architecture.into(),
                rootfs: RootFs { kind: "layers".into(), diff_ids: vec![digest_of(&archive)] },
                ..Configuration::default()
            })
            .unwrap();
            let manifest = serde_json::to_vec(&Manifest {
                schema_version: 2,
                media_type: Some(media_type::OCI_MANIFEST.into()),
                config: descriptor(media_type::OCI_CONFIG, &configuration),
                layers: vec![descriptor(media_type::OCI_LAYER_GZIP, &layer)],
                annotations: Default::default(),
            })
            .unwrap();
            let platform: Platform = format!("linux/{architecture}").parse().unwrap();
            let entry = descriptor(media_type::OCI_MANIFEST, &manifest);
            entries.push(Descriptor { platform: Some(platform), ..entry });
            sample.manifests.push(manifest);
            sample.blobs.extend([configuration, layer]);
        }
        sample.index = serde_json::to_vec(&Index {
            schema_version: 2,
            media_type: Some(media_type::OCI_INDEX.into()),
            manifests: entries,
            annotations: Default::default(),
        })
        .unwrap();
        sample
    }

    fn layer(&self) -> &[u8] {
        &self.blobs[1]
    }
}

fn options(auth_files: AuthFiles) -> Options {
    Options {
        auth_files,
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(2),
        backoff: Duration::from_millis(5),
        ..Options::default()
    }
}

fn reference(address: &str, rest: &str) -> Reference {
    format!("{address}/{rest}").parse().unwrap()
}

fn open(reference: &Reference, options: &Options) -> Result<Image, cofferdam_image::Error> {
    let wanted = Some("linux/amd64".parse().unwrap());
    let open = OpenOptions { platform: wanted, ..OpenOptions::default() };
    registry::open(reference, &open, options)
}

/// The registry's error behind one of the library.
fn cause(error: &cofferdam_image::Error) -> &registry::Error {
    error.source().and_then(|source| source.downcast_ref()).unwrap_or_else(|| panic!("{error:?}"))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// An auth file with these entries.
fn auth_files(directory: &std::path::Path, content: &str) -> AuthFiles {
    let path = directory.join("config.json");
    std::fs::write(&path, content).unwrap();
    AuthFiles { files: vec![registry::AuthFile { path, required: true }] }
}

/// Reads the layer of an image to its end.
fn layer_bytes(image: &Image) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let blobs = Arc::clone(&image.blobs);
    let mut reader = blobs.open(&image.layers[0].descriptor).map_err(std::io::Error::other)?;
    reader.read_to_end(&mut bytes)?;
    Ok(bytes)
}
