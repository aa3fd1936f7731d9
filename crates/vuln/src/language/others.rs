//! Package managers whose files need few words: pacman, Conda, R, Dart, Elixir, Haskell, Gradle.

use cofferdam_finding::PackageKind::{Alpm, Conda, Cran, Hackage, Hex, Maven, Pub};
use serde_json::Value;

use super::{Extract, Found, json};

/// `var/lib/pacman/local/*/desc`: a name between percent signs, then values, then an empty line.
pub fn pacman(_: &str, text: &str, extract: &mut Extract) {
    let field = |name: &str| {
        let (_, after) = text.split_once(&format!("%{name}%\n"))?;
        after.lines().next().filter(|value| !value.is_empty())
    };
    match (field("NAME"), field("VERSION")) {
        (Some(name), Some(version)) => {
            let mut found = Found::new(Alpm, name, version);
            found.licenses.extend(field("LICENSE").map(str::to_owned));
            extract.add(found);
        }
        _ => extract.problem("desc", "it has no %NAME% or no %VERSION%"),
    }
}

/// `conda-meta/*.json`
pub fn conda(path: &str, text: &str, extract: &mut Extract) {
    // The history of the environment's own.
    if path.ends_with("/state.json") {
        return;
    }
    let Some(package) = json(text, extract) else { return };
    let field = |name: &str| package.get(name).and_then(Value::as_str);
    if let (Some(name), Some(version)) = (field("name"), field("version")) {
        let mut found = Found::new(Conda, name, version);
        found.licenses.extend(field("license").map(str::to_owned));
        extract.add(found);
    }
}

/// `DESCRIPTION` of an installed package of R.
pub fn r_description(_: &str, text: &str, extract: &mut Extract) {
    let field = |name: &str| {
        text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    };
    // R's own packages have its version, and no home of their own.
    if let (Some(name), Some(version)) = (field("Package"), field("Version"))
        && field("Priority") != Some("base")
    {
        let mut found = Found::new(Cran, name, version);
        found.licenses.extend(field("License").map(str::to_owned));
        extract.add(found);
    }
}

/// `pubspec.lock`: a package two spaces deep, its version four.
pub fn pub_lock(_: &str, text: &str, extract: &mut Extract) {
    let (mut name, mut hosted, mut within) = ("", false, false);
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        let (key, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
        match (depth, key) {
            (0, key) => within = key == "packages",
            (2, key) if within => (name, hosted) = (key.trim_matches('"'), false),
            (4, "source") if within => hosted = value.trim() == "hosted",
            (4, "version") if within && hosted => {
                extract.add(Found::declared(Pub, name, value.trim().trim_matches('"')));
            }
            _ => {}
        }
    }
}

/// `mix.lock`: `"jason": {:hex, :jason, "1.4.0", …},`
pub fn mix_lock(_: &str, text: &str, extract: &mut Extract) {
    for line in text.lines() {
        let Some((_, entry)) = line.split_once("{:hex, :") else { continue };
        let mut words = entry.split(", ");
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            extract.add(Found::declared(Hex, name.trim_matches('"'), version.trim_matches('"')));
        }
    }
}

/// `cabal.project.freeze`: `any.aeson ==2.1.0.0,`
pub fn cabal_freeze(_: &str, text: &str, extract: &mut Extract) {
    for line in text.lines() {
        let line = line.trim().trim_start_matches("constraints:").trim();
        let Some((name, version)) = line.strip_prefix("any.").and_then(|l| l.split_once(" =="))
        else {
            continue;
        };
        extract.add(Found::declared(Hackage, name, version.trim_end_matches(',')));
    }
}

/// `gradle.lockfile`: `group:artifact:version=configurations`
pub fn gradle_lock(_: &str, text: &str, extract: &mut Extract) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let coordinates = line.split('=').next().unwrap_or_default();
        if let [group, artifact, version] = coordinates.split(':').collect::<Vec<_>>()[..] {
            extract.add(Found::declared(Maven, &format!("{group}:{artifact}"), version));
        }
    }
}
