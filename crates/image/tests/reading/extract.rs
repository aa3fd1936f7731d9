//! What is extracted of files while layers stream by, and what takes its place.

use cofferdam_image::{
    Candidate, Extractor, Interest, LayerCache, Limits, OpenOptions, Reading, Source, Target, open,
    read,
};

use crate::support::{Tar, image};

/// Takes the first word of files whose names end in `.pkg`.
const WORDS: Extractor = Extractor {
    id: "first words 1",
    selects: |candidate: &Candidate<'_>| candidate.path.ends_with(".pkg"),
    extract: |candidate, content| {
        let mut text = String::new();
        content.read_to_string(&mut text)?;
        assert!(candidate.size >= text.len() as u64);
        let word = text.split_whitespace().next().filter(|word| *word != "none");
        Ok(word.unwrap_or_default().as_bytes().to_vec())
    },
};

fn interest() -> Interest {
    Interest { extractor: Some(WORDS), ..Interest::default() }
}

fn extracts(reading: &Reading) -> Vec<String> {
    let line = |(path, extract, layer): (&str, &std::sync::Arc<[u8]>, usize)| {
        format!("{path} {} {layer}", String::from_utf8_lossy(extract))
    };
    let whole = reading.tree.files().map(|(path, content, layer)| {
        format!("{path} whole {} {layer}", String::from_utf8_lossy(content))
    });
    reading.tree.extracts().map(line).chain(whole).collect()
}

fn of_layers(layers: &[Tar]) -> Vec<String> {
    let archives: Vec<_> = layers.iter().map(|layer| layer.clone().end()).collect();
    let source = Source::Image(Box::new(image(&archives)));
    let directory = tempfile::tempdir().unwrap();
    let cache = LayerCache::new(directory.path());
    let reading = read(&source, &interest(), &Limits::default(), None, &()).unwrap();
    let found = extracts(&reading);
    assert_eq!(reading.skipped, []);
    for _ in 0..2 {
        let cached = read(&source, &interest(), &Limits::default(), Some(&cache), &()).unwrap();
        assert_eq!(extracts(&cached), found, "the cache says the same");
    }
    found
}

fn base() -> Tar {
    Tar::new()
        .directory("a/")
        .file("a/x.pkg", "one two")
        .file("a/b/y.pkg", "three")
        .file("a/z", "z")
}

#[test]
fn files_are_condensed_wherever_they_are() {
    assert_eq!(of_layers(&[base()]), ["a/b/y.pkg three 0", "a/x.pkg one 0"]);
    let upper = Tar::new().file("a/x.pkg", "four").file("none.pkg", "none");
    assert_eq!(of_layers(&[base(), upper]), ["a/b/y.pkg three 0", "a/x.pkg four 1"]);
}

#[test]
fn what_takes_their_place_hides_them() {
    let rest = ["a/b/y.pkg three 0"];
    assert_eq!(of_layers(&[base(), Tar::new().file("a/.wh.x.pkg", "")]), rest);
    assert_eq!(of_layers(&[base(), Tar::new().file("a/x.pkg", "none")]), rest);
    assert_eq!(of_layers(&[base(), Tar::new().symlink("a/x.pkg", "z")]), rest);
    for hidden in ["a/.wh.b", "a/b/.wh..wh..opq"] {
        assert_eq!(
            of_layers(&[base(), Tar::new().file(hidden, "")]),
            ["a/x.pkg one 0"],
            "{hidden}"
        );
    }
    // A directory that becomes a link, without a whiteout.
    assert_eq!(of_layers(&[base(), Tar::new().symlink("a/b", "elsewhere")]), ["a/x.pkg one 0"]);
    assert_eq!(of_layers(&[base(), Tar::new().symlink("a", "elsewhere")]), Vec::<String>::new());
}

/// pnpm links the files of packages to those of its store, which have other names.
#[test]
fn a_second_name_of_a_file_is_not_lost() {
    let layer = Tar::new().file("store/1", "one two").hardlink("a/x.pkg", "store/1");
    assert_eq!(of_layers(&[layer]), ["a/x.pkg whole one two 0", "store/1 whole one two 0"]);
    let layer = base().hardlink("a/again.pkg", "a/x.pkg");
    assert_eq!(of_layers(&[layer]), ["a/again.pkg one 0", "a/b/y.pkg three 0", "a/x.pkg one 0"]);
}

#[test]
fn too_much_is_skipped_and_said() {
    let mut limits = Limits::default();
    limits.kept.entries = 1;
    let source = Source::Image(Box::new(image(&[base().end()])));
    let reading = read(&source, &interest(), &limits, None, &()).unwrap();
    assert_eq!(extracts(&reading).len(), 1);
    assert_eq!(reading.skipped.len(), 1);
}

#[test]
fn directories_are_walked_without_following_links() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("a/x.pkg", "one two");
    write("a/none.pkg", "none");
    write("proc/1/y.pkg", "kernel");
    write("srv/proc/y.pkg", "three");
    std::os::unix::fs::symlink("a", root.path().join("b")).unwrap();
    std::os::unix::fs::symlink("/", root.path().join("out")).unwrap();
    std::os::unix::fs::symlink("x.pkg", root.path().join("a/link.pkg")).unwrap();
    let source = open(&Target::Directory(root.path().into()), &OpenOptions::default()).unwrap();
    let reading = read(&source, &interest(), &Limits::default(), None, &()).unwrap();
    assert_eq!(extracts(&reading), ["a/x.pkg one 0", "srv/proc/y.pkg three 0"]);
    assert_eq!(reading.skipped, []);
}
