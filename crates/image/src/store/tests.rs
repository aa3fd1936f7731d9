//! What the store promises: whole or not at all, found by name and digest, gone when removed.

use std::{
    fs::{self, File},
    io::{Cursor, Read, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use cofferdam_oci::{
    Digest, Platform, Reference,
    image::{Configuration, Descriptor, Manifest, RootFs, media_type},
};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{Blobs, Documents, Image, Layer, store::tar_writer::Writer};

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

fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (path, content) in files {
        writer.file(path, content.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

/// Blobs in memory, that can be told to fail.
#[derive(Default)]
struct Memory {
    blobs: Vec<(Digest, Vec<u8>)>,
    broken: AtomicBool,
}

/// Gives half of the bytes, then an error.
struct Interrupted(Cursor<Vec<u8>>);

impl Read for Interrupted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the line went dead")),
            count => Ok(count),
        }
    }
}

impl Blobs for Memory {
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, crate::Error> {
        let found = self.blobs.iter().find(|(digest, _)| *digest == descriptor.digest);
        let bytes = found.map(|(_, bytes)| bytes.clone()).ok_or_else(|| {
            crate::Error::MissingBlob { digest: descriptor.digest, place: "memory".into() }
        })?;
        if self.broken.load(Ordering::Relaxed) {
            let half = bytes[..bytes.len() / 2].to_vec();
            return Ok(Box::new(Interrupted(Cursor::new(half))));
        }
        Ok(Box::new(Cursor::new(bytes)))
    }
}

/// An image with these layers, uncompressed, and its blobs.
fn image_with(layers: &[Vec<u8>]) -> (Image, Arc<Memory>) {
    let layers: Vec<Layer> = layers
        .iter()
        .map(|bytes| Layer {
            descriptor: descriptor(media_type::OCI_LAYER, bytes),
            diff_id: digest_of(bytes),
        })
        .collect();
    let blobs = Arc::new(Memory::default());
    (assembled(layers, Arc::<Memory>::clone(&blobs)), blobs)
}

fn assembled(layers: Vec<Layer>, blobs: Arc<dyn Blobs>) -> Image {
    let platform = Platform::host();
    let configuration = Configuration {
        os: platform.os.clone(),
        architecture: platform.architecture.clone(),
        rootfs: RootFs {
            kind: "layers".into(),
            diff_ids: layers.iter().map(|layer| layer.diff_id).collect(),
        },
        ..Configuration::default()
    };
    let config = serde_json::to_vec(&configuration).unwrap();
    let manifest = serde_json::to_vec(&Manifest {
        schema_version: 2,
        media_type: Some(media_type::OCI_MANIFEST.into()),
        config: descriptor(media_type::OCI_CONFIG, &config),
        layers: layers.iter().map(|layer| layer.descriptor.clone()).collect(),
        annotations: Default::default(),
    })
    .unwrap();
    Image {
        name: "test".into(),
        manifest: digest_of(&manifest),
        platform,
        configuration,
        layers,
        blobs,
        documents: Documents {
            manifest,
            manifest_media_type: media_type::OCI_MANIFEST.into(),
            configuration: config,
        },
    }
}

fn image(layers: &[Vec<u8>]) -> Image {
    let (mut image, _) = image_with(layers);
    let blobs = layers.iter().map(|bytes| (digest_of(bytes), bytes.clone())).collect();
    image.blobs = Arc::new(Memory { blobs, ..Memory::default() });
    image
}

fn name(text: &str) -> Reference {
    text.parse().unwrap()
}

struct Place {
    directory: tempfile::TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        Self { directory, store }
    }

    fn files(&self, part: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.store.directory().join(part)).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(&format!(": {source}"));
        next = source.source();
    }
    text
}

fn base() -> Vec<u8> {
    tar(&[("etc/os-release", "ID=test\n"), ("old", "1")])
}

fn upper() -> Vec<u8> {
    tar(&[("new", "2"), (".wh.old", "")])
}

#[test]
fn an_imported_image_is_found_by_name_and_digest_and_unpacks() {
    let place = Place::new();
    let image = image(&[base(), upper()]);
    let stored = place.store.import(&image, &name("test:1"), &()).unwrap();
    assert_eq!(stored.name, "docker.io/library/test:1");
    let hex = image.manifest.hex();
    for text in ["test:1", "docker.io/library/test:1", &hex, &hex[..6], &image.manifest.to_string()]
    {
        let found = place.store.find(text).unwrap().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(found, stored);
    }
    for text in ["test", "test:2", &hex[..5], "sha256:", "000000000000", "No Name"] {
        assert_eq!(place.store.find(text).unwrap(), None, "{text}");
    }
    let loaded = place.store.load(&stored).unwrap();
    assert_eq!(loaded.documents, image.documents);
    assert_eq!(loaded.layers, image.layers);

    let root = place.store.unpack(&loaded).unwrap();
    assert_eq!(fs::read_to_string(root.path().join("etc/os-release")).unwrap(), "ID=test\n");
    assert_eq!(fs::read_to_string(root.path().join("new")).unwrap(), "2");
    assert!(!root.path().join("old").exists());
    let again = place.store.unpack(&loaded).unwrap();
    assert_eq!(again.path(), root.path());
    assert_eq!(place.files("tmp"), [] as [PathBuf; 0]);
}

#[test]
fn what_does_not_match_its_digest_leaves_no_trace() {
    let place = Place::new();
    let content = base();
    let mut other = content.clone();
    other[600] ^= 1;
    for (bytes, message) in [
        (other, "is corrupt: its content has digest"),
        (content[..700].to_vec(), "is corrupt: 700 bytes where"),
        ([content.as_slice(), b"x"].concat(), "is corrupt:"),
    ] {
        let (mut image, _) = image_with(std::slice::from_ref(&content));
        image.blobs =
            Arc::new(Memory { blobs: vec![(digest_of(&content), bytes)], ..Memory::default() });
        let error = place.store.import(&image, &name("test"), &()).unwrap_err();
        assert!(chain(&error).contains(message), "{}", chain(&error));
        assert_eq!(place.files("tmp"), [] as [PathBuf; 0]);
        assert_eq!(place.files("blobs/sha256"), [] as [PathBuf; 0]);
        assert_eq!(place.store.list().unwrap(), []);
    }
}

#[test]
fn an_import_that_broke_off_can_be_repeated() {
    let place = Place::new();
    let (mut image, _) = image_with(&[base(), upper()]);
    let blobs = Arc::new(Memory {
        blobs: [base(), upper()].map(|bytes| (digest_of(&bytes), bytes)).to_vec(),
        broken: AtomicBool::new(true),
    });
    image.blobs = Arc::<Memory>::clone(&blobs);
    let error = place.store.import(&image, &name("test"), &()).unwrap_err();
    assert!(chain(&error).contains("the line went dead"), "{}", chain(&error));
    assert_eq!(place.store.list().unwrap(), []);
    assert_eq!(place.files("tmp"), [] as [PathBuf; 0]);
    blobs.broken.store(false, Ordering::Relaxed);
    place.store.import(&image, &name("test"), &()).unwrap();
    assert!(place.store.find("test").unwrap().is_some());
}

#[test]
fn a_damaged_blob_is_noticed_and_mended_by_the_next_import() {
    let place = Place::new();
    let image = image(&[base()]);
    let stored = place.store.import(&image, &name("test"), &()).unwrap();
    let layer = place.store.blob_path(&digest_of(&base()));
    let mut damaged = base();
    damaged[600] ^= 1;
    fs::write(&layer, &damaged).unwrap();
    let loaded = place.store.load(&stored).unwrap();
    let error = place.store.unpack(&loaded).unwrap_err();
    assert!(chain(&error).contains("is corrupt"), "{}", chain(&error));
    assert_eq!(place.files("roots"), [] as [PathBuf; 0]);
    assert_eq!(place.files("tmp"), [] as [PathBuf; 0]);

    place.store.import(&image, &name("test"), &()).unwrap();
    assert_eq!(fs::read(&layer).unwrap(), base());

    fs::write(place.store.blob_path(&image.manifest), "{}").unwrap();
    let error = place.store.load(&stored).unwrap_err();
    assert!(chain(&error).contains("is corrupt"), "{}", chain(&error));
}

#[test]
fn removing_deletes_what_no_other_image_uses() {
    let place = Place::new();
    let (one, two) = (image(&[base()]), image(&[base(), upper()]));
    place.store.import(&one, &name("one"), &()).unwrap();
    place.store.import(&one, &name("uno"), &()).unwrap();
    place.store.import(&two, &name("two"), &()).unwrap();
    drop(place.store.unpack(&two).unwrap());
    assert_eq!(place.files("blobs/sha256").len(), 6);

    // Another name still means it.
    assert_eq!(place.store.remove("uno").unwrap().blobs, 0);
    let removal = place.store.remove("two").unwrap();
    assert_eq!((removal.blobs, removal.roots), (3, 1));
    assert_eq!(removal.names, ["docker.io/library/two:latest"]);
    assert_eq!(place.files("roots"), [] as [PathBuf; 0]);
    place.store.load(&place.store.find("one").unwrap().unwrap()).unwrap();

    place.store.import(&one, &name("uno"), &()).unwrap();
    let removal = place.store.remove(&one.manifest.to_string()).unwrap();
    assert_eq!(removal.names.len(), 2);
    assert_eq!(place.files("blobs/sha256"), [] as [PathBuf; 0]);
    assert!(matches!(place.store.remove("one"), Err(Error::Unknown(_))));
}

#[test]
fn a_root_in_use_is_not_deleted() {
    let place = Place::new();
    let image = image(&[base()]);
    place.store.import(&image, &name("test"), &()).unwrap();
    let root = place.store.unpack(&image).unwrap();
    let removal = place.store.remove("test").unwrap();
    assert_eq!((removal.roots, removal.roots_in_use), (0, 1));
    assert!(root.path().join("old").exists());
    let path = root.path().to_owned();
    drop(root);
    assert_eq!(place.store.collect().unwrap().roots, 1);
    assert!(!path.exists());
}

#[test]
fn nothing_is_deleted_while_content_is_added() {
    let place = Place::new();
    let image = image(&[base()]);
    place.store.import(&image, &name("test"), &()).unwrap();
    let adding = place.store.share().unwrap();
    let removal = place.store.remove("test").unwrap();
    assert!(removal.deferred);
    assert_eq!(place.files("blobs/sha256").len(), 3);
    drop(adding);
    assert_eq!(place.store.collect().unwrap().blobs, 3);
}

#[test]
fn what_a_crashed_run_left_is_cleared_at_the_next_start() {
    let place = Place::new();
    let left = place.store.directory().join("tmp/left");
    fs::create_dir_all(left.join("root/sub")).unwrap();
    fs::write(left.join("root/sub/file"), "x").unwrap();
    fs::write(place.store.directory().join("tmp/blob"), "x").unwrap();
    let working = place.store.share().unwrap();
    Store::open(place.store.directory()).unwrap();
    assert_eq!(place.files("tmp").len(), 2, "another process may be writing them");
    drop(working);
    Store::open(place.store.directory()).unwrap();
    assert_eq!(place.files("tmp"), [] as [PathBuf; 0]);
}

#[test]
fn many_at_once_lose_nothing() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let store = place.store.clone();
            scope.spawn(move || {
                let image = image(&[base(), tar(&[("number", &number.to_string())])]);
                let stored = store.import(&image, &name(&format!("n{number}")), &()).unwrap();
                let root = store.unpack(&store.load(&stored).unwrap()).unwrap();
                let found = fs::read_to_string(root.path().join("number")).unwrap();
                assert_eq!(found, number.to_string());
            });
        }
    });
    assert_eq!(place.store.list().unwrap().len(), 8);
    assert_eq!(place.files("roots").len(), 8);
    // And many for the same root.
    let same = image(&[base()]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| place.store.unpack(&same).unwrap());
        }
    });
    assert_eq!(place.files("tmp"), [] as [PathBuf; 0]);
}

#[test]
fn a_name_with_another_digest_is_refused() {
    let place = Place::new();
    let image = image(&[base()]);
    let wrong = format!("test@{}", digest_of(b"other"));
    let error = place.store.import(&image, &name(&wrong), &()).unwrap_err();
    assert!(matches!(error, Error::OtherDigest { .. }), "{error}");
    let right = format!("test@{}", image.manifest);
    place.store.import(&image, &name(&right), &()).unwrap();
    assert!(place.store.find(&right).unwrap().is_some());
}

#[test]
fn a_broken_index_is_named() {
    let place = Place::new();
    fs::write(place.store.directory().join("index.json"), "{").unwrap();
    let error = place.store.list().unwrap_err();
    assert!(error.to_string().contains("index.json"), "{error}");
}

/// A full disk: a file system of 256 KiB, or a limit on the size of files without root.
#[test]
fn a_full_disk_leaves_no_half_image() {
    let directory = tempfile::tempdir().unwrap();
    let Some(_mounted) = Tmpfs::mount(directory.path(), "256k") else {
        println!("skipped: mounting a tmpfs needs root");
        return;
    };
    let store = Store::open(&directory.path().join("store")).unwrap();
    let small = image(&[base()]);
    store.import(&small, &name("small"), &()).unwrap();
    let large = tar(&[("large", &"x".repeat(400_000))]);
    let large = image(&[base(), large]);
    let error = store.import(&large, &name("large"), &()).unwrap_err();
    assert!(chain(&error).contains("No space left"), "{}", chain(&error));
    assert_eq!(store.list().unwrap().len(), 1);
    assert_eq!(fs::read_dir(store.directory().join("tmp")).unwrap().count(), 0);
    drop(store.unpack(&small).unwrap());

    // Compressed it fits, unpacked it does not.
    let root = directory.path().join("bomb.tar");
    let mut encoder =
        flate2::write::GzEncoder::new(File::create(&root).unwrap(), flate2::Compression::fast());
    encoder.write_all(&tar(&[("large", &"x".repeat(400_000))])).unwrap();
    encoder.finish().unwrap();
    let stored = store.import_root(&root, &Recipe::new(name("bomb")), &()).unwrap();
    let error = store.unpack(&store.load(&stored).unwrap()).unwrap_err();
    assert!(chain(&error).contains("No space left"), "{}", chain(&error));
    assert_eq!(fs::read_dir(store.directory().join("tmp")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(store.directory().join("roots")).unwrap().count(), 1);
    store.remove("bomb").unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
}

struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(path: &Path, size: &str) -> Option<Self> {
        let options = std::ffi::CString::new(format!("size={size}")).unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount(c"tmpfs", path, c"tmpfs", flags, options.as_c_str()).ok()?;
        Some(Self(path.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn a_directory_becomes_the_same_image_each_time_and_comes_out_as_it_was() {
    let place = Place::new();
    let root = place.directory.path().join("root");
    fs::create_dir_all(root.join("etc/deep")).unwrap();
    fs::write(root.join("etc/file"), "content").unwrap();
    fs::hard_link(root.join("etc/file"), root.join("etc/deep/same")).unwrap();
    std::os::unix::fs::symlink("/etc/file", root.join("link")).unwrap();
    let long = "n".repeat(200);
    fs::write(root.join(&long), "long").unwrap();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let recipe = Recipe { compression, ..Recipe::new(name("root")) };
        let stored = place.store.import_root(&root, &recipe, &()).unwrap();
        let again = place.store.import_root(&root, &recipe, &()).unwrap();
        assert_eq!(stored.manifest, again.manifest);
        let image = place.store.load(&stored).unwrap();
        let unpacked = place.store.unpack(&image).unwrap();
        let read = |path: &str| fs::read_to_string(unpacked.path().join(path)).unwrap();
        assert_eq!(read("etc/file"), "content");
        assert_eq!(read("etc/deep/same"), "content");
        assert_eq!(read(&long), "long");
        let target = fs::read_link(unpacked.path().join("link")).unwrap();
        assert_eq!(target, Path::new("/etc/file"));
        assert_eq!(image.configuration.config.cmd, ["/bin/sh"]);
    }
}

#[test]
fn an_archive_of_a_root_becomes_an_image_and_other_files_do_not() {
    let place = Place::new();
    let file = place.directory.path().join("root.tar");
    let recipe = Recipe::new(name("root"));
    fs::write(&file, base()).unwrap();
    let plain = place.store.import_root(&file, &recipe, &()).unwrap();
    let compressed: [(&str, Vec<u8>); 2] = [
        ("gzip", {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&base()).unwrap();
            encoder.finish().unwrap()
        }),
        ("zstd", zstd::encode_all(Cursor::new(base()), 1).unwrap()),
    ];
    for (kind, bytes) in compressed {
        fs::write(&file, &bytes).unwrap();
        let stored = place.store.import_root(&file, &recipe, &()).unwrap();
        let image = place.store.load(&stored).unwrap();
        assert_eq!(image.layers[0].diff_id, digest_of(&base()), "{kind}");
        // As it came, not compressed anew.
        assert_eq!(image.layers[0].descriptor.digest, digest_of(&bytes), "{kind}");
        place.store.unpack(&image).unwrap();
    }
    let _ = plain;
    let mut cut = base();
    cut.truncate(515);
    let (empty, text) = (Vec::new(), b"not an archive".repeat(100));
    for bytes in [empty, text, cut, b"\x1f\x8b\x08 broken gzip".to_vec()] {
        fs::write(&file, &bytes).unwrap();
        let error = place.store.import_root(&file, &recipe, &()).unwrap_err();
        assert!(error.to_string().contains("root.tar"), "{error}");
        assert_eq!(place.files("tmp"), [] as [PathBuf; 0]);
    }
}

#[test]
fn exports_are_written_whole_or_not_at_all() {
    let place = Place::new();
    let target = place.directory.path().join("out");
    for format in [Format::OciLayout, Format::OciArchive, Format::DockerArchive] {
        let (mut broken, _) = image_with(&[base()]);
        let mut other = base();
        other[600] ^= 1;
        broken.blobs =
            Arc::new(Memory { blobs: vec![(digest_of(&base()), other)], ..Memory::default() });
        let error = export(&broken, format, &target, Some("test"), &()).unwrap_err();
        assert!(chain(&error).contains("is corrupt"), "{}", chain(&error));
        let left: Vec<_> = fs::read_dir(place.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["store"]);
        export(&image(&[base()]), format, &target, Some("test"), &()).unwrap();
        let error = export(&image(&[base()]), format, &target, None, &()).unwrap_err();
        assert!(matches!(error, Error::Exists(_)), "{error}");
        match format {
            Format::OciLayout => fs::remove_dir_all(&target).unwrap(),
            _ => fs::remove_file(&target).unwrap(),
        }
    }
}

#[test]
fn unpacking_elsewhere_makes_a_new_directory_only() {
    let place = Place::new();
    let target = place.directory.path().join("out");
    let image = image(&[base()]);
    Store::unpack_to(&image, &target, crate::unpack::Policy::standard()).unwrap();
    assert_eq!(fs::read_to_string(target.join("old")).unwrap(), "1");
    let error = Store::unpack_to(&image, &target, crate::unpack::Policy::standard()).unwrap_err();
    assert!(matches!(error, Error::Exists(_)), "{error}");
    assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 2);
}

#[test]
fn a_store_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: giving a directory away needs root");
        return;
    }
    let place = Place::new();
    std::os::unix::fs::chown(place.store.directory(), Some(1234), None).unwrap();
    let error = Store::open(place.store.directory()).unwrap_err();
    assert!(matches!(error, Error::Owner { owner: 1234, .. }), "{error}");
}
