//! Who looks on while layers are read sees every entry once, deleted and kept ones too.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::symlink,
    sync::atomic::{AtomicUsize, Ordering},
};

use cofferdam_image::{
    Directory, Interest, LayerCache, Limits, Source, Survey, Surveyor, read_surveyed,
    tar::EntryHeader,
};

use crate::support::{Tar, image};

/// Writes down each path with the length of its content.
#[derive(Default)]
struct List {
    begun: AtomicUsize,
}

struct Lines(String);

impl Survey for List {
    fn name(&self) -> &str {
        "list-1"
    }

    fn begin(&self) -> Box<dyn Surveyor + '_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Box::new(Lines(String::new()))
    }
}

impl Surveyor for Lines {
    fn entry(&mut self, entry: &EntryHeader, content: &mut dyn Read) -> io::Result<()> {
        let mut text = String::new();
        content.read_to_string(&mut text)?;
        self.0.push_str(&format!("{} {text}\n", String::from_utf8_lossy(&entry.path)));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.into_bytes()
    }
}

fn interest() -> Interest {
    Interest { files: vec!["etc/os-release".to_owned()], ..Interest::default() }
}

fn source() -> Source {
    let base = Tar::new().directory("etc").file("etc/os-release", "ID=x").file("root/key", "k1");
    let upper = Tar::new().file("root/.wh.key", "").file("app", "a");
    Source::Image(Box::new(image(&[base.end(), upper.end()])))
}

fn texts(surveys: &[Vec<u8>]) -> Vec<&str> {
    surveys.iter().map(|survey| std::str::from_utf8(survey).unwrap()).collect()
}

const EXPECTED: [&str; 2] = ["etc \netc/os-release ID=x\nroot/key k1\n", "root/.wh.key \napp a\n"];

#[test]
fn every_entry_is_seen_with_its_content() {
    let list = List::default();
    let limits = Limits::default();
    let reading = read_surveyed(&source(), &interest(), Some(&list), &limits, None, &()).unwrap();
    assert_eq!(texts(&reading.surveys), EXPECTED);
    assert_eq!(&**reading.tree.file("etc/os-release").unwrap().0, b"ID=x");
}

#[test]
fn what_a_survey_said_is_remembered_for_it_alone() {
    let data = tempfile::tempdir().unwrap();
    let cache = LayerCache::new(data.path());
    let list = List::default();
    let limits = Limits::default();
    let read =
        |survey| read_surveyed(&source(), &interest(), survey, &limits, Some(&cache), &()).unwrap();
    assert_eq!(read(None).surveys, Vec::<Vec<u8>>::new());
    let first = read(Some(&list as &dyn Survey));
    assert_eq!(list.begun.load(Ordering::Relaxed), 2, "what was known did not answer this");
    let second = read(Some(&list as &dyn Survey));
    assert_eq!(list.begun.load(Ordering::Relaxed), 2);
    assert_eq!(first, second);
    assert_eq!(texts(&second.surveys), EXPECTED);
    // Damage is noticed.
    for entry in fs::read_dir(data.path().join("cache/layers")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(texts(&read(Some(&list as &dyn Survey)).surveys), EXPECTED);
    assert_eq!(list.begun.load(Ordering::Relaxed), 4);
}

#[test]
fn a_directory_is_seen_whole_and_no_link_is_followed() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/b/file"), "text").unwrap();
    fs::write(temporary.path().join("outside"), "outside").unwrap();
    symlink("../outside", root.join("link")).unwrap();
    symlink("..", root.join("up")).unwrap();
    let source = Source::Directory(Directory::open(&root).unwrap());
    let list = List::default();
    let limits = Limits::default();
    let reading = read_surveyed(&source, &interest(), Some(&list), &limits, None, &()).unwrap();
    let mut lines: Vec<&str> = texts(&reading.surveys)[0].lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a ", "a/b ", "a/b/file text", "link ", "up "]);
    assert_eq!(reading.skipped, []);
    let few = Limits { entries: 2, ..Limits::default() };
    let reading = read_surveyed(&source, &interest(), Some(&list), &few, None, &()).unwrap();
    assert!(!reading.skipped.is_empty(), "what is left out is told");
}
