//! Publications: followed by whole databases and differences, and only if they are what a trusted key
//! has signed, and nothing older than what was seen.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

#[path = "../../image/tests/server/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod server;

use std::{
    fs,
    path::{Path, PathBuf},
};

use cofferdam_image::{Progress, download, registry};
use cofferdam_vuln::{
    database::{Builder, Database, End, Range, Row, SourceInfo},
    feed::{Advisory, Affected},
    publication::{
        DOCUMENT, Envelope, EnvelopeError, Follow, How, Location, LocationError, Manifest, Outcome,
        Plan, PublicKey, PublishError, Published, SigningKey, State, UpdateError, publish, update,
    },
};
use proptest::prelude::*;
use server::{Asked, Server, answer};
use time::{Duration, OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-11-29 12:00 UTC);

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
}

fn database(generation: u64) -> Database {
    let mut builder = Builder::new();
    let source = SourceInfo { date: "2026-11-28".into(), ..SourceInfo::default() };
    let source = builder.source(source);
    for number in 0..300 + generation {
        let range = Range { introduced: None, end: End::Fixed(format!("1.{number}")) };
        let row = Row {
            ranges: vec![range],
            module: None,
            rating: None,
            support_ended: false,
            stance: None,
        };
        let affected =
            vec![Affected { ecosystem: "Debian:12".into(), package: format!("p{number}"), row }];
        let id = format!("CVE-2026-{number:04}");
        let title = format!("a fault with number {}", number * 7919 % 1009);
        let advisory = Advisory { id, title, direct: true, affected, ..Advisory::default() };
        builder.add(source, &advisory);
    }
    Database::from_bytes(builder.finish(generation).unwrap(), "test").unwrap()
}

/// A publisher and a follower.
struct World {
    directory: tempfile::TempDir,
    key: SigningKey,
}

impl World {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), key: SigningKey::generate().unwrap() }
    }

    fn publication(&self) -> PathBuf {
        self.directory.path().join("publication")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn publish(&self, generation: u64) -> Published {
        self.publish_by(&self.key, generation).unwrap()
    }

    fn publish_by(&self, key: &SigningKey, generation: u64) -> Result<Published, PublishError> {
        publish(&Plan {
            database: &database(generation),
            directory: &self.publication(),
            key,
            now: NOW,
            days: 30,
            keep: 3,
        })
    }

    fn follow(
        &self,
        location: &Location,
        trusted: &[PublicKey],
        now: OffsetDateTime,
    ) -> Result<Outcome, UpdateError> {
        let backoff = std::time::Duration::from_millis(1);
        let follow = Follow {
            location,
            trusted,
            data_directory: &self.data(),
            now,
            offline: false,
            download: &download::Options { backoff, ..download::Options::default() },
            registry: &registry::Options::default(),
        };
        update(&follow, &Silent)
    }

    fn update(&self) -> Result<Outcome, UpdateError> {
        self.follow(&Location::Directory(self.publication()), &[self.key.public()], NOW)
    }

    fn generation(&self) -> u64 {
        let database = Database::open(&Database::path_in(&self.data())).unwrap();
        database.verify().unwrap();
        database.header().generation
    }

    /// The document, its manifest changed and signed again by somebody with the key.
    fn resign(&self, change: impl Fn(&mut Manifest)) {
        let path = self.publication().join(DOCUMENT);
        let envelope = Envelope::parse(&fs::read(&path).unwrap()).unwrap();
        let (payload, _) = envelope.open(&[self.key.public()]).unwrap();
        let mut manifest = Manifest::parse(&payload).unwrap();
        change(&mut manifest);
        let payload = serde_json::to_vec(&manifest).unwrap();
        let envelope = Envelope::seal(&payload, &self.key);
        fs::write(path, serde_json::to_vec(&envelope).unwrap()).unwrap();
    }
}

#[test]
fn a_follower_gets_all_once_and_then_differences() {
    let world = World::new();
    world.publish(1);
    assert_eq!(world.update().unwrap().how, How::Full);
    assert_eq!(world.update().unwrap().how, How::UpToDate);
    let open = Database::open(&Database::path_in(&world.data())).unwrap();
    let published = world.publish(2);
    assert_eq!(published.manifest.deltas.len(), 1);
    let outcome = world.update().unwrap();
    assert_eq!((outcome.how, outcome.generation, outcome.fallback), (How::Delta, 2, None));
    assert!(outcome.fetched < published.manifest.full.size / 4, "{}", outcome.fetched);
    assert_eq!(world.generation(), 2);
    // Who had the old one open keeps it.
    open.verify().unwrap();
    assert_eq!(open.header().generation, 1);
    // From any generation that is kept.
    for generation in 3..=5 {
        world.publish(generation);
    }
    assert_eq!(world.update().unwrap().how, How::Delta);
    for generation in 6..=10 {
        world.publish(generation);
    }
    let outcome = world.update().unwrap();
    assert_eq!((outcome.how, outcome.fallback), (How::Full, None), "no way from 5 is kept");
    assert_eq!(world.generation(), 10);
    let kept = fs::read_dir(world.publication().join("generations")).unwrap().count();
    assert_eq!(kept, 4, "the newest and three before");
}

#[test]
fn published_files_never_change() {
    let world = World::new();
    let first = world.publish(1);
    let path = world.publication().join(&first.manifest.full.path);
    let before = fs::metadata(&path).unwrap();
    let again = world.publish(1);
    assert!(again.renewed && again.manifest.counter == 2);
    let after = fs::metadata(&path).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    world.publish(3);
    assert!(matches!(
        world.publish_by(&world.key, 2),
        Err(PublishError::Older { new: 2, published: 3 })
    ));
    let other = SigningKey::generate().unwrap();
    assert!(matches!(world.publish_by(&other, 4), Err(PublishError::Foreign { .. })));
}

#[test]
fn only_what_a_trusted_key_has_signed_is_used() {
    let world = World::new();
    world.publish(1);
    let location = Location::Directory(world.publication());
    assert!(matches!(world.follow(&location, &[], NOW), Err(UpdateError::NoTrust(_))));
    let other = SigningKey::generate().unwrap().public();
    let untrusted = world.follow(&location, &[other], NOW);
    assert!(matches!(
        untrusted,
        Err(UpdateError::Envelope { source: EnvelopeError::Untrusted, .. })
    ));
    assert!(!Database::path_in(&world.data()).exists());
    world.update().unwrap();
    // The keys of the last time hold for the same place only.
    assert_eq!(world.follow(&location, &[], NOW).unwrap().how, How::UpToDate);
    let copy = Location::Directory(world.directory.path().join("elsewhere"));
    assert!(matches!(world.follow(&copy, &[], NOW), Err(UpdateError::NoTrust(_))));
}

#[test]
fn nobody_is_led_back() {
    let world = World::new();
    world.publish(1);
    let old = fs::read(world.publication().join(DOCUMENT)).unwrap();
    world.publish(2);
    world.update().unwrap();
    fs::write(world.publication().join(DOCUMENT), &old).unwrap();
    let refused = world.update();
    assert!(matches!(refused, Err(UpdateError::Rollback { found: 1, seen: 2, .. })), "{refused:?}");
    assert_eq!(world.generation(), 2);
    // Nor to another truth with the same number.
    world.resign(|manifest| manifest.counter = 2);
    assert!(matches!(world.update(), Err(UpdateError::Equivocal { counter: 2, .. })));
    // What was seen counts, even if the database could not be had.
    world.publish(3);
    world.resign(|manifest| {
        manifest.counter = 9;
        manifest.full.path = "generations/absent.cdb".into();
        manifest.deltas.clear();
    });
    assert!(matches!(world.update(), Err(UpdateError::Location(LocationError::Read { .. }))));
    world.resign(|manifest| manifest.counter = 8);
    assert!(matches!(world.update(), Err(UpdateError::Rollback { found: 8, seen: 9, .. })));
    // A state that is damaged is not taken for none.
    fs::write(State::path_in(&world.data()), "{").unwrap();
    assert!(matches!(world.update(), Err(UpdateError::State(_))));
}

#[test]
fn what_has_expired_is_refused() {
    let world = World::new();
    world.publish(1);
    let location = Location::Directory(world.publication());
    let trusted = [world.key.public()];
    let late = world.follow(&location, &trusted, NOW + Duration::days(30));
    assert!(matches!(late, Err(UpdateError::Expired { .. })));
    assert!(world.follow(&location, &trusted, NOW + Duration::days(29)).is_ok());
    // Also what is in use already.
    assert!(matches!(
        world.follow(&location, &trusted, NOW + Duration::days(31)),
        Err(UpdateError::Expired { .. })
    ));
}

fn damage(path: &Path, how: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    how(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_was_damaged_on_the_way_is_not_used() {
    let world = World::new();
    let first = world.publish(1);
    let full = world.publication().join(&first.manifest.full.path);
    let good = fs::read(&full).unwrap();
    let damages: [fn(&mut Vec<u8>); 3] =
        [|bytes| bytes.truncate(100), |bytes| bytes.push(0), |bytes| bytes[200] ^= 1];
    for how in damages {
        damage(&full, how);
        assert!(matches!(
            world.update(),
            Err(UpdateError::Location(LocationError::Content { .. }))
        ));
        fs::write(&full, &good).unwrap();
    }
    world.update().unwrap();
    // A damaged difference costs more, and no more than that.
    let second = world.publish(2);
    damage(&world.publication().join(&second.manifest.deltas[0].file.path), |bytes| bytes[90] ^= 1);
    let outcome = world.update().unwrap();
    assert_eq!(outcome.how, How::Full);
    assert!(outcome.fallback.unwrap().contains("another digest"));
    // So does one that is signed and leads elsewhere.
    world.publish(3);
    world.publish(4);
    world.resign(|manifest| {
        let from = manifest.deltas[1].from.clone();
        manifest.deltas.truncate(1);
        manifest.deltas[0].from = from;
    });
    let outcome = world.update().unwrap();
    assert_eq!(outcome.how, How::Full);
    assert!(outcome.fallback.unwrap().contains("begins at another database"));
    assert_eq!(world.generation(), 4);
    // A database of ours that is damaged is no base.
    damage(&Database::path_in(&world.data()), |bytes| bytes[300] ^= 1);
    world.publish(5);
    assert_eq!(world.update().unwrap().how, How::Full);
}

#[test]
fn a_web_server_is_asked_for_no_more_than_is_needed() {
    let world = World::new();
    world.publish(1);
    let root = world.publication();
    let server = Server::start(move |asked: &Asked| {
        let Ok(bytes) = fs::read(root.join(asked.path.trim_start_matches("/db/"))) else {
            return answer(404, "");
        };
        let sum = bytes
            .iter()
            .fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let tag = format!("\"{sum}\"");
        if asked.header("if-none-match") == tag {
            return answer(304, "");
        }
        let range = asked.header("range").strip_prefix("bytes=").and_then(|r| r.strip_suffix('-'));
        let from: usize = range.map_or(0, |from| from.parse().unwrap());
        let total = bytes.len();
        answer(if from > 0 { 206 } else { 200 }, bytes[from..].to_vec())
            .with("etag", tag)
            .with("content-range", format!("bytes {from}-{}/{total}", total - 1))
    });
    let location = Location::parse(&format!("http://{}/db/", server.address)).unwrap();
    let trusted = [world.key.public()];
    let update = || world.follow(&location, &trusted, NOW);
    let asked = || -> Vec<String> {
        server
            .asked()
            .iter()
            .map(|asked| asked.path.rsplit('/').next().unwrap().to_owned())
            .collect()
    };
    // A piece that an interrupted run has left is gone on with; a wrong one is thrown away.
    let full = world.publish(1).manifest.full;
    let partial = world.data().join("db/publication").join(format!("{}.part", full.sha256));
    fs::create_dir_all(partial.parent().unwrap()).unwrap();
    fs::write(&partial, &fs::read(world.publication().join(&full.path)).unwrap()[..500]).unwrap();
    assert_eq!(update().unwrap().how, How::Full);
    assert!(!partial.exists());
    assert_eq!(server.asked()[1].header("range"), "bytes=500-");
    assert_eq!(update().unwrap().how, How::UpToDate);
    assert_eq!(asked().len(), 3, "the document only: {:?}", asked());
    assert!(!server.asked()[2].header("if-none-match").is_empty());
    let delta = world.publish(2).manifest.deltas[0].file.clone();
    let partial = world.data().join("db/publication").join(format!("{}.part", delta.sha256));
    fs::write(&partial, b"nonsense").unwrap();
    assert_eq!(update().unwrap().how, How::Delta);
    assert_eq!(world.generation(), 2);
    // Without the server, what is in use stays in use.
    drop(server);
    assert!(update().is_err());
    assert_eq!(world.generation(), 2);
}

#[test]
fn places_are_understood_as_they_are_written() {
    for (text, wanted) in [
        ("./mirror", "./mirror"),
        ("dir:/media/disk", "/media/disk"),
        ("https://mirror.example/db/", "https://mirror.example/db"),
        ("oci:registry.example/db:latest", "oci:registry.example/db:latest"),
        ("registry:registry.example/db:latest", "oci:registry.example/db:latest"),
    ] {
        assert_eq!(Location::parse(text).unwrap().to_string(), wanted);
    }
    for text in ["", "dir:", "oci:", "oci:Not A Reference"] {
        assert!(Location::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// A byte changed anywhere in the document: refused, or of no consequence.
    #[test]
    fn a_changed_document_changes_nothing(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let world = World::new();
        world.publish(1);
        let path = world.publication().join(DOCUMENT);
        damage(&path, |bytes| {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        });
        if let Ok(outcome) = world.update() {
            prop_assert_eq!(outcome.generation, 1);
            prop_assert_eq!(world.generation(), 1);
        }
    }
}
