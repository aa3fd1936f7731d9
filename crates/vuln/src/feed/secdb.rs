//! Alpine's security database (<https://secdb.alpinelinux.org>): for a repository of a branch, the
//! versions of packages in which vulnerabilities were fixed.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::{Advisory, Affected, FeedError, Tally, archive};
use crate::database::{End, Range, Row};

/// Reads every `main.json`, `community.json` and so on of a directory, an archive or a file.
///
/// # Errors
/// If the feed cannot be read at all. Files and entries that cannot be understood are in the tally.
pub fn read(path: &Path, sink: &mut dyn FnMut(Advisory)) -> Result<Tally, FeedError> {
    let mut tally = Tally::default();
    archive::each_json(path, &mut tally, &mut |name, bytes, tally| {
        parse(name, bytes, tally, sink);
    })?;
    Ok(tally)
}

#[derive(Deserialize)]
struct Repository {
    distroversion: String,
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    pkg: serde_json::Value,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    /// Fixed version to ids; some branches write `null` where there are none.
    secfixes: Option<BTreeMap<String, Option<Vec<String>>>>,
}

/// Reads one file; `name` is what the tally calls it.
pub fn parse(name: &str, json: &[u8], tally: &mut Tally, sink: &mut dyn FnMut(Advisory)) {
    let repository: Repository = match serde_json::from_slice(json) {
        Ok(repository) => repository,
        Err(error) => {
            tally.records += 1;
            return tally.broken(name, &error.to_string());
        }
    };
    let branch = &repository.distroversion;
    let ecosystem = format!("Alpine:{branch}");
    if branch.is_empty() || branch.len() > 20 {
        tally.records += 1;
        return tally.broken(name, "its distroversion is empty or too long");
    }
    for entry in repository.packages {
        let place = entry.pkg.get("name").and_then(|n| n.as_str()).unwrap_or("?").to_owned();
        match Package::deserialize(entry.pkg) {
            Ok(package) => fixes(&ecosystem, &package, name, tally, sink),
            Err(error) => {
                tally.records += 1;
                tally.broken(&format!("{name}: {place}"), &error.to_string());
            }
        }
    }
}

fn fixes(
    ecosystem: &str,
    package: &Package,
    name: &str,
    tally: &mut Tally,
    sink: &mut dyn FnMut(Advisory),
) {
    for (version, ids) in package.secfixes.iter().flatten() {
        for names in ids.iter().flatten() {
            tally.records += 1;
            match advisory(ecosystem, &package.name, version.trim(), names) {
                Ok(advisory) => sink(advisory),
                Err(why) => tally.broken(&format!("{name}: {}", package.name), why),
            }
        }
    }
}

/// `names` may be several of one vulnerability: `CVE-2020-29568 XSA-349`.
fn advisory(
    ecosystem: &str,
    package: &str,
    version: &str,
    names: &str,
) -> Result<Advisory, &'static str> {
    let names: Vec<&str> = names.split_whitespace().collect();
    let id = names.iter().find(|name| name.starts_with("CVE-")).or(names.first());
    let id = *id.ok_or("an entry has no id")?;
    if id.len() > 200 || package.is_empty() || package.len() > 300 || version.len() > 300 {
        return Err("an id, a name or a version is empty or too long");
    }
    // Version 0 says that no version of the branch was ever affected.
    let ranges = match version {
        "" => return Err("a version is empty"),
        "0" => Vec::new(),
        fixed => vec![Range { introduced: None, end: End::Fixed(fixed.to_owned()) }],
    };
    Ok(Advisory {
        id: id.to_owned(),
        direct: true,
        aliases: names.iter().filter(|name| **name != id).map(|name| (*name).to_owned()).collect(),
        affected: vec![Affected {
            ecosystem: ecosystem.to_owned(),
            package: package.to_owned(),
            row: Row { ranges, module: None, rating: None, support_ended: false, stance: None },
        }],
        ..Advisory::default()
    })
}
