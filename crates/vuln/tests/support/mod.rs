//! Package databases out of the archives in `tests/data`.
#![expect(clippy::unwrap_used, reason = "a part of tests, outside their functions")]

use std::{collections::BTreeMap, path::Path};

use cofferdam_finding::Package;
use cofferdam_image::{Entry, Kind, Tree};

/// The trees in an archive, by the name of their directory.
pub(crate) fn trees(archive: &str) -> BTreeMap<String, Tree> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(archive);
    let tar = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let mut trees = BTreeMap::<String, Tree>::new();
    for (path, kind) in entries(&tar) {
        if let Some((directory, path)) = path.split_once('/').filter(|(_, path)| !path.is_empty()) {
            trees.entry(directory.into()).or_default().insert(path, Entry { kind, layer: 0 });
        }
    }
    trees
}

/// Files and symbolic links of a tar file in ustar format with short names.
fn entries(tar: &[u8]) -> Vec<(String, Kind)> {
    let text = |field: &[u8]| {
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        String::from_utf8(field[..end].to_vec()).unwrap()
    };
    let mut entries = Vec::new();
    let mut at = 0;
    while at + 512 <= tar.len() && tar[at] != 0 {
        let header = &tar[at..at + 512];
        let size = usize::from_str_radix(text(&header[124..136]).trim(), 8).unwrap();
        let content = &tar[at + 512..at + 512 + size];
        match header[156] {
            b'0' => entries.push((text(&header[..100]), Kind::File(content.into()))),
            b'2' => entries.push((text(&header[..100]), Kind::Symlink(text(&header[157..257])))),
            _ => {}
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    entries
}

/// The file of the tree of `name` at `path`.
pub(crate) fn file(trees: &BTreeMap<String, Tree>, name: &str, path: &str) -> Vec<u8> {
    trees[name].file(path).unwrap().0.to_vec()
}

/// A package as a line of `packages.txt`.
pub(crate) fn line(package: &Package) -> String {
    let Package { name, version, source, .. } = package;
    let architecture = package.architecture.as_deref().unwrap_or("-");
    format!("{name} {version} {architecture} {} {}", source.name, source.version)
}
