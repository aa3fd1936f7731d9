//! The formats of the files that name a distribution.

use super::{DEBIAN_CODENAMES, Distribution};

/// `etc/os-release` and `usr/lib/os-release`: os-release(5), shell-like assignments.
pub(super) fn os_release(text: &str) -> Option<Distribution> {
    let value = |key: &str| assignment(text, key).filter(|value| !value.is_empty());
    let id = value("ID")?.to_ascii_lowercase();
    let name = value("NAME").unwrap_or_else(|| id.clone());
    let version = value("VERSION");
    let version_id = value("VERSION_ID");
    let described = [Some(name.clone()), version.clone().or_else(|| version_id.clone())];
    Some(Distribution {
        pretty_name: value("PRETTY_NAME")
            .unwrap_or_else(|| described.into_iter().flatten().collect::<Vec<_>>().join(" ")),
        codename: value("VERSION_CODENAME").or_else(|| debian_codename(&id, text)),
        id_like: value("ID_LIKE")
            .map(|list| list.split_whitespace().map(str::to_ascii_lowercase).collect())
            .unwrap_or_default(),
        cpe: value("CPE_NAME"),
        version_id,
        version,
        name,
        id,
        location: String::new(),
    })
}

/// Debian's testing says `PRETTY_NAME="Debian GNU/Linux forky/sid"`, before release 10 without a
/// `VERSION_CODENAME`.
fn debian_codename(id: &str, text: &str) -> Option<String> {
    let pretty = (id == "debian").then(|| assignment(text, "PRETTY_NAME")).flatten()?;
    let codename = pretty.strip_suffix("/sid")?.rsplit(' ').next()?;
    Some(codename.to_owned())
}

/// The value of the last assignment of `key`, as a shell that reads the file would have it.
fn assignment(text: &str, key: &str) -> Option<String> {
    text.lines().rev().find_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        (name == key).then(|| unquote(value))
    })
}

/// os-release(5): a value may stand in single quotes (everything literal), in double quotes or bare
/// (a backslash makes the next character literal). Without a closing quote the rest is the value.
fn unquote(value: &str) -> String {
    if let Some(literal) = value.strip_prefix('\'') {
        return literal.split('\'').next().unwrap_or_default().to_owned();
    }
    let (value, quoted) = value.strip_prefix('"').map_or((value, false), |rest| (rest, true));
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.extend(characters.next()),
            '"' if quoted => break,
            ' ' | '\t' | '#' | ';' if !quoted => break,
            other => out.push(other),
        }
    }
    out
}

/// `etc/alpine-release`: the version alone.
pub(super) fn alpine_release(text: &str) -> Option<Distribution> {
    let version = text.trim();
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| {
        let edge = version.contains("_alpha");
        let release = version.split('.').take(2).collect::<Vec<_>>().join(".");
        Distribution {
            id: "alpine".into(),
            version_id: Some(version.into()),
            name: "Alpine Linux".into(),
            pretty_name: if edge {
                "Alpine Linux edge".into()
            } else {
                format!("Alpine Linux v{release}")
            },
            ..Distribution::default()
        }
    })
}

/// `etc/lsb-release`: assignments with the prefix `DISTRIB_`.
pub(super) fn lsb_release(text: &str) -> Option<Distribution> {
    let value = |key: &str| assignment(text, key).filter(|value| !value.is_empty());
    let name = value("DISTRIB_ID")?;
    let version_id = value("DISTRIB_RELEASE");
    Some(Distribution {
        id: name.to_ascii_lowercase(),
        pretty_name: value("DISTRIB_DESCRIPTION").unwrap_or_else(|| {
            [Some(name.clone()), version_id.clone()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" ")
        }),
        codename: value("DISTRIB_CODENAME"),
        version_id,
        name,
        ..Distribution::default()
    })
}

/// How the families of Red Hat call themselves in `etc/redhat-release`, and their `ID`.
const RED_HAT_FAMILY: &[(&str, &str)] = &[
    ("AlmaLinux", "almalinux"),
    ("Rocky Linux", "rocky"),
    ("Red Hat Enterprise Linux", "rhel"),
    ("CentOS", "centos"),
    ("Oracle Linux", "ol"),
    ("Fedora", "fedora"),
    ("Amazon Linux", "amzn"),
];

/// `etc/redhat-release` and its likes: `CentOS Linux release 7.9.2009 (Core)`,
/// `Amazon Linux AMI release 2018.03`.
pub(super) fn red_hat_release(text: &str) -> Option<Distribution> {
    let line = text.lines().next()?.trim();
    let (_, id) = RED_HAT_FAMILY.iter().find(|(prefix, _)| line.starts_with(prefix))?;
    let (name, rest) = line.split_once(" release ").unwrap_or((line, ""));
    let version = rest.split_whitespace().next().map(str::to_owned);
    Some(Distribution {
        id: (*id).into(),
        version_id: version,
        name: name.into(),
        pretty_name: line.into(),
        ..Distribution::default()
    })
}

/// `etc/debian_version`: `12.5`, or `forky/sid` before the release.
pub(super) fn debian_version(text: &str) -> Option<Distribution> {
    let version = text.trim();
    let codename = version.split('/').next().unwrap_or(version);
    let numbered = version.starts_with(|c: char| c.is_ascii_digit());
    let known = DEBIAN_CODENAMES.iter().any(|(name, _)| *name == codename);
    (numbered || known).then(|| Distribution {
        id: "debian".into(),
        version_id: numbered.then(|| version.split('.').next().unwrap_or(version).to_owned()),
        codename: known.then(|| codename.to_owned()),
        name: "Debian GNU/Linux".into(),
        pretty_name: format!("Debian GNU/Linux {version}"),
        ..Distribution::default()
    })
}

/// `etc/arch-release`: empty; that it exists says it all.
pub(super) fn arch_release(_: &str) -> Option<Distribution> {
    Some(Distribution {
        id: "arch".into(),
        name: "Arch Linux".into(),
        pretty_name: "Arch Linux".into(),
        ..Distribution::default()
    })
}
