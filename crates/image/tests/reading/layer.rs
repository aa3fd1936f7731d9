//! Layers are verified while they are read, and say what is wrong with them.

use cofferdam_oci::Digest;
use sha2::{Digest as _, Sha256};

use crate::support::{Tar, digest, gzip, layer, zstd};
use std::io::Write as _;

use cofferdam_image::{Error, Layer, Limits, layer::walk_stored};

/// Paths of all entries and the content of all files.
fn walk(stored: &[u8], layer: &Layer, limits: &Limits) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut seen = Vec::new();
    walk_stored(stored, layer, limits, &mut |header, body| {
        let mut content = Vec::new();
        body.read_to_end(&mut content).map_err(|source| Error::Io {
            action: "read",
            object: String::from_utf8_lossy(&header.name).into_owned(),
            source,
        })?;
        seen.push((String::from_utf8(header.path.clone()).unwrap(), content));
        Ok(())
    })?;
    Ok(seen)
}

fn archive() -> Vec<u8> {
    Tar::new().directory("./etc/").file("./etc/os-release", "ID=debian\n").end()
}

#[test]
fn reads_every_compression() {
    let plain = archive();
    let members = [gzip(&plain[..700]), gzip(&plain[700..])].concat();
    let frames = [zstd(&plain[..700]), zstd(&plain[700..])].concat();
    for stored in [plain.clone(), gzip(&plain), zstd(&plain), members, frames] {
        let seen = walk(&stored, &layer(&stored, &plain), &Limits::default()).unwrap();
        let expected = [
            ("etc".to_owned(), Vec::new()),
            ("etc/os-release".to_owned(), b"ID=debian\n".to_vec()),
        ];
        assert_eq!(seen, expected);
    }
}

#[test]
fn verifies_digest_size_and_diff_id() {
    let plain = archive();
    for stored in [plain.clone(), gzip(&plain), zstd(&plain)] {
        let right = layer(&stored, &plain);
        let limits = Limits::default();

        let mut wrong = right.clone();
        wrong.descriptor.digest = digest(b"other");
        let error = walk(&stored, &wrong, &limits).unwrap_err();
        assert!(matches!(error, Error::Digest { what: "layer", .. }), "{error}");

        let mut wrong = right.clone();
        wrong.diff_id = digest(b"other");
        let error = walk(&stored, &wrong, &limits).unwrap_err();
        assert!(matches!(error, Error::Digest { what: "uncompressed layer", .. }), "{error}");

        for size in [right.descriptor.size - 1, right.descriptor.size + 1] {
            let mut wrong = right.clone();
            wrong.descriptor.size = size;
            let error = walk(&stored, &wrong, &limits).unwrap_err();
            assert!(matches!(error, Error::Size { .. }), "{error}");
        }
    }
}

#[test]
fn corrupt_content_is_told_by_its_digest_and_broken_content_by_its_place() {
    let plain = archive();
    let limits = Limits::default();
    for good in [plain.clone(), gzip(&plain), zstd(&plain)] {
        // Damage after the fact: the digest tells.
        for at in [good.len() / 4, good.len() / 2, good.len() - 9] {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            let error = walk(&bad, &layer(&good, &plain), &limits).unwrap_err();
            assert!(matches!(error, Error::Digest { what: "layer", .. }), "{at}: {error}");
        }
        // Cut off before the digest was made: the format tells, unless only padding is gone.
        for end in [good.len() / 4, good.len() / 2, good.len() * 3 / 4] {
            let bad = &good[..end];
            let error = walk(bad, &layer(bad, &plain), &limits).unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::Decompress { .. } | Error::Tar { .. } | Error::Digest { .. }
                ),
                "{end}: {error}"
            );
        }
    }
    let garbage = [gzip(&plain), b"garbage".to_vec()].concat();
    let error = walk(&garbage, &layer(&garbage, &plain), &limits).unwrap_err();
    assert!(matches!(error, Error::Decompress { .. }), "{error}");
}

#[test]
fn what_is_after_the_archive_is_hashed_too() {
    let plain = [archive(), b"trailing".to_vec()].concat();
    let stored = gzip(&plain);
    assert_eq!(walk(&stored, &layer(&stored, &plain), &Limits::default()).unwrap().len(), 2);
    let error = walk(&stored, &layer(&stored, &archive()), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Digest { what: "uncompressed layer", .. }), "{error}");
}

#[test]
fn decompression_bombs_are_stopped() {
    let zeros = Tar::new().file("zeros", vec![0; 16 << 20]).end();
    for stored in [gzip(&zeros), zstd(&zeros)] {
        let layer = layer(&stored, &zeros);
        let none = Limits { layer: 1 << 20, ..Limits::default() };
        let error = walk(&stored, &layer, &none).unwrap_err();
        assert!(matches!(error, Error::Limit { what: "uncompressed bytes", .. }), "{error}");
        let ratio = Limits { ratio: 20, ratio_free: 1 << 20, ..Limits::default() };
        let error = walk(&stored, &layer, &ratio).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Limit { what: "uncompressed bytes for each compressed one", .. }
            ),
            "{error}"
        );
        assert!(walk(&stored, &layer, &Limits::default()).is_ok());
    }
}

#[test]
fn the_error_of_the_visitor_ends_the_walk() {
    let plain = Tar::new().file("big", vec![1; 8 << 20]).file("next", "").end();
    for stored in [plain.clone(), gzip(&plain), zstd(&plain)] {
        let mut visits = 0;
        let error =
            walk_stored(&*stored, &layer(&stored, &plain), &Limits::default(), &mut |_, _| {
                visits += 1;
                Err(Error::MissingBlob { digest: digest(b""), place: "test".to_owned() })
            });
        assert!(matches!(error, Err(Error::MissingBlob { .. })));
        assert_eq!(visits, 1);
    }
}

/// A stored layer whose reading fails half way.
struct Failing<'a>(&'a [u8]);

impl std::io::Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::Error::other("the line is dead")),
            count => Ok(count),
        }
    }
}

#[test]
fn a_source_that_fails_is_the_cause_that_is_told() {
    let plain = archive();
    let stored = gzip(&plain);
    let half = Failing(&stored[..stored.len() / 2]);
    let error = walk_stored(half, &layer(&stored, &plain), &Limits::default(), &mut |_, _| Ok(()))
        .unwrap_err();
    assert!(matches!(error, Error::Io { action: "read layer", .. }), "{error}");
}

#[test]
fn a_million_entries() {
    let block = crate::support::header("var/lib/dpkg/status", b'0', "", 0);
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let mut hasher = Sha256::new();
    for part in std::iter::repeat_n(block.repeat(1000), 1000).chain([vec![0; 1024]]) {
        hasher.update(&part);
        encoder.write_all(&part).unwrap();
    }
    let stored = encoder.finish().unwrap();
    let mut layer = layer(&stored, b"");
    layer.diff_id = Digest::from_bytes(hasher.finalize().into());
    let mut count = 0;
    walk_stored(&*stored, &layer, &Limits::default(), &mut |_, _| {
        count += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(count, 1_000_000);
}

#[test]
fn the_number_of_entries_is_limited() {
    let plain = Tar::new().file("a", "").file("b", "").file("c", "").end();
    let limits = Limits { entries: 2, ..Limits::default() };
    let error = walk(&plain, &layer(&plain, &plain), &limits).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "entries", limit: 2, .. }), "{error}");
}
