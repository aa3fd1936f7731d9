//! Layouts and archives as tools write them, and as nobody should.

use std::{fs, path::Path, process::Command};

use cofferdam_image::{
    Error, Image, Interest, Limits, OpenOptions, Reading, Source, Target, TargetError, open, read,
};
use cofferdam_oci::{
    Digest,
    image::{Configuration, Descriptor, Index, Manifest, RootFs, media_type},
};

use crate::support::{Tar, digest, gzip};

/// An OCI layout in the making.
#[derive(Default)]
struct Layout {
    blobs: Vec<(Digest, Vec<u8>)>,
    index: Vec<Descriptor>,
}

impl Layout {
    fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        self.blobs.push((digest(bytes), bytes.to_vec()));
        Descriptor {
            media_type: media_type.to_owned(),
            digest: digest(bytes),
            size: bytes.len() as u64,
            platform: None,
            annotations: Default::default(),
        }
    }

    fn manifest(&mut self, text: &str, architecture: &str) -> Descriptor {
        let plain = layer(text);
        let layer = self.blob(media_type::OCI_LAYER_GZIP, &gzip(&plain));
        let configuration = configuration(architecture, &[&plain]);
        let config = self.blob(media_type::OCI_CONFIG, &configuration);
        self.manifest_of(config, vec![layer])
    }

    fn manifest_of(&mut self, config: Descriptor, layers: Vec<Descriptor>) -> Descriptor {
        let media_type = Some(media_type::OCI_MANIFEST.to_owned());
        let annotations = Default::default();
        let manifest = Manifest { schema_version: 2, media_type, config, layers, annotations };
        self.blob(media_type::OCI_MANIFEST, &serde_json::to_vec(&manifest).unwrap())
    }

    fn index_of(&mut self, manifests: Vec<Descriptor>) -> Descriptor {
        let bytes = index_json(manifests);
        self.blob(media_type::OCI_INDEX, &bytes)
    }

    /// Files of the layout.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = vec![
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), index_json(self.index.clone())),
        ];
        let blob = |(digest, bytes): &(Digest, Vec<u8>)| {
            (format!("blobs/sha256/{}", digest.hex()), bytes.clone())
        };
        files.extend(self.blobs.iter().map(blob));
        files
    }

    fn write(&self, directory: &Path) {
        fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
        for (name, bytes) in self.files() {
            fs::write(directory.join(name), bytes).unwrap();
        }
    }

    fn archive(&self) -> Tar {
        self.files().iter().fold(Tar::new(), |tar, (name, bytes)| tar.file(name, bytes))
    }
}

fn index_json(manifests: Vec<Descriptor>) -> Vec<u8> {
    let (media_type, annotations) = Default::default();
    serde_json::to_vec(&Index { schema_version: 2, media_type, manifests, annotations }).unwrap()
}

fn layer(text: &str) -> Vec<u8> {
    Tar::new().file("etc/os-release", text).end()
}

fn configuration(architecture: &str, layers: &[&[u8]]) -> Vec<u8> {
    let configuration = Configuration {
        architecture: architecture.to_owned(),
        os: "linux".to_owned(),
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: layers.iter().map(|layer| digest(layer)).collect(),
        },
        ..Configuration::default()
    };
    serde_json::to_vec(&configuration).unwrap()
}

fn named(mut descriptor: Descriptor, name: &str) -> Descriptor {
    let key = "org.opencontainers.image.ref.name".to_owned();
    descriptor.annotations.insert(key, name.to_owned());
    descriptor
}

fn platform(mut descriptor: Descriptor, platform: &str) -> Descriptor {
    descriptor.platform = Some(platform.parse().unwrap());
    descriptor
}

fn open_image(target: &str, options: &OpenOptions) -> Result<Image, Error> {
    match open(&Target::parse(target).unwrap(), options)? {
        Source::Image(image) => Ok(*image),
        Source::Directory(_) => panic!("'{target}' is taken for a directory"),
    }
}

/// The content of `etc/os-release` of the image.
fn text_of(image: Image) -> Result<String, Error> {
    let interest = Interest { files: vec!["etc/os-release".to_owned()], ..Interest::default() };
    let source = Source::Image(Box::new(image));
    let Reading { tree, .. } = read(&source, &interest, &Limits::default(), None, &())?;
    Ok(String::from_utf8(tree.file("etc/os-release").unwrap().0.to_vec()).unwrap())
}

fn text(target: &str) -> Result<String, Error> {
    open_image(target, &OpenOptions::default()).and_then(text_of)
}

fn text_for(target: &str, platform: &str) -> Result<String, Error> {
    let platform = Some(platform.parse().unwrap());
    open_image(target, &OpenOptions { platform, ..OpenOptions::default() }).and_then(text_of)
}

#[test]
fn a_layout_is_the_same_as_directory_and_as_archive() {
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name).display().to_string();
    let mut layout = Layout::default();
    let manifest = layout.manifest("ID=a", "amd64");
    layout.index = vec![named(manifest, "12")];
    layout.write(&temporary.path().join("oci"));
    fs::write(at("oci.tar"), layout.archive().end()).unwrap();
    for target in [
        format!("oci:{}", at("oci")),
        format!("oci:{}:12", at("oci")),
        format!("oci:{}:{}", at("oci"), layout.index[0].digest),
        format!("oci-archive:{}", at("oci.tar")),
        format!("oci-archive:{}:12", at("oci.tar")),
        at("oci"),
        at("oci.tar"),
    ] {
        assert_eq!(text(&target).unwrap(), "ID=a", "{target}");
        let image = open_image(&target, &OpenOptions::default()).unwrap();
        assert_eq!(image.manifest, layout.index[0].digest);
        assert_eq!(digest(&image.documents.manifest), image.manifest);
    }
    let error = text(&format!("oci:{}:13", at("oci"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("'{}' holds no image named '13' (it has: 12)", at("oci"))
    );
}

#[test]
fn several_names_must_be_told_apart() {
    let temporary = tempfile::tempdir().unwrap();
    let target = format!("oci:{}", temporary.path().display());
    let mut layout = Layout::default();
    let (a, b) = (layout.manifest("ID=a", "amd64"), layout.manifest("ID=b", "amd64"));
    layout.index = vec![named(a.clone(), "a"), named(b, "b"), named(a, "also-a")];
    layout.write(temporary.path());
    let error = text(&target).unwrap_err();
    assert!(matches!(error, Error::Ambiguous { ref available, .. } if available.len() == 3));
    assert!(error.to_string().ends_with("name one of them (a, also-a, b)"), "{error}");
    assert_eq!(text(&format!("{target}:b")).unwrap(), "ID=b");
    assert_eq!(text(&format!("{target}:also-a")).unwrap(), "ID=a");
}

#[test]
fn a_platform_is_chosen_from_indexes_within_indexes() {
    let temporary = tempfile::tempdir().unwrap();
    let target = format!("oci:{}", temporary.path().display());
    let mut layout = Layout::default();
    let manifests = vec![
        platform(layout.manifest("ID=arm", "arm64"), "linux/arm64/v8"),
        platform(layout.manifest("ID=s390x", "s390x"), "linux/s390x"),
        layout.manifest("ID=riscv", "riscv64"),
        platform(layout.manifest("ID=sbom", ""), "unknown/unknown"),
        layout.blob("application/vnd.example.unknown", b"x"),
    ];
    let inner = layout.index_of(manifests);
    let outer = layout.index_of(vec![inner]);
    layout.index = vec![named(outer, "all")];
    layout.write(temporary.path());
    assert_eq!(text_for(&target, "linux/arm64").unwrap(), "ID=arm");
    assert_eq!(text_for(&target, "linux/riscv64").unwrap(), "ID=riscv");
    let error = text_for(&target, "linux/ppc64le").unwrap_err().to_string();
    assert!(
        error.ends_with(
            "has no image for platform 'linux/ppc64le' \
             (it has: linux/arm64/v8, linux/riscv64, linux/s390x)"
        ),
        "{error}"
    );
}

#[test]
fn the_only_image_is_taken_whatever_its_platform_unless_one_is_asked_for() {
    let temporary = tempfile::tempdir().unwrap();
    let target = format!("oci:{}", temporary.path().display());
    let mut layout = Layout::default();
    layout.index = vec![layout.manifest("ID=s390x", "s390x")];
    layout.write(temporary.path());
    assert_eq!(text(&target).unwrap(), "ID=s390x");
    assert!(matches!(text_for(&target, "linux/amd64"), Err(Error::Platform { .. })));
}

/// A change to a layout, and what must be said of it.
type Case = (&'static str, fn(&mut Layout), &'static str);

#[test]
fn malformed_layouts_are_clear_errors() {
    let cases: &[Case] = &[
        ("empty", |layout| layout.index.clear(), "it lists no manifest"),
        ("missing blob", |layout| layout.blobs.clear(), "is missing from"),
        (
            "unknown manifest type",
            |layout| layout.index = vec![layout.blob("text/plain", b"x")],
            "has unknown media type 'text/plain'",
        ),
        (
            "unknown configuration type",
            |layout| {
                let config = layout.blob("application/vnd.cncf.helm.config.v1+json", b"{}");
                layout.index = vec![layout.manifest_of(config, vec![])];
            },
            "configuration 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' \
             has unknown media type 'application/vnd.cncf.helm.config.v1+json'",
        ),
        (
            "unknown layer type",
            |layout| {
                let plain = layer("x");
                let blob = layout.blob("application/vnd.example.squashfs", &plain);
                let configuration = configuration("amd64", &[&plain]);
                let config = layout.blob(media_type::OCI_CONFIG, &configuration);
                layout.index = vec![layout.manifest_of(config, vec![blob])];
            },
            "has unknown media type 'application/vnd.example.squashfs'",
        ),
        (
            "index and manifest at once",
            |layout| {
                let both = br#"{"schemaVersion":2,"layers":[],"manifests":[]}"#;
                layout.index = vec![layout.blob(media_type::OCI_INDEX, both)];
            },
            "it has both 'manifests' and 'layers'",
        ),
        (
            "another type inside",
            |layout| {
                let inner = format!(
                    r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#,
                    media_type::DOCKER_INDEX
                );
                layout.index = vec![layout.blob(media_type::OCI_INDEX, inner.as_bytes())];
            },
            "it is called",
        ),
        (
            "not JSON",
            |layout| layout.index = vec![layout.blob(media_type::OCI_MANIFEST, b"<html>")],
            "could not understand manifest",
        ),
        (
            "fewer diff_ids than layers",
            |layout| {
                let layer = layout.blob(media_type::OCI_LAYER, b"");
                let config = layout.blob(media_type::OCI_CONFIG, &configuration("amd64", &[]));
                layout.index = vec![layout.manifest_of(config, vec![layer])];
            },
            "it has 1 layers, and its configuration 0 diff_ids",
        ),
        (
            "a document that is too large",
            |layout| layout.index[0].size = 1 << 40,
            "exceeds the limit of 8388608 bytes of a document",
        ),
        ("a size that lies", |layout| layout.index[0].size += 1, "where its descriptor says"),
        (
            "content of another digest",
            |layout| {
                let config =
                    layout.blobs.iter_mut().find(|(_, bytes)| bytes.starts_with(b"{\"arch"));
                config.unwrap().1[0] = b' ';
            },
            "is corrupt: its content has digest",
        ),
        (
            "indexes without end",
            |layout| {
                for _ in 0..12 {
                    layout.index = vec![layout.index_of(layout.index.clone())];
                }
            },
            "exceeds the limit of 8 indexes within indexes",
        ),
        (
            "a digest that cannot be verified",
            |layout| {
                let index = index_json(layout.index.clone());
                let text = String::from_utf8(index).unwrap().replace("sha256:", "md5:");
                layout.index = vec![layout.blob(media_type::OCI_INDEX, text.as_bytes())];
            },
            "could not understand index",
        ),
    ];
    for (name, change, expected) in cases {
        let temporary = tempfile::tempdir().unwrap();
        let mut layout = Layout::default();
        layout.index = vec![layout.manifest("ID=a", "amd64")];
        change(&mut layout);
        layout.write(temporary.path());
        let error = text(&format!("oci:{}", temporary.path().display())).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
}

#[test]
fn a_layout_of_another_version_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    Layout::default().write(temporary.path());
    fs::write(temporary.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0"}"#).unwrap();
    let error = text(&format!("oci:{}", temporary.path().display())).unwrap_err();
    assert!(error.to_string().contains("imageLayoutVersion is '2.0'"), "{error}");
}

/// A blob that is a named pipe must not be waited for.
#[test]
fn a_blob_that_is_no_file_is_refused_at_once() {
    let temporary = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    layout.index = vec![layout.manifest("ID=a", "amd64")];
    layout.write(temporary.path());
    let blob = temporary.path().join("blobs/sha256").join(layout.index[0].digest.hex());
    fs::remove_file(&blob).unwrap();
    assert!(Command::new("mkfifo").arg(&blob).status().unwrap().success());
    let error = text(&format!("oci:{}", temporary.path().display())).unwrap_err();
    assert!(matches!(error, Error::Io { action: "open", .. }), "{error}");
}

/// `docker save` of two images, of old: `<id>/layer.tar`, equal layers as links.
fn docker_archive() -> Tar {
    let (a, b) = (layer("ID=a"), layer("ID=b"));
    let (one, two) = (configuration("amd64", &[&a]), configuration("amd64", &[&a, &b]));
    let name = |bytes: &[u8]| format!("{}.json", digest(bytes).hex());
    let manifest = format!(
        r#"[{{"Config":"{}","RepoTags":["debian:12"],"Layers":["x/layer.tar"]}},
            {{"Config":"{}","RepoTags":null,"Layers":["y/layer.tar","z/layer.tar"]}}]"#,
        name(&one),
        name(&two)
    );
    Tar::new()
        .file("x/layer.tar", &a)
        .symlink("y/layer.tar", "../x/layer.tar")
        .file("z/layer.tar", gzip(&b))
        .file(&name(&one), &one)
        .file(&name(&two), &two)
        .file("manifest.json", &manifest)
}

#[test]
fn docker_archives_of_old() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("docker.tar").display().to_string();
    fs::write(&path, docker_archive().end()).unwrap();
    let error = text(&path).unwrap_err();
    assert!(matches!(error, Error::Ambiguous { .. }), "{error}");
    let target = format!("docker-archive:{path}");
    for tag in ["debian:12", "docker.io/library/debian:12"] {
        assert_eq!(text(&format!("{target}:{tag}")).unwrap(), "ID=a");
    }
    let error = text(&format!("{target}:debian:13")).unwrap_err();
    let Error::Tag { available, .. } = &error else { panic!("{error}") };
    // An image without a name is called by its configuration.
    assert_eq!(available[0], "debian:12");
    let image = open_image(&format!("{target}:{}", available[1]), &OpenOptions::default()).unwrap();
    assert_eq!(image.layers[0].descriptor.media_type, media_type::DOCKER_LAYER);
    assert_eq!(image.layers[1].descriptor.media_type, media_type::DOCKER_LAYER_GZIP);
    assert_eq!(digest(&image.documents.manifest), image.manifest);
    assert_eq!(text_of(image).unwrap(), "ID=b");
}

#[test]
fn docker_archives_of_today_have_a_layout_inside() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("docker.tar").display().to_string();
    let mut layout = Layout::default();
    let manifest = layout.manifest("ID=a", "amd64");
    let mut descriptor = named(manifest, "12");
    let key = "io.containerd.image.name".to_owned();
    descriptor.annotations.insert(key, "docker.io/library/debian:12".to_owned());
    layout.index = vec![descriptor];
    let (layer, config) = (layout.blobs[0].0, layout.blobs[1].0);
    let saved = |config: Digest| {
        format!(
            r#"[{{"Config":"blobs/sha256/{}","RepoTags":["debian:12"],
                "Layers":["blobs/sha256/{}"]}}]"#,
            config.hex(),
            layer.hex()
        )
    };
    fs::write(&path, layout.archive().file("manifest.json", saved(config)).end()).unwrap();
    for target in [path.clone(), format!("docker-archive:{path}:debian:12")] {
        let image = open_image(&target, &OpenOptions::default()).unwrap();
        assert_eq!(image.manifest, layout.index[0].digest, "the true manifest is known");
        assert_eq!(text_of(image).unwrap(), "ID=a");
    }

    // Two descriptions of two images: which one would be run depends on the program.
    let other = layout.blob(media_type::OCI_CONFIG, &configuration("amd64", &[b"other"]));
    let archive = layout.archive().file("manifest.json", saved(other.digest));
    fs::write(&path, archive.end()).unwrap();
    let error = text(&path).unwrap_err();
    assert!(error.to_string().contains("describe different images"), "{error}");
}

#[test]
fn malformed_archives_are_clear_errors() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("docker.tar").display().to_string();
    let one = configuration("amd64", &[&layer("ID=a")]);
    let manifest = |config: &str| {
        let text = format!(r#"[{{"Config":"{config}","Layers":["l.tar"]}}]"#);
        Tar::new().file("manifest.json", text)
    };
    let named = format!("{}.json", "0".repeat(64));
    for (archive, expected) in [
        (manifest("c.json"), "it has no entry 'c.json'"),
        (manifest("c.json").file("c.json", "{}"), "it has no entry 'l.tar'"),
        (manifest("c.json").symlink("c.json", "c.json"), "a link that leads in a circle"),
        (manifest("c.json").directory("c.json"), "its entry 'c.json' is not a file"),
        (manifest(&named).file(&named, &one), "is corrupt"),
        (manifest("c.json").file("c.json", &one).file("l.tar", layer("ID=b")), "is corrupt"),
        (Tar::new().file("manifest.json", "[]"), "lists no image"),
        (Tar::new().file("manifest.json", "{}"), "could not understand manifest"),
        (Tar::new().file("other", ""), "it has no entry 'manifest.json'"),
        (Tar::new().file("manifest.json", " ".repeat(9 << 20)), "bytes of a document"),
    ] {
        fs::write(&path, archive.end()).unwrap();
        let error = text(&format!("docker-archive:{path}")).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    // Cut off anywhere, it is an error.
    let whole = docker_archive().0;
    for end in (0..whole.len()).step_by(256) {
        fs::write(&path, &whole[..end]).unwrap();
        assert!(text(&format!("docker-archive:{path}:debian:12")).is_err(), "cut at {end}");
    }
}

#[test]
fn the_last_of_two_members_of_one_name_counts() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("docker.tar").display().to_string();
    let archive = Tar::new().file("manifest.json", "[]").raw(&docker_archive().0);
    fs::write(&path, archive.end()).unwrap();
    assert_eq!(text(&format!("docker-archive:{path}:debian:12")).unwrap(), "ID=a");
}

#[test]
fn targets_say_what_they_are() {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name: &str| temporary.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    fs::create_dir(path("root")).unwrap();
    fs::write(path("a:b"), "").unwrap();
    let parse = |text: &str| Target::parse(text).map(|target| target.to_string());

    for same in ["oci:x", "oci:x:1", "oci-archive:f.tar:a/b:1", "dir:/", "store:abc"] {
        assert_eq!(parse(same).unwrap(), same);
    }
    assert_eq!(parse("registry:alpine").unwrap(), "registry:docker.io/library/alpine:latest");
    assert_eq!(parse("alpine:3.20").unwrap(), "docker.io/library/alpine:3.20");
    assert_eq!(parse(&text("root")).unwrap(), format!("dir:{}", text("root")));
    let colon = Target::parse(&format!("oci-archive:{}", text("a:b"))).unwrap();
    assert_eq!(colon, Target::OciArchive { file: path("a:b"), tag: None });
    let tagged = Target::parse(&format!("oci-archive:{}:t:1", text("a:b"))).unwrap();
    assert_eq!(tagged, Target::OciArchive { file: path("a:b"), tag: Some("t:1".to_owned()) });

    assert!(matches!(Target::parse(""), Err(TargetError::Empty)));
    assert!(matches!(Target::parse("oci:"), Err(TargetError::Incomplete(_))));
    assert!(matches!(Target::parse("./gone"), Err(TargetError::Missing(_))));
    assert!(matches!(Target::parse(&text("a:b")), Err(TargetError::Unrecognised(_))));
    assert!(matches!(Target::parse("Not A Name"), Err(TargetError::Reference { .. })));
    fs::write(path("gz"), gzip(b"archive")).unwrap();
    assert!(matches!(Target::parse(&text("gz")), Err(TargetError::Compressed(_))));
}
