//! Files of languages, of any bytes: the first byte chooses which file.
#![no_main]

use cofferdam_image::Candidate;
use cofferdam_vuln::language::{self, Extract};
use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 26] = [
    "a.dist-info/METADATA",
    "requirements.txt",
    "uv.lock",
    "Pipfile.lock",
    "node_modules/a/package.json",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "go.mod",
    "Cargo.lock",
    "specifications/a.gemspec",
    "Gemfile.lock",
    "composer.lock",
    "a.deps.json",
    "packages.lock.json",
    "var/lib/pacman/local/a/desc",
    "conda-meta/a.json",
    "library/a/DESCRIPTION",
    "pubspec.lock",
    "mix.lock",
    "cabal.project.freeze",
    "gradle.lockfile",
    "var/lib/dpkg/info/a.list",
    "a.jar",
    "bin/a",
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, content)) = data.split_first() else { return };
    let path = PATHS[usize::from(*choice) % PATHS.len()];
    // Small programs are not read: make it look larger than it is.
    let candidate = Candidate { path, size: content.len().max(5000) as u64, mode: 0o755 };
    let extract = language::extract(&candidate, &mut &*content).expect("memory can be read");
    assert!(extract.problems.len() <= Extract::MOST_PROBLEMS);
    for found in &extract.packages {
        assert!(!found.name.is_empty() && !found.name.contains(char::is_control));
        assert!(!found.version.contains(char::is_control));
    }
});
