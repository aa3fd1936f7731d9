//! Layers are verified while they are read, and say what is wrong with them.

use crate::support::{Tar, digest, gzip, layer, zstd};
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
