//! Package URLs of operating system packages.
//!
//! As the purl specification (ECMA-427) and its types `deb`, `apk` and `rpm` have it, with the
//! qualifiers that the common scanners write: `arch`, `distro` (`debian-12`), `epoch` and `rpmmod`
//! for RPM, and `upstream` (the source package, where it differs from the package; for RPM the
//! file name of the source package).

use std::fmt::Write as _;

use cofferdam_finding::PackageKind;

use crate::{os::Distribution, packages::Record};

/// The package URL of `record` in `distribution`.
pub fn of(kind: PackageKind, distribution: Option<&Distribution>, record: &Record) -> String {
    let mut purl = format!("pkg:{}", kind.name());
    if let Some(distribution) = distribution {
        write_all(&mut purl, &["/", &encode(namespace(&distribution.id))]);
    }
    let (epoch, version) = match (kind, record.version.split_once(':')) {
        (PackageKind::Rpm, Some((epoch, version))) => (Some(epoch), version),
        _ => (None, record.version.as_str()),
    };
    // The types `deb` and `apk` fold names to lower case; names of RPMs tell case apart.
    let name = match kind {
        PackageKind::Rpm => record.name.clone(),
        PackageKind::Deb | PackageKind::Apk => record.name.to_ascii_lowercase(),
    };
    write_all(&mut purl, &["/", &encode(&name), "@", &encode(version)]);
    let qualifiers = [
        ("arch", record.architecture.clone()),
        ("distro", distribution.map(distro)),
        ("epoch", epoch.map(str::to_owned)),
        ("rpmmod", record.module.clone()),
        ("upstream", upstream(record)),
    ];
    let mut separator = '?';
    for (key, value) in qualifiers.into_iter() {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            // Writing to a string cannot fail.
            let _ = write!(purl, "{separator}{key}={}", encode(&value));
            separator = '&';
        }
    }
    purl
}

fn write_all(purl: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| purl.push_str(part));
}

/// The vendor in the namespace, which for some is not the `ID` of os-release.
fn namespace(id: &str) -> &str {
    match id {
        "rhel" => "redhat",
        "ol" => "oracle",
        "sles" | "sles_sap" => "suse",
        id if id.starts_with("opensuse") => "opensuse",
        id => id,
    }
}

/// `debian-12`; `debian-forky` for a release that has no number yet; `arch` where there are none.
fn distro(distribution: &Distribution) -> String {
    let release = distribution.version_id.as_deref().or(distribution.codename.as_deref());
    release
        .map_or_else(|| distribution.id.clone(), |release| format!("{}-{release}", distribution.id))
}

fn upstream(record: &Record) -> Option<String> {
    if record.source_file.is_some() {
        return record.source_file.clone();
    }
    let source = record.source.as_ref()?;
    if source.version != record.version {
        Some(format!("{}@{}", source.name, source.version))
    } else {
        (source.name != record.name).then(|| source.name.clone())
    }
}

/// Percent-encodes all but what must not be encoded: letters, digits, `.`, `-`, `_`, `~` and `:`.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Undoes percent-encoding; `None` if an escape is not one, or what it stands for is not text.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}
