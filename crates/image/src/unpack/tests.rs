//! What hostile and odd archives do to the disk. Each test unpacks below a directory that holds a
//! witness, and checks that nothing but the root has changed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};

use super::*;
use crate::{
    Limits,
    store::tar_writer::{Bytes, Writer, plain_file},
    tar::Reader,
};

/// One entry of a test archive.
struct E(EntryHeader, Vec<u8>);

fn entry(path: &[u8], kind: EntryKind) -> E {
    let mut header = plain_file("", 0);
    header.name = path.to_vec();
    header.path = path.to_vec();
    header.kind = kind;
    header.mode = 0o755;
    header.mtime = 1_000_000_000;
    (header.uid, header.gid) = (7, 8);
    E(header, Vec::new())
}

fn file(path: &str, content: &str) -> E {
    let E(mut header, _) = entry(path.as_bytes(), EntryKind::File);
    header.mode = 0o644;
    header.size = content.len() as u64;
    E(header, content.into())
}

fn directory(path: &str) -> E {
    entry(path.as_bytes(), EntryKind::Directory)
}

fn link(path: &str, target: &str) -> E {
    entry(path.as_bytes(), EntryKind::Symlink(target.into()))
}

fn hardlink(path: &str, target: &str) -> E {
    entry(path.as_bytes(), EntryKind::Hardlink(target.into()))
}

impl E {
    fn mode(mut self, mode: u32) -> Self {
        self.0.mode = mode;
        self
    }

    fn xattr(mut self, name: &str, value: &str) -> Self {
        self.0.xattrs.push((name.into(), value.into()));
        self
    }
}

fn archive(entries: &[E]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for E(header, content) in entries {
        writer.begin(header).unwrap();
        writer.write_all(content).unwrap();
        writer.end(header).unwrap();
    }
    writer.finish().unwrap()
}

/// A directory with a root in it, and beside the root what must stay as it is.
struct Place {
    _directory: tempfile::TempDir,
    root: PathBuf,
    witness: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        let witness = directory.path().join("witness");
        fs::create_dir(&root).unwrap();
        fs::create_dir(&witness).unwrap();
        fs::write(witness.join("secret"), "secret").unwrap();
        Self { _directory: directory, root, witness }
    }

    fn unpack_with(
        &self,
        layers: &[&[E]],
        policy: Policy,
        bounds: Bounds,
    ) -> Result<Outcome, Error> {
        let before = snapshot(&self.witness);
        let root = File::open(&self.root).unwrap().into();
        let mut extractor = Extractor::new(root, policy, bounds)?;
        let limits = Limits::default();
        let mut result = Ok(());
        'layers: for layer in layers {
            let mut reader = Reader::new(Bytes(io::Cursor::new(archive(layer))), &limits);
            while let Some(header) = reader.next_entry().unwrap() {
                result = extractor.apply(&header, &mut reader.body());
                if result.is_err() {
                    break 'layers;
                }
            }
            extractor.next_layer();
        }
        let outcome = extractor.finish();
        assert_eq!(snapshot(&self.witness), before, "something outside of the root has changed");
        result.and(outcome)
    }

    fn unpack(&self, layers: &[&[E]]) -> Result<Outcome, Error> {
        self.unpack_with(layers, Policy::standard(), Bounds::default())
    }

    /// Unpacks and returns the names in the root, with what they are.
    fn tree(&self, layers: &[&[E]]) -> Vec<String> {
        self.unpack(layers).unwrap();
        snapshot(&self.root).into_iter().map(|(path, what)| format!("{path}{what}")).collect()
    }
}

/// Every path below `directory` with its kind and content.
fn snapshot(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().as_os_str().as_bytes();
            let name = String::from_utf8_lossy(name).into_owned();
            let kind = path.symlink_metadata().unwrap().file_type();
            let what = if kind.is_dir() {
                pending.push(path);
                "/".to_owned()
            } else if kind.is_symlink() {
                format!(" -> {}", fs::read_link(path).unwrap().display())
            } else if kind.is_file() {
                format!("={}", fs::read_to_string(path).unwrap())
            } else {
                "|".to_owned()
            };
            found.insert(name, what);
        }
    }
    found
}

#[test]
fn a_file_through_a_symbolic_link_stays_in_the_root() {
    let place = Place::new();
    let target = place.witness.to_str().unwrap().to_owned();
    let layer = [
        link("out", &target),
        file("out/secret", "mine"),
        link("up", "../../witness"),
        file("up/secret", "mine"),
    ];
    place.unpack(&[&layer]).unwrap();
    let below = place.root.join(target.trim_start_matches('/'));
    assert_eq!(fs::read_to_string(below.join("secret")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(place.root.join("witness/secret")).unwrap(), "mine");
}

#[test]
fn a_link_that_a_later_layer_puts_in_place_of_a_directory_leads_nowhere_else() {
    let place = Place::new();
    let target = place.witness.to_str().unwrap().to_owned();
    let base = [directory("d"), file("d/secret", "theirs")];
    let swap = [link("d", &target), file("d/secret", "mine"), file("d/new", "mine")];
    place.unpack(&[&base, &swap]).unwrap();
    assert!(fs::symlink_metadata(place.root.join("d")).unwrap().is_symlink());
    let within = place.root.join(target.trim_start_matches('/'));
    assert_eq!(fs::read_to_string(within.join("new")).unwrap(), "mine");
}

#[test]
fn a_file_in_place_of_a_link_replaces_the_link_not_its_target() {
    let place = Place::new();
    let target = place.witness.join("secret");
    symlink(&target, place.root.join("a")).unwrap();
    assert_eq!(place.tree(&[&[file("a", "mine")]]), ["a=mine"]);
    let E(mut header, content) = file("b", "mine");
    header.kind = EntryKind::File;
    assert_eq!(
        place.tree(&[&[link("b", target.to_str().unwrap()), E(header, content)]]),
        ["a=mine", "b=mine"]
    );
}

#[test]
fn a_hard_link_reaches_only_what_is_in_the_root() {
    let place = Place::new();
    for target in ["etc/passwd", "/etc/passwd", "../witness/secret", "a/../../witness/secret"] {
        let error = place.unpack(&[&[hardlink("x", target)]]).unwrap_err();
        assert!(matches!(error, Error::Target { .. } | Error::Escape { .. }), "{target}: {error}");
    }
    // By a symbolic link: resolved within the root, where there is nothing.
    let secret = place.witness.join("secret");
    let through = [link("out", place.witness.to_str().unwrap()), hardlink("x", "out/secret")];
    assert!(matches!(place.unpack(&[&through]).unwrap_err(), Error::Target { .. }));
    // A hard link to a symbolic link is the link, not what it leads to.
    let to_link = [link("l", secret.to_str().unwrap()), hardlink("m", "l")];
    place.unpack(&[&to_link]).unwrap();
    assert!(fs::symlink_metadata(place.root.join("m")).unwrap().is_symlink());
    assert_eq!(fs::metadata(&secret).unwrap().nlink(), 1);
}

#[test]
fn paths_that_climb_are_refused_and_absolute_ones_start_at_the_root() {
    for path in ["../x", "a/../../x", "..", "a/b/../../../x", "/../x"] {
        let place = Place::new();
        let error = place.unpack(&[&[file(path, "x")]]).unwrap_err();
        assert!(matches!(error, Error::Escape { .. }), "{path}: {error}");
        assert_eq!(snapshot(&place.root), BTreeMap::new());
    }
    let place = Place::new();
    assert_eq!(place.tree(&[&[file("/etc//./passwd", "x")]]), ["etc/", "etc/passwd=x"]);
}

#[test]
fn a_whiteout_hides_lower_layers_only() {
    let base = || [file("d/a", "1"), file("d/b", "1"), directory("e"), file("e/f/g", "1")];
    for (upper, expected) in [
        (vec![file("d/.wh.a", "")], vec!["d/", "d/b=1", "e/", "e/f/", "e/f/g=1"]),
        (vec![file(".wh.e", "")], vec!["d/", "d/a=1", "d/b=1"]),
        // In the same layer, in either order.
        (
            vec![file("d/.wh.a", ""), file("d/a", "2"), file(".wh.e", "")],
            vec!["d/", "d/a=2", "d/b=1"],
        ),
        (
            vec![file("d/a", "2"), file("d/.wh.a", ""), file(".wh.e", "")],
            vec!["d/", "d/a=2", "d/b=1"],
        ),
        (vec![file("e/n", "2"), file(".wh.e", ""), file(".wh.d", "")], vec!["e/", "e/n=2"]),
        (vec![file(".wh..wh..opq", "")], vec![]),
        (vec![file("e/f/n", "2"), file(".wh..wh..opq", "")], vec!["e/", "e/f/", "e/f/n=2"]),
        (
            vec![file("e/.wh..wh..opq", ""), file("e/n", "2"), file(".wh.d", "")],
            vec!["e/", "e/n=2"],
        ),
        // Of what is not there; of a directory that is not there.
        (
            vec![file(".wh.x", ""), file("x/y/.wh.z", ""), file(".wh.d", ""), file(".wh.e", "")],
            vec![],
        ),
        // aufs's own.
        (
            vec![
                file(".wh..wh.plnk/1.2", "x"),
                file(".wh..wh.aufs", ""),
                file(".wh.d", ""),
                file(".wh.e", ""),
            ],
            vec![],
        ),
    ] {
        let names: Vec<_> =
            upper.iter().map(|E(header, _)| header.path.escape_ascii().to_string()).collect();
        assert_eq!(Place::new().tree(&[&base(), &upper]), expected, "{names:?}");
    }
}

#[test]
fn a_whiteout_does_not_reach_out_of_the_root() {
    for name in [".wh..", ".wh...", ".wh.", "d/.wh...", "d/.wh.."] {
        let place = Place::new();
        let error = place.unpack(&[&[directory("d")], &[file(name, "")]]).unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{name}: {error}");
        assert_eq!(place.tree(&[]), ["d/"]);
    }
    let place = Place::new();
    let out = place.witness.to_str().unwrap().to_owned();
    let upper =
        [file("out/.wh.secret", ""), file("out/.wh..wh..opq", ""), file("up/.wh.secret", "")];
    place.unpack(&[&[link("out", &out), link("up", "../witness")], &upper]).unwrap();
    // Of the link itself: the link goes, what it leads to stays.
    assert_eq!(place.tree(&[&[], &[file(".wh.out", ""), file(".wh.up", "")]]), [] as [String; 0]);
    assert_eq!(fs::read_to_string(place.witness.join("secret")).unwrap(), "secret");
}

#[test]
fn the_last_of_duplicate_entries_wins() {
    let layer = [
        file("a", "1"),
        file("a", "2"),
        file("b", "1"),
        directory("b"),
        file("b/c", "3"),
        directory("d"),
        file("d/e", "1"),
        file("d", "4"),
        file("f", "1"),
        file("f/g", "5"),
        directory("h"),
        directory("h").mode(0o700),
    ];
    let place = Place::new();
    assert_eq!(place.tree(&[&layer]), ["a=2", "b/", "b/c=3", "d=4", "f/", "f/g=5", "h/"]);
    assert_eq!(fs::metadata(place.root.join("h")).unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn a_hard_link_to_itself_and_one_over_its_target_keep_the_content() {
    let layer = [file("a", "1"), hardlink("a", "a"), hardlink("b", "a"), hardlink("a", "b")];
    let place = Place::new();
    assert_eq!(place.tree(&[&layer]), ["a=1", "b=1"]);
}

#[test]
fn links_in_a_circle_are_an_error() {
    for layer in [
        vec![link("a", "b"), link("b", "a"), file("a/x", "")],
        vec![link("a", "a"), file("a/x", "")],
        vec![link("a", "a/a"), file("a/x", "")],
    ] {
        let error = Place::new().unpack(&[&layer]).unwrap_err();
        assert!(matches!(error, Error::Loop { .. }), "{error}");
    }
}

#[test]
fn links_with_missing_targets_make_the_directories_that_they_name() {
    let layer =
        [link("var/run", "/run"), file("var/run/x", "1"), link("l", "m/../n"), file("l/y", "2")];
    assert_eq!(
        Place::new().tree(&[&layer]),
        ["l -> m/../n", "m/", "n/", "n/y=2", "run/", "run/x=1", "var/", "var/run -> /run"]
    );
}

#[test]
fn nesting_is_bounded_also_through_links() {
    let deep = vec!["d"; 257].join("/");
    let error = Place::new().unpack(&[&[file(&format!("{deep}/f"), "")]]).unwrap_err();
    assert!(matches!(error, Error::Bound { .. }), "{error}");
    let fits = vec!["d"; 256].join("/");
    Place::new().unpack(&[&[directory(&fits)]]).unwrap();
    let some = vec!["d"; 200].join("/");
    let linked = [directory(&some), link("l", &some), directory(&format!("l/{some}"))];
    assert!(matches!(Place::new().unpack(&[&linked]).unwrap_err(), Error::Bound { .. }));
}

#[test]
fn names_that_no_file_can_have_are_errors() {
    let long = "n".repeat(256);
    let error = Place::new().unpack(&[&[file(&long, "")]]).unwrap_err();
    assert!(matches!(error, Error::System { .. }), "{error}");
    let error = Place::new().unpack(&[&[file(".", "")]]).unwrap_err();
    assert!(error.to_string().contains("only a directory can be the root"), "{error}");
}

#[test]
fn any_other_bytes_are_names_and_never_reach_the_terminal() {
    let place = Place::new();
    let name = b"line\nbreak \x1b[31m \xff\xfe";
    let E(mut header, _) = file("", "x");
    header.path = name.to_vec();
    place.unpack(&[&[E(header, b"x".to_vec())]]).unwrap();
    let found = fs::read_dir(&place.root).unwrap().next().unwrap().unwrap().file_name();
    assert_eq!(found.as_bytes(), name);
    let shown = shown(&[name.as_slice(), b"/../x"].concat());
    assert!(!shown.contains(['\n', '\x1b']), "{shown}");
}

#[test]
fn device_nodes_are_left_out_with_their_hard_links() {
    let device = EntryKind::CharacterDevice { major: 1, minor: 3 };
    let layer = [
        entry(b"dev/null", device.clone()),
        hardlink("dev/zero", "dev/null"),
        entry(b"dev/sda", EntryKind::BlockDevice { major: 8, minor: 0 }),
        entry(b"pipe", EntryKind::Fifo),
    ];
    let place = Place::new();
    let outcome = place.unpack(&[&layer]).unwrap();
    assert_eq!(outcome.devices_skipped, 3);
    assert_eq!(place.tree(&[]), ["dev/", "pipe|"]);

    if !rustix::process::geteuid().is_root() {
        println!("skipped: making device nodes needs root");
        return;
    }
    let place = Place::new();
    let policy = Policy { create_devices: true, ..Policy::standard() };
    let whiteout = entry(b"w", EntryKind::CharacterDevice { major: 0, minor: 0 });
    let layer = [entry(b"null", device), whiteout];
    match place.unpack_with(&[&layer], policy, Bounds::default()) {
        Err(Error::System { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            println!("skipped: making device nodes needs CAP_MKNOD");
        }
        made => {
            // Overlayfs would take a 0/0 device for a deletion.
            assert_eq!(made.unwrap().devices_skipped, 1);
            let null = fs::metadata(place.root.join("null")).unwrap();
            assert!(null.file_type().is_char_device());
            assert_eq!(null.rdev(), fs::metadata("/dev/null").unwrap().rdev());
        }
    }
}

#[test]
fn modes_times_and_owners_are_kept_and_set_id_bits_dropped() {
    let layer = [
        directory("").mode(0o751),
        directory("d").mode(0o2555),
        file("d/f", "1").mode(0o4755),
        file("d/n", "1").mode(0o000),
        link("d/l", "f"),
    ];
    let place = Place::new();
    let outcome = place.unpack(&[&layer]).unwrap();
    assert_eq!(outcome.setid_stripped, 1);
    let stat = |path: &str| fs::symlink_metadata(place.root.join(path)).unwrap();
    for (path, mode) in [("", 0o751), ("d", 0o2555), ("d/f", 0o755), ("d/n", 0o000)] {
        assert_eq!(stat(path).mode() & 0o7777, mode, "{path}");
    }
    for path in ["", "d", "d/f", "d/n", "d/l"] {
        assert_eq!(stat(path).mtime(), 1_000_000_000, "{path}");
        if rustix::process::geteuid().is_root() {
            assert_eq!((stat(path).uid(), stat(path).gid()), (7, 8), "{path}");
        }
    }
    let place = Place::new();
    let policy = Policy { keep_setid: true, owners: Owners::Squash, ..Policy::standard() };
    place.unpack_with(&[&layer], policy, Bounds::default()).unwrap();
    let stat = fs::metadata(place.root.join("d/f")).unwrap();
    assert_eq!(stat.mode() & 0o7777, 0o4755);
    assert_eq!(stat.uid(), rustix::process::geteuid().as_raw());
}

#[test]
fn a_directory_that_forbids_writing_is_filled_by_later_entries_and_layers() {
    let base = [directory("d").mode(0o555), file("d/a", "1"), directory("d/e").mode(0o000)];
    let upper = [file("d/e/b", "2"), file("d/.wh.a", "")];
    let place = Place::new();
    place.unpack(&[&base, &upper]).unwrap();
    assert_eq!(fs::metadata(place.root.join("d")).unwrap().mode() & 0o777, 0o555);
    assert_eq!(fs::metadata(place.root.join("d/e")).unwrap().mode() & 0o777, 0o000);
    assert!(!place.root.join("d/a").exists());
    // And such a tree can be removed again, by its owner too.
    let parent = File::open(place.root.parent().unwrap()).unwrap();
    remove_tree(parent.as_fd(), c"root").unwrap();
    assert!(!place.root.exists());
}

#[test]
fn only_harmless_attributes_are_kept() {
    let layer = [
        file("f", "1")
            .xattr("user.comment", "kept")
            .xattr("user.overlay.redirect", "/etc")
            .xattr("trusted.overlay.opaque", "y")
            .xattr("security.capability", "all"),
        directory("d").xattr("user.comment", "kept").xattr("user.overlay.opaque", "y"),
    ];
    let place = Place::new();
    let outcome = place.unpack(&[&layer]).unwrap();
    for path in ["f", "d"] {
        let mut names = vec![0_u8; 4096];
        let size = fs_xattr(&place.root.join(path), &mut names);
        let names = &names[..size];
        assert!(!names.windows(7).any(|part| part == b"overlay"), "{path}");
        assert!(!names.windows(10).any(|part| part == b"capability"), "{path}");
        if names.is_empty() {
            println!("skipped: no user attributes on this file system");
        } else {
            assert_eq!(names, b"user.comment\0");
            assert_eq!(outcome.xattrs_skipped, 4);
        }
    }
}

fn fs_xattr(path: &Path, names: &mut [u8]) -> usize {
    rustix::fs::llistxattr(path, names).unwrap_or(0)
}

#[test]
fn bounds_end_the_work() {
    let bounds = Bounds { bytes: 10, entries: 3, ..Bounds::default() };
    let policy = Policy::standard();
    let many: Vec<_> = (0..4).map(|n| file(&n.to_string(), "")).collect();
    let error = Place::new().unpack_with(&[&many], policy, bounds).unwrap_err();
    assert_eq!(error.to_string(), "could not unpack '3': more than the 3 entries that are allowed");
    let big = [file("a", "12345"), file("b", "123456")];
    let error = Place::new().unpack_with(&[&big], policy, bounds).unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not unpack 'b': more than the 10 bytes of content that are allowed"
    );
}

#[test]
fn a_hundred_thousand_entries_are_unpacked() {
    let place = Place::new();
    let layer: Vec<_> = (0..100_000).map(|n| file(&format!("{}/{n}", n % 100), "")).collect();
    let outcome = place.unpack(&[&layer]).unwrap();
    assert_eq!(outcome.entries, 100_000);
    assert_eq!(fs::read_dir(place.root.join("42")).unwrap().count(), 1000);
    // Hidden again, by one entry.
    assert_eq!(place.tree(&[&[], &[file(".wh..wh..opq", "")]]), [] as [String; 0]);
}

#[test]
fn permissions_of_directories_without_entry_are_usual() {
    let place = Place::new();
    place.unpack(&[&[file("a/b/c", "1")]]).unwrap();
    let mode = fs::metadata(place.root.join("a/b")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}
