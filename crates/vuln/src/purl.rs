//! Package URLs.
//!
//! As the purl specification (ECMA-427) and its types `deb`, `apk` and `rpm` have it, with the
//! qualifiers that the common scanners write: `arch`, `distro` (`debian-12`), `epoch` and `rpmmod`
//! for RPM, and `upstream` (the source package, where it differs from the package; for RPM the
//! file name of the source package).

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

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
        PackageKind::Deb | PackageKind::Apk | PackageKind::Alpm => record.name.to_ascii_lowercase(),
        _ => record.name.clone(),
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

/// The package URL of a package of a language, by its name in full: the part before the last `/` of
/// the name (`@babel/core`, `golang.org/x/net`), or before the `:` of Maven's, is the namespace.
pub fn of_language(kind: PackageKind, name: &str, version: &str) -> String {
    let mut purl = format!("pkg:{}", kind.name());
    let parts: Vec<&str> = match kind {
        PackageKind::Maven => name.split(':').collect(),
        _ => name.split('/').collect(),
    };
    for part in parts {
        write_all(&mut purl, &["/", &encode(part)]);
    }
    if !version.is_empty() {
        write_all(&mut purl, &["@", &encode(version)]);
    }
    purl
}

/// The package URL of an image, by the digest of its manifest.
pub fn image(name: &str, digest: &str) -> String {
    format!("pkg:oci/{}@{}", encode(&name.to_ascii_lowercase()), encode(digest))
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

/// A package URL taken apart, escapes undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purl {
    /// `deb`, `npm`, in lower case.
    pub kind: String,
    /// What is between type and name: `debian`, `@babel`, `golang.org/x`.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Version.
    pub version: Option<String>,
    /// Qualifiers: `arch`, `distro`, `upstream`.
    pub qualifiers: BTreeMap<String, String>,
}

impl Purl {
    /// Takes a package URL apart as the specification says: from the right for the subpath, the
    /// qualifiers and the version, from the left for scheme and type.
    ///
    /// # Errors
    /// If it is none: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.trim().strip_prefix("pkg:").ok_or("it does not begin with 'pkg:'")?;
        let rest = rest.trim_start_matches('/');
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, rest) = rest.split_once('/').ok_or("it has no name")?;
        let is_kind = |c: char| c.is_ascii_alphanumeric() || ".+-".contains(c);
        if kind.is_empty() || !kind.chars().all(is_kind) {
            return Err("its type is none");
        }
        let rest = rest.trim_matches('/');
        // An `@` before the last `/` is one of a scope that was not escaped.
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (path, version) = match rest[last..].rfind('@').filter(|at| last + at > 0) {
            Some(at) => (&rest[..last + at], Some(&rest[last + at + 1..])),
            None => (rest, None),
        };
        let (namespace, name) = match path.rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, path),
        };
        let decoded = |text: &str| decode(text).ok_or("it has an escape that is none");
        let name = decoded(name)?;
        if name.is_empty() {
            return Err("it has no name");
        }
        let mut all = BTreeMap::new();
        for pair in qualifiers.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or("a qualifier has no value")?;
            all.insert(key.to_ascii_lowercase(), decoded(value)?);
        }
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            namespace: namespace.map(decoded).transpose()?.filter(|text| !text.is_empty()),
            name,
            version: version.map(decoded).transpose()?.filter(|text| !text.is_empty()),
            qualifiers: all,
        })
    }

    /// What kind of package it names.
    pub fn package_kind(&self) -> PackageKind {
        let known = PackageKind::ALL.into_iter().find(|kind| kind.name() == self.kind);
        known.unwrap_or(PackageKind::Generic)
    }

    /// The name in full, as the package's ecosystem writes it.
    pub fn full_name(&self) -> String {
        let kind = self.package_kind();
        match &self.namespace {
            Some(namespace) if kind == PackageKind::Maven => format!("{namespace}:{}", self.name),
            Some(namespace) if !kind.is_of_distribution() => format!("{namespace}/{}", self.name),
            _ => self.name.clone(),
        }
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}", self.kind)?;
        let namespace = self.namespace.iter().flat_map(|namespace| namespace.split('/'));
        for part in namespace.chain([self.name.as_str()]) {
            write!(f, "/{}", encode(part))?;
        }
        if let Some(version) = &self.version {
            write!(f, "@{}", encode(version))?;
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(f, "{}{key}={}", if index == 0 { '?' } else { '&' }, encode(value))?;
        }
        Ok(())
    }
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
