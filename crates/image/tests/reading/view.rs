//! The merged view of layers: what hides what, where links lead, what is too much.

use std::sync::Arc;

use cofferdam_image::{Error, Interest, Kept, LayerCache, Limits, Reading, Skipped, Source, read};

use crate::support::{Memory, Tar, image};

fn interest() -> Interest {
    Interest {
        files: ["var/lib/dpkg/status", "etc/os-release"].map(str::to_owned).into(),
        directories: vec!["var/lib/dpkg/status.d".to_owned()],
        ..Interest::default()
    }
}

fn reading(layers: &[Tar]) -> Result<Reading, Error> {
    reading_within(layers, &Limits::default())
}

fn reading_within(layers: &[Tar], limits: &Limits) -> Result<Reading, Error> {
    let archives: Vec<_> = layers.iter().map(|layer| layer.clone().end()).collect();
    let source = Source::Image(Box::new(image(&archives)));
    read(&source, &interest(), limits, None, &())
}

/// The content of the dpkg status and its layer.
fn status(layers: &[Tar]) -> Option<(String, usize)> {
    let reading = reading(layers).unwrap();
    assert_eq!(reading.skipped, []);
    let (content, layer) = reading.tree.file("var/lib/dpkg/status")?;
    Some((String::from_utf8(content.to_vec()).unwrap(), layer))
}

fn base() -> Tar {
    Tar::new().directory("var/").directory("var/lib/").file("var/lib/dpkg/status", "base")
}

fn found(text: &str, layer: usize) -> Option<(String, usize)> {
    Some((text.to_owned(), layer))
}

#[test]
fn a_higher_layer_replaces_a_file() {
    let upper = Tar::new().file("./var/lib/dpkg/status", "upper");
    assert_eq!(status(&[base(), upper]), found("upper", 1));
    assert_eq!(status(&[base(), Tar::new().file("bin/sh", "")]), found("base", 0));
    assert_eq!(status(&[]), None);
}

#[test]
fn the_last_of_duplicates_wins() {
    let layer = base().file("var/lib/dpkg/status", "second");
    assert_eq!(status(&[layer]), found("second", 0));
}

#[test]
fn whiteouts_hide_lower_layers_only() {
    for hidden in ["var/lib/dpkg/.wh.status", "var/lib/.wh.dpkg", "var/.wh.lib", ".wh.var"] {
        assert_eq!(status(&[base(), Tar::new().file(hidden, "")]), None, "{hidden}");
        let again = Tar::new().file(hidden, "").file("var/lib/dpkg/status", "new");
        assert_eq!(status(&[base(), again]), found("new", 1), "{hidden}");
        let before = Tar::new().file("var/lib/dpkg/status", "new").file(hidden, "");
        assert_eq!(status(&[base(), before]), found("new", 1), "{hidden}");
        let later = Tar::new().file("var/lib/dpkg/status", "later");
        assert_eq!(status(&[base(), Tar::new().file(hidden, ""), later]), found("later", 2));
    }
    assert_eq!(status(&[base(), Tar::new().file("var/lib/dpkg/.wh.other", "")]), found("base", 0));
}

#[test]
fn an_opaque_directory_hides_lower_layers_wherever_its_mark_stands() {
    for directory in ["", "var/", "var/lib/", "var/lib/dpkg/"] {
        let mark = format!("{directory}.wh..wh..opq");
        assert_eq!(status(&[base(), Tar::new().file(&mark, "")]), None, "{mark}");
        let first = Tar::new().file(&mark, "").file("var/lib/dpkg/status", "new");
        let last = Tar::new().file("var/lib/dpkg/status", "new").file(&mark, "");
        assert_eq!(status(&[base(), first]), found("new", 1), "{mark}");
        assert_eq!(status(&[base(), last]), found("new", 1), "{mark}");
    }
    let elsewhere = Tar::new().file("etc/.wh..wh..opq", "");
    assert_eq!(status(&[base(), elsewhere]), found("base", 0));
}

#[test]
fn a_file_replaces_a_directory_and_the_other_way_round() {
    for place in ["var", "var/lib", "var/lib/dpkg"] {
        assert_eq!(status(&[base(), Tar::new().file(place, "now a file")]), None, "{place}");
        let device = Tar::new().entry(place, b'3', "", b"");
        assert_eq!(status(&[base(), device]), None, "{place}");
        let back = Tar::new().directory(place).file("var/lib/dpkg/status", "back");
        let layers = [base(), Tar::new().file(place, ""), back];
        assert_eq!(status(&layers), found("back", 2), "{place}");
    }
    // A directory over a directory keeps what is in it; over the wanted file it replaces it.
    assert_eq!(status(&[base(), Tar::new().directory("var/lib/dpkg/")]), found("base", 0));
    assert_eq!(status(&[base(), Tar::new().directory("var/lib/dpkg/status")]), None);
}

#[test]
fn links_lead_to_files_that_nobody_asked_for_by_name() {
    let moved = Tar::new()
        .symlink("var/lib/dpkg", "../../opt/dpkg")
        .symlink("opt", "/srv/opt")
        .file("srv/opt/dpkg/status", "moved")
        .file("srv/opt/dpkg/status.d/base", "part");
    assert_eq!(status(std::slice::from_ref(&moved)), found("moved", 0));
    let reading = reading(&[moved]).unwrap();
    let below: Vec<_> = reading.tree.files_below("var/lib/dpkg/status.d").collect();
    assert_eq!(below.len(), 1);
    assert_eq!(below[0].0, "srv/opt/dpkg/status.d/base");
}

#[test]
fn hard_links_have_the_content_of_what_they_link_to() {
    let same = Tar::new().file("opt/data", "linked").hardlink("var/lib/dpkg/status", "opt/data");
    assert_eq!(status(&[same]), found("linked", 0));
    let lower = Tar::new().file("opt/data", "lower");
    let upper = Tar::new().hardlink("var/lib/dpkg/status", "./opt/data");
    assert_eq!(status(&[lower, upper]), found("lower", 1));
    assert_eq!(status(&[base(), Tar::new().hardlink("var/lib/dpkg/status", "gone")]), None);
}

#[test]
fn an_entry_below_a_link_of_a_lower_layer_goes_where_the_link_leads() {
    let linked = Tar::new()
        .symlink("lib", "var/lib")
        .directory("var/lib/")
        .file("var/lib/dpkg/status", "base");
    let through = Tar::new().file("lib/dpkg/status", "through");
    assert_eq!(status(&[linked.clone(), through]), found("through", 1));
    assert_eq!(status(&[linked.clone(), Tar::new().file("lib/dpkg/.wh.status", "")]), None);
    // A directory in the place of the link is another directory.
    let replaced = Tar::new().directory("lib/").file("lib/dpkg/status", "other");
    assert_eq!(status(&[linked, replaced]), found("base", 0));
}

#[test]
fn link_loops_lead_nowhere() {
    let looped = Tar::new()
        .symlink("var/lib/dpkg", "dpkg2")
        .symlink("var/lib/dpkg2", "dpkg")
        .symlink("etc/os-release", "os-release");
    let reading = reading(&[base(), looped]).unwrap();
    assert_eq!(reading.tree.file("var/lib/dpkg/status"), None);
    assert_eq!(reading.tree.file("etc/os-release"), None);
}

#[test]
fn a_chain_of_links_without_end_is_told() {
    let mut layer = Tar::new();
    for step in 0..30 {
        layer = layer.symlink(&format!("l{step}"), &format!("l{}", step + 1));
    }
    let reading = reading(&[layer.symlink("etc", "l0")]).unwrap();
    assert!(reading.skipped.iter().any(|skipped| skipped.why.contains("too many links")));
}

#[test]
fn names_that_leave_the_root_are_told_and_not_used() {
    let evil = Tar::new()
        .file("../../var/lib/dpkg/status", "evil")
        .hardlink("etc/os-release", "../../../etc/shadow");
    let reading = reading(&[base(), evil]).unwrap();
    assert_eq!(&**reading.tree.file("var/lib/dpkg/status").unwrap().0, b"base");
    let objects: Vec<_> = reading.skipped.iter().map(|skipped| skipped.object.as_str()).collect();
    assert_eq!(objects, ["../../var/lib/dpkg/status", "etc/os-release"]);
    // An absolute name is one within the root.
    assert_eq!(
        status(&[Tar::new().file("/var/lib/dpkg/status", "absolute")]),
        found("absolute", 0)
    );
}

#[test]
fn a_file_over_the_limit_is_told_and_hides_the_one_below() {
    let limits = Limits { file: 10, ..Limits::default() };
    let upper = Tar::new().file("var/lib/dpkg/status", "more than ten bytes");
    let reading = reading_within(&[base(), upper], &limits).unwrap();
    assert_eq!(reading.tree.file("var/lib/dpkg/status"), None);
    let why = "it has 19 bytes, and 10 are kept at most".to_owned();
    assert_eq!(reading.skipped, [Skipped { object: "var/lib/dpkg/status".to_owned(), why }]);

    let limits = Limits { kept: Kept { bytes: 15, entries: 3 }, ..Limits::default() };
    let many = (0..5)
        .fold(Tar::new(), |tar, file| tar.file(&format!("var/lib/dpkg/status.d/{file}"), "12345"));
    let reading = reading_within(&[many], &limits).unwrap();
    assert_eq!(reading.tree.files_below("var/lib/dpkg/status.d").count(), 3);
    assert_eq!(reading.skipped.len(), 2);
}

#[test]
fn a_name_that_is_not_utf_8_is_told() {
    let mut block = crate::support::header("var/lib/dpkg/status.d/?", b'0', "", 0);
    block[22] = 0xff;
    crate::support::seal(&mut block);
    let reading = reading(&[Tar::new().raw(&block)]).unwrap();
    assert_eq!(reading.skipped.len(), 1);
    assert_eq!(reading.skipped[0].why, "its name is not UTF-8");
}

#[test]
fn layers_in_the_wrong_order_are_an_error() {
    let mut image = image(&[base().end(), Tar::new().file("x", "").end()]);
    let first = image.layers[0].diff_id;
    image.layers[0].diff_id = image.layers[1].diff_id;
    image.layers[1].diff_id = first;
    let source = Source::Image(Box::new(image));
    let error = read(&source, &interest(), &Limits::default(), None, &()).unwrap_err();
    assert!(matches!(error, Error::Digest { what: "uncompressed layer", .. }), "{error}");
}

#[test]
fn many_layers_are_laid_in_order() {
    let layers: Vec<_> =
        (0..60).map(|number| Tar::new().file("var/lib/dpkg/status", number.to_string())).collect();
    assert_eq!(status(&layers), found("59", 59));
}

/// A layer that was read once is not read again, and the answer is the same.
#[test]
fn the_cache_answers_without_the_layer() {
    let directory = tempfile::tempdir().unwrap();
    let cache = LayerCache::new(directory.path());
    let evil = Tar::new().file("../x", "").symlink("etc/os-release", "../opt/os");
    let layers = [base().end(), evil.file("opt/os", "ID=x").end()];
    let mut image = image(&layers);
    let limits = Limits::default();
    let whole = Source::Image(Box::new(image.clone()));
    let first = read(&whole, &interest(), &limits, Some(&cache), &()).unwrap();
    assert_eq!(&**first.tree.file("etc/os-release").unwrap().0, b"ID=x");
    assert_eq!(first.skipped.len(), 1);

    image.blobs = Arc::new(Memory(Default::default()));
    let known = Source::Image(Box::new(image));
    assert_eq!(read(&known, &interest(), &limits, Some(&cache), &()).unwrap(), first);

    let other = Interest { files: vec!["etc/passwd".to_owned()], ..Interest::default() };
    let error = read(&known, &other, &limits, Some(&cache), &()).unwrap_err();
    assert!(
        matches!(error, Error::MissingBlob { .. }),
        "another question is not answered: {error}"
    );
    let stricter = Limits { file: 1, ..limits };
    assert!(read(&known, &interest(), &stricter, Some(&cache), &()).is_err());
}

#[test]
fn a_damaged_or_foreign_cache_is_read_again_and_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    let cache = LayerCache::new(directory.path());
    let source = Source::Image(Box::new(image(&[base().end()])));
    let limits = Limits::default();
    let first = read(&source, &interest(), &limits, Some(&cache), &()).unwrap();
    let files = || std::fs::read_dir(directory.path().join("cache/layers")).unwrap();
    let path = files().next().unwrap().unwrap().path();
    let good = std::fs::read(&path).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for bad in [b"".to_vec(), b"foreign".to_vec(), good[..good.len() / 2].to_vec(), flipped] {
        std::fs::write(&path, bad).unwrap();
        assert_eq!(read(&source, &interest(), &limits, Some(&cache), &()).unwrap(), first);
        assert_eq!(std::fs::read(&path).unwrap(), good);
    }
    assert_eq!(files().count(), 1, "no temporary file stays");
}

#[test]
fn the_cache_stays_within_its_capacity() {
    let directory = tempfile::tempdir().unwrap();
    let cache = LayerCache::with_capacity(directory.path(), 4000);
    for number in 0..20 {
        let layer = Tar::new().file("var/lib/dpkg/status", format!("{number:0600}"));
        let source = Source::Image(Box::new(image(&[layer.end()])));
        read(&source, &interest(), &Limits::default(), Some(&cache), &()).unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(directory.path().join("cache/layers"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    assert!(files.iter().sum::<u64>() <= 4000, "{files:?}");
    assert!(files.len() > 2, "{files:?}");
}

#[test]
fn a_cache_that_cannot_be_written_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("cache"), "a file in its place").unwrap();
    let cache = LayerCache::new(directory.path());
    let source = Source::Image(Box::new(image(&[base().end()])));
    assert!(read(&source, &interest(), &Limits::default(), Some(&cache), &()).is_ok());
}
