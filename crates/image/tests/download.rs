//! Files from a web server: fetched once, resumed, and replaced as a whole.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod server;

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use cofferdam_image::{
    Progress,
    download::{Error, Options, Outcome, Version, download, resume},
};
use server::{Answer, Asked, Server, answer};

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("feeds/all.zip")
    }

    fn get(&self, url: &str, known: Option<&Version>) -> Result<Outcome, Error> {
        let options =
            Options { backoff: Duration::from_millis(1), limit: 1_000_000, ..Options::default() };
        download(url, &self.file(), known, &options, &Silent)
    }

    /// The file's content; nothing else may lie beside it.
    fn content(&self) -> Option<Vec<u8>> {
        let content = fs::read(self.file()).ok();
        let beside = fs::read_dir(self.0.path().join("feeds")).map_or(0, Iterator::count);
        assert_eq!(beside, usize::from(content.is_some()), "a partial file was left");
        content
    }
}

fn body() -> Vec<u8> {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

const DATE: &str = "Wed, 11 Nov 2026 10:00:00 GMT";

/// Has one version of one file, understands conditions and ranges, and breaks off after `piece`.
fn file_server(piece: usize) -> Server {
    Server::start(move |asked: &Asked| {
        let request = (asked.method.as_str(), asked.path.as_str(), asked.body.as_str());
        assert_eq!(request, ("GET", "/path/all.zip", ""));
        if asked.header("if-none-match") == "\"one\"" {
            return answer(304, "");
        }
        let range = asked.header("range").strip_prefix("bytes=").and_then(|r| r.strip_suffix('-'));
        let from: usize = range.map_or(0, |from| from.parse().unwrap());
        let status = if from > 0 {
            assert_eq!(asked.header("if-range"), "\"one\"");
            206
        } else {
            200
        };
        let rest = body()[from..].to_vec();
        let total = body().len();
        let cut = (rest.len() > piece).then_some(piece);
        let range = format!("bytes {from}-{}/{total}", total - 1);
        Answer { cut, ..answer(status, rest) }
            .with("etag", "\"one\"")
            .with("last-modified", DATE)
            .with("content-range", range)
    })
}

fn url(server: &Server) -> String {
    format!("http://{}/path/all.zip", server.address)
}

#[test]
fn a_file_is_fetched_once() {
    let (place, server) = (Place::new(), file_server(usize::MAX));
    let version = Version { etag: Some("\"one\"".into()), last_modified: Some(DATE.into()) };
    assert_eq!(place.get(&url(&server), None).unwrap(), Outcome::Fetched(version.clone()));
    assert_eq!(place.content().unwrap(), body());
    assert_eq!(place.get(&url(&server), Some(&version)).unwrap(), Outcome::Unchanged);
    assert_eq!(place.content().unwrap(), body());
    // What is gone is fetched again, whatever is remembered of it.
    fs::remove_file(place.file()).unwrap();
    assert_eq!(place.get(&url(&server), Some(&version)).unwrap(), Outcome::Fetched(version));
    assert_eq!(place.content().unwrap(), body());
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let (place, server) = (Place::new(), file_server(150_000));
    place.get(&url(&server), None).unwrap();
    assert_eq!(place.content().unwrap(), body());
    let starts: Vec<String> =
        server.asked().iter().map(|asked| asked.header("range").to_owned()).collect();
    assert_eq!(starts, ["", "bytes=150000-", "bytes=300000-"]);
}

#[test]
fn a_file_that_changes_meanwhile_is_fetched_from_its_start() {
    let place = Place::new();
    let count = AtomicUsize::new(0);
    let server = Server::start(move |_: &Asked| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Answer { cut: Some(3), ..answer(200, "old content") }.with("etag", "\"old\""),
        // The condition does not hold: the whole file.
        _ => answer(200, "new content").with("etag", "\"new\""),
    });
    let outcome = place.get(&url(&server), None).unwrap();
    let version = Version { etag: Some("\"new\"".into()), last_modified: None };
    assert_eq!(outcome, Outcome::Fetched(version));
    assert_eq!(place.content().unwrap(), b"new content");
}

#[test]
fn what_fails_leaves_the_file_as_it_was() {
    let place = Place::new();
    fs::create_dir_all(place.file().parent().unwrap()).unwrap();
    fs::write(place.file(), "before").unwrap();
    let large = || vec![0; 1_000_001];
    for (wanted, attempts, reply) in [
        ("answered 404", 1, Box::new(|| answer(404, "")) as Box<dyn Fn() -> Answer + Send + Sync>),
        ("answered 503", 4, Box::new(|| answer(503, ""))),
        ("larger than 1000000 bytes", 1, Box::new(move || answer(200, large()))),
        ("cannot be reached", 4, Box::new(|| Answer { cut: Some(0), ..answer(200, "never") })),
        ("answered with another part", 1, Box::new(|| answer(206, "piece"))),
        ("answered 304", 1, Box::new(|| answer(304, ""))),
        (
            "cannot be reached",
            4,
            Box::new(|| answer(302, "").with("location", "ftp://elsewhere.example/")),
        ),
    ] {
        let server = Server::start(move |_: &Asked| reply());
        let error = place.get(&url(&server), None).unwrap_err();
        assert!(error.to_string().contains(wanted), "{wanted}: {error}");
        assert_eq!(server.asked().len(), attempts, "{wanted}");
        assert_eq!(place.content().unwrap(), b"before");
    }
}

#[test]
fn only_addresses_that_are_safe_are_used() {
    let place = Place::new();
    for (address, wanted) in [
        ("http://mirror.example/all.zip", "only TLS"),
        ("http://localhost:1@mirror.example/all.zip", "credentials"),
        ("https://user:word@mirror.example/all.zip", "credentials"),
        ("file:///etc/passwd", "only https"),
        ("all.zip", "relative URL"),
    ] {
        let error = place.get(address, None).unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains("word"), "{error}");
    }
}

#[test]
fn what_never_changes_goes_on_in_a_later_run() {
    let (place, server) = (
        Place::new(),
        Server::start(|asked: &Asked| {
            let range =
                asked.header("range").strip_prefix("bytes=").and_then(|r| r.strip_suffix('-'));
            let from: usize = range.map_or(0, |from| from.parse().unwrap());
            let total = body().len();
            let status = if from > 0 { 206 } else { 200 };
            answer(status, body()[from..].to_vec())
                .with("content-range", format!("bytes {from}-{}/{total}", total - 1))
        }),
    );
    let get = || {
        let options = Options { backoff: Duration::from_millis(1), ..Options::default() };
        resume(&url(&server), &place.file(), body().len() as u64, &options, &Silent)
    };
    fs::create_dir_all(place.file().parent().unwrap()).unwrap();
    fs::write(place.file(), &body()[..1000]).unwrap();
    get().unwrap();
    assert_eq!(place.content().unwrap(), body());
    get().unwrap();
    let starts: Vec<String> =
        server.asked().iter().map(|asked| asked.header("range").to_owned()).collect();
    assert_eq!(starts, ["bytes=1000-"], "what is whole is not asked for");
    // What is too long is not what was meant: from the start.
    fs::write(place.file(), vec![0; body().len() + 1]).unwrap();
    get().unwrap();
    assert_eq!(place.content().unwrap(), body());
}

#[test]
fn what_never_changes_has_its_size_and_no_more() {
    let place = Place::new();
    let server = Server::start(|_: &Asked| answer(200, vec![0; 11]));
    let options = Options { backoff: Duration::from_millis(1), ..Options::default() };
    let error = resume(&url(&server), &place.file(), 10, &options, &Silent).unwrap_err();
    assert!(error.to_string().contains("larger than 10 bytes"), "{error}");
}
