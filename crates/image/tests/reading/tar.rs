//! The tar reader: every way in which tools write names, numbers and holes, and every way in which
//! an archive can be broken.

use std::{
    io::{self, Cursor, Read},
    process::Command,
};

use cofferdam_image::{
    Limits,
    tar::{EntryHeader, EntryKind, Input, Reader, TarError, normalise},
};
use proptest::prelude::*;

use crate::support::{Tar, header, pax_record, seal};

struct Bytes(Cursor<Vec<u8>>);

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Input for Bytes {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let left = self.0.get_ref().len() as u64 - self.0.position();
        let step = count.min(left);
        self.0.set_position(self.0.position() + step);
        Ok(step)
    }
}

fn entries(archive: &[u8]) -> Result<Vec<(EntryHeader, Vec<u8>)>, TarError> {
    entries_within(archive, &Limits::default())
}

fn entries_within(
    archive: &[u8],
    limits: &Limits,
) -> Result<Vec<(EntryHeader, Vec<u8>)>, TarError> {
    let mut reader = Reader::new(Bytes(Cursor::new(archive.to_vec())), limits);
    let mut found = Vec::new();
    while let Some(header) = reader.next_entry()? {
        let mut content = Vec::new();
        // What is cut off is told by the next entry.
        let _ = reader.body().take(1 << 20).read_to_end(&mut content);
        found.push((header, content));
    }
    Ok(found)
}

fn only(archive: &[u8]) -> (EntryHeader, Vec<u8>) {
    let mut all = entries(archive).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn paths(archive: &[u8]) -> Vec<String> {
    let all = entries(archive).unwrap();
    all.into_iter().map(|(header, _)| String::from_utf8(header.path).unwrap()).collect()
}

#[test]
fn names_become_relative_to_the_root() {
    for (name, path, left_root) in [
        ("a", "a", false),
        ("./a/", "a", false),
        ("/etc//passwd", "etc/passwd", false),
        ("./", "", false),
        ("a/./b", "a/b", false),
        ("a/b/../c", "a/c", false),
        ("a/..", "", false),
        ("../a", "a", true),
        ("a/../../etc/passwd", "etc/passwd", true),
        ("/../a", "a", true),
        ("..a/b..", "..a/b..", false),
    ] {
        let normal = normalise(name.as_bytes());
        assert_eq!((normal.path, normal.left_root), (path.into(), left_root), "{name}");
    }
}

#[test]
fn hard_links_are_made_relative_and_symbolic_links_left_as_written() {
    let archive = Tar::new().hardlink("a", "./b/../c").symlink("d", "../../x").end();
    let all = entries(&archive).unwrap();
    assert_eq!(all[0].0.kind, EntryKind::Hardlink(b"c".to_vec()));
    assert_eq!(all[1].0.kind, EntryKind::Symlink(b"../../x".to_vec()));
    assert!(!all[1].0.left_root);
    assert!(only(&Tar::new().hardlink("a", "../b").end()).0.left_root);
}

#[test]
fn long_names_of_every_dialect() {
    let long = "d/".repeat(150) + "f";
    let gnu = Tar::new().entry("././@LongLink", b'L', "", format!("{long}\0").as_bytes());
    assert_eq!(paths(&gnu.file("d/d", "x").end()), [long.as_str()]);

    let link = Tar::new().entry("././@LongLink", b'K', "", format!("{long}\0").as_bytes());
    let (entry, _) = only(&link.symlink("s", "d/d").end());
    assert_eq!(entry.kind, EntryKind::Symlink(long.clone().into_bytes()));

    let pax = Tar::new().pax(b'x', &[("path", long.as_str())]);
    assert_eq!(paths(&pax.file("short", "x").end()), [long.as_str()]);

    let mut prefixed = header("name", b'0', "", 0);
    prefixed[345..351].copy_from_slice(b"prefix");
    seal(&mut prefixed);
    assert_eq!(paths(&Tar::new().raw(&prefixed).end()), ["prefix/name"]);

    // In GNU headers, times and the sparse map are where the prefix would be.
    prefixed[257..265].copy_from_slice(b"ustar  \0");
    seal(&mut prefixed);
    assert_eq!(paths(&Tar::new().raw(&prefixed).end()), ["name"]);
}

#[test]
fn pax_records_win_and_last_for_one_entry() {
    let archive = Tar::new()
        .pax(
            b'x',
            &[
                ("path", "first"),
                ("path", "long"),
                ("uid", "4000000"),
                ("mtime", "-1.5"),
                ("SCHILY.xattr.security.capability", "\u{1}"),
                ("SCHILY.xattr.user.gone", "x"),
                ("SCHILY.xattr.user.gone", ""),
            ],
        )
        .file("short", "content")
        .file("next", "")
        .end();
    let all = entries(&archive).unwrap();
    let (first, content) = &all[0];
    assert_eq!(first.path, b"long");
    assert_eq!((first.uid, first.mtime), (4_000_000, -2));
    assert_eq!(first.xattrs, [(b"security.capability".to_vec(), vec![1])]);
    assert_eq!(content, b"content");
    assert_eq!(all[1].0.path, b"next");
    assert_eq!(all[1].0.uid, 0);
}

#[test]
fn pax_size_wins_over_the_header() {
    let mut lying = header("f", b'0', "", 0);
    lying[124..136].copy_from_slice(b"00000000000\0");
    seal(&mut lying);
    let archive =
        Tar::new().pax(b'x', &[("size", "5")]).raw(&lying).padded(b"hello").file("g", "").end();
    let all = entries(&archive).unwrap();
    assert_eq!((all[0].1.as_slice(), all.len()), (b"hello".as_slice(), 2));
}

#[test]
fn global_records_apply_to_all_unless_they_belong_to_one() {
    let archive =
        Tar::new().pax(b'g', &[("uid", "7"), ("comment", "x")]).file("a", "").file("b", "");
    let all = entries(&archive.end()).unwrap();
    assert_eq!(all.iter().map(|(header, _)| header.uid).collect::<Vec<_>>(), [7, 7]);
    for key in ["path", "linkpath", "size", "GNU.sparse.major", "SCHILY.xattr.user.x"] {
        let archive = Tar::new().pax(b'g', &[(key, "1")]).file("a", "").end();
        let error = entries(&archive).unwrap_err();
        assert!(matches!(error, TarError::Global { .. }), "{key}: {error}");
    }
}

#[test]
fn numbers_in_base_256() {
    let mut block = header("f", b'0', "", 0);
    block[108..116].copy_from_slice(&[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    block[136..148].copy_from_slice(&[0xff; 12]);
    seal(&mut block);
    let (entry, _) = only(&Tar::new().raw(&block).end());
    assert_eq!((entry.uid, entry.mtime), (0xffff_ffff, -1));

    for size in
        [[0xff; 12], [0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
    {
        block[124..136].copy_from_slice(&size);
        seal(&mut block);
        let error = entries(&Tar::new().raw(&block).end()).unwrap_err();
        assert!(matches!(error, TarError::Field { ref field, .. } if field == "size"), "{error}");
    }
}

#[test]
fn types_without_content_have_none() {
    let mut directory = header("d", b'5', "", 0);
    directory[124..136].copy_from_slice(b"00000001000\0");
    seal(&mut directory);
    assert_eq!(paths(&Tar::new().raw(&directory).file("f", "x").end()), ["d", "f"]);
    // Before POSIX, a slash at the end made a directory.
    let (old, _) = only(&Tar::new().entry("d/", 0, "", b"").end());
    assert_eq!(old.kind, EntryKind::Directory);
}

#[test]
fn sparse_files_of_every_format() {
    let stored = [vec![b'a'; 512], vec![b'b'; 100]].concat();
    let mut expected = vec![0; 5000];
    expected[1024..1536].fill(b'a');
    expected[4096..4196].fill(b'b');

    let pairs = ["1024", "512", "4096", "100"];
    let version_0_0: Vec<(&str, &str)> =
        [("GNU.sparse.size", "5000")]
            .into_iter()
            .chain(pairs.chunks(2).flat_map(|pair| {
                [("GNU.sparse.offset", pair[0]), ("GNU.sparse.numbytes", pair[1])]
            }))
            .collect();
    let map = pairs.join(",");
    let version_0_1 = [("GNU.sparse.size", "5000"), ("GNU.sparse.map", map.as_str())];
    let version_1_0 = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "holes"),
        ("GNU.sparse.realsize", "5000"),
    ];
    let mut map_block = format!("2\n{}\n", pairs.join("\n")).into_bytes();
    map_block.resize(512, 0);
    let with_map = [map_block, stored.clone()].concat();

    let mut old = header("holes", b'S', "", stored.len() as u64);
    old[257..265].copy_from_slice(b"ustar  \0");
    for (at, number) in [(386, 1024), (398, 512), (410, 4096), (422, 100), (483, 5000)] {
        old[at..at + 12].copy_from_slice(format!("{number:011o}\0").as_bytes());
    }
    seal(&mut old);

    for archive in [
        Tar::new().pax(b'x', &version_0_0).file("holes", &stored),
        Tar::new().pax(b'x', &version_0_1).file("holes", &stored),
        Tar::new().pax(b'x', &version_1_0).file("GNUSparseFile.0/x", &with_map),
        Tar::new().raw(&old).padded(&stored),
    ] {
        let all = entries(&archive.file("next", "").end()).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].0.path.as_slice(), all[0].0.size), (b"holes".as_slice(), 5000));
        assert!(all[0].1 == expected, "content differs");
        assert!(all[0].0.sparse);
    }
}

#[test]
fn sparse_maps_that_lie_are_refused() {
    for (map, size) in [
        ("0,10,5,10", "100"),
        ("90,20", "100"),
        ("0,10", "100"),
        ("0,20,", "100"),
        ("0", "100"),
        ("9223372036854775807,9223372036854775807", "100"),
    ] {
        let records = [("GNU.sparse.size", size), ("GNU.sparse.map", map)];
        let archive = Tar::new().pax(b'x', &records).file("f", [b'x'; 20]).end();
        assert!(matches!(entries(&archive), Err(TarError::Field { .. })), "{map}");
    }
}

#[test]
fn a_bomb_of_holes_counts_as_its_size() {
    let records = [("GNU.sparse.size", "9000000000000000000"), ("GNU.sparse.map", "0,1")];
    let archive = Tar::new().pax(b'x', &records).file("f", "x").end();
    let error = entries(&archive).unwrap_err();
    assert!(matches!(error, TarError::Limit { what: "uncompressed bytes", .. }), "{error}");
}

#[test]
fn metadata_and_entries_are_limited() {
    let mut big = header("x", b'x', "", 1 << 32);
    seal(&mut big);
    let error = entries(&Tar::new().raw(&big).end()).unwrap_err();
    assert!(matches!(error, TarError::Limit { limit: 0x10_0000, .. }), "{error}");

    // Many small headers for one entry add up.
    let record = "v".repeat(300_000);
    let mut archive = Tar::new();
    for _ in 0..4 {
        archive = archive.pax(b'x', &[("comment", record.as_str())]);
    }
    assert!(matches!(entries(&archive.file("f", "").end()), Err(TarError::Limit { .. })));

    let limits = Limits { entries: 2, ..Limits::default() };
    let archive = Tar::new().file("a", "").file("b", "").file("c", "").end();
    let error = entries_within(&archive, &limits).unwrap_err();
    assert!(matches!(error, TarError::Limit { what: "entries", limit: 2, .. }), "{error}");
}

#[test]
fn broken_headers_are_named_by_their_place() {
    let good = Tar::new().file("a", "x");
    let mut broken = header("b", b'0', "", 0);
    broken[0] = b'c';
    let error = entries(&good.clone().raw(&broken).end()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the header at offset 1024 is corrupt (its checksum does not match)"
    );
    let mut letters = header("b", b'0', "", 0);
    letters[124..128].copy_from_slice(b"size");
    seal(&mut letters);
    let error = entries(&good.clone().raw(&letters).end()).unwrap_err();
    assert_eq!(error.to_string(), "the header at offset 1024 has an invalid size");
    let lone = good.raw(&[0; 512]).file("b", "").end();
    assert!(matches!(entries(&lone), Err(TarError::Field { .. })));
    for records in [&b"5 a=b\n"[..], b"999 a=b\n", b"x a=b\n", b"6 a=b ", b"6 ab\n\n", b"4 =\n"] {
        let archive = Tar::new().entry("x", b'x', "", records).file("b", "").end();
        assert!(matches!(entries(&archive), Err(TarError::Field { .. })), "{records:?}");
    }
    let nul = Tar::new().entry("x", b'x', "", &pax_record("path", "a\0b")).file("b", "").end();
    assert!(matches!(entries(&nul), Err(TarError::Field { .. })));
}

#[test]
fn an_archive_cut_off_anywhere_is_an_error_or_ends_between_entries() {
    let archive = Tar::new().file("a", [1; 700]).pax(b'x', &[("path", "b")]).file("c", "x").end();
    let whole = entries(&archive).unwrap();
    for end in 0..archive.len() {
        match entries(&archive[..end]) {
            Ok(found) => assert!(whole.starts_with(&found), "cut at {end}"),
            Err(error) => assert!(matches!(error, TarError::Truncated { .. }), "{end}: {error}"),
        }
    }
}

/// GNU tar, if this machine has it, agrees on what is in an archive that it wrote.
#[test]
fn reads_what_gnu_tar_writes() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let long = "n".repeat(120);
    std::fs::create_dir_all(root.join("tree").join(&long)).unwrap();
    std::fs::write(root.join("tree").join(&long).join("file"), "content").unwrap();
    std::os::unix::fs::symlink("x".repeat(150), root.join("tree/link")).unwrap();
    let holes = std::fs::File::create(root.join("tree/holes")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&holes, b"end", 1_000_000).unwrap();
    drop(holes);
    std::fs::hard_link(root.join("tree/holes"), root.join("tree/zlink")).unwrap();
    for format in ["gnu", "pax"] {
        let output = Command::new("tar")
            .args(["--sparse", "--sort=name", &format!("--format={format}"), "-cf", "-", "tree"])
            .current_dir(root)
            .output();
        let Ok(output) = output else {
            println!("skipped: this machine has no tar");
            return;
        };
        assert!(output.status.success(), "{output:?}");
        let all = entries(&output.stdout).unwrap();
        let find = |name: &str| {
            let found = all.iter().find(|(header, _)| header.path == name.as_bytes());
            found.unwrap_or_else(|| panic!("{format}: no {name}"))
        };
        assert_eq!(find(&format!("tree/{long}/file")).1, b"content");
        assert_eq!(find("tree/link").0.kind, EntryKind::Symlink(vec![b'x'; 150]));
        assert_eq!(find("tree/zlink").0.kind, EntryKind::Hardlink(b"tree/holes".to_vec()));
        let (holes, content) = find("tree/holes");
        assert_eq!((holes.size, content.len()), (1_000_003, 1_000_003));
        assert!(content.ends_with(b"\0end"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn never_panics(
        flips in prop::collection::vec((0_usize..4096, any::<u8>()), 0..12),
        reseal in any::<bool>(),
    ) {
        let records = [("GNU.sparse.size", "50"), ("GNU.sparse.map", "10,1")];
        let mut archive = Tar::new()
            .pax(b'x', &records)
            .file("f", "x")
            .entry("l", b'L', "", b"long")
            .hardlink("h", "f")
            .end();
        for (at, byte) in flips {
            if let Some(target) = archive.get_mut(at) {
                *target = byte;
            }
        }
        if reseal {
            // So that the damage gets past the checksum.
            for block in archive.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
                seal(block.try_into().unwrap());
            }
        }
        let _ = entries(&archive);
    }

    #[test]
    fn a_normal_path_is_its_own_normal(name in "[a./]{0,20}") {
        let once = normalise(name.as_bytes());
        let again = normalise(&once.path);
        prop_assert_eq!(&again.path, &once.path);
        prop_assert!(!again.left_root);
    }
}
