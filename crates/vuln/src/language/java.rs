//! Java: jar, war and ear files, and those within them.
//!
//! What an archive is, `META-INF/maven/GROUP/ARTIFACT/pom.properties` says (of a shaded one, several
//! say), else its manifest and its name.

use std::io::{self, Cursor, Read, Seek};

use cofferdam_finding::PackageKind::Maven;
use cofferdam_image::Candidate;
use zip::ZipArchive;

use super::{Extract, Found, select::is_archive};

/// Bytes of an archive; it is in memory while it is read.
pub const MAX_ARCHIVE: u64 = 160 << 20;
/// Archives within archives.
const DEEPEST: usize = 4;
/// Bytes of all archives that are inside of one, decompressed.
const MOST_INNER: u64 = 256 << 20;
/// Bytes of a manifest or a file of properties.
const LONGEST_TEXT: u64 = 1 << 20;
/// Entries of an archive.
const MOST_ENTRIES: usize = 500_000;

/// Reads an archive.
///
/// # Errors
/// Those of `content`.
pub fn read(candidate: &Candidate<'_>, content: &mut dyn Read) -> io::Result<Extract> {
    let mut extract = Extract::default();
    let mut bytes = Vec::new();
    if candidate.size <= MAX_ARCHIVE {
        content.take(MAX_ARCHIVE + 1).read_to_end(&mut bytes)?;
    }
    if candidate.size > MAX_ARCHIVE || bytes.len() as u64 > MAX_ARCHIVE {
        extract.problem("whole file", format!("it has more than {MAX_ARCHIVE} bytes"));
        return Ok(extract);
    }
    // Tests and tools leave empty files of that name.
    if bytes.is_empty() {
        return Ok(extract);
    }
    let mut budget = MOST_INNER;
    archive(candidate.path, None, Cursor::new(bytes), 0, &mut budget, &mut extract);
    Ok(extract)
}

/// What is read of an archive.
#[derive(Default)]
struct Parts {
    /// Coordinates: group, artifact, version.
    properties: Vec<(String, String, String)>,
    manifest: Option<String>,
    inner: Vec<usize>,
}

fn archive(
    path: &str,
    inner: Option<&str>,
    bytes: impl Read + Seek,
    depth: usize,
    budget: &mut u64,
    extract: &mut Extract,
) {
    let place = inner.unwrap_or("whole file").to_owned();
    let mut zip = match ZipArchive::new(bytes) {
        Ok(zip) => zip,
        Err(error) => return extract.problem(place, format!("it is no zip archive: {error}")),
    };
    if zip.len() > MOST_ENTRIES {
        return extract.problem(place, format!("it has more than {MOST_ENTRIES} entries"));
    }
    let parts = parts(&mut zip, &place, extract);
    identify(path, inner, &parts, extract);
    for index in parts.inner {
        let Ok(mut entry) = zip.by_index(index) else {
            extract.problem(&*place, format!("its entry {index} cannot be read"));
            continue;
        };
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let name = inner.map_or(name.clone(), |inner| format!("{inner}!/{name}"));
        if depth + 1 >= DEEPEST {
            extract.problem(name, format!("it is {DEEPEST} archives deep"));
            continue;
        }
        let mut bytes = Vec::new();
        let read = entry.by_ref().take(*budget + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > *budget {
            extract.problem(name, format!("the archives in it have more than {MOST_INNER} bytes"));
            *budget = 0;
            break;
        }
        *budget -= bytes.len() as u64;
        drop(entry);
        match read {
            Ok(_) => archive(path, Some(&name), Cursor::new(bytes), depth + 1, budget, extract),
            Err(error) => extract.problem(name, error.to_string()),
        }
    }
}

fn parts<R: Read + Seek>(zip: &mut ZipArchive<R>, place: &str, extract: &mut Extract) -> Parts {
    let mut parts = Parts::default();
    for index in 0..zip.len() {
        let Ok(mut entry) = zip.by_index(index) else { continue };
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if is_archive(&name) {
            parts.inner.push(index);
            continue;
        }
        let is_manifest = name.eq_ignore_ascii_case("META-INF/MANIFEST.MF");
        let is_properties =
            name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties");
        if !is_manifest && !is_properties {
            continue;
        }
        let mut bytes = Vec::new();
        if let Err(error) = entry.by_ref().take(LONGEST_TEXT).read_to_end(&mut bytes) {
            extract.problem(format!("{place}: {name}"), error.to_string());
            continue;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if is_manifest {
            parts.manifest = Some(text);
        } else {
            parts.properties.extend(coordinates(&text));
        }
    }
    parts
}

fn coordinates(properties: &str) -> Option<(String, String, String)> {
    let field = |name: &str| {
        properties.lines().find_map(|line| {
            let value = line.trim().strip_prefix(name)?.trim_start().strip_prefix(['=', ':'])?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        })
    };
    Some((field("groupId")?, field("artifactId")?, field("version")?))
}

/// Says which packages an archive is, or has been put together from.
fn identify(path: &str, inner: Option<&str>, parts: &Parts, extract: &mut Extract) {
    let inner_path = inner.map(str::to_owned);
    for (group, artifact, version) in &parts.properties {
        let name = format!("{group}:{artifact}");
        extract.add(Found { inner: inner_path.clone(), ..Found::new(Maven, &name, version) });
    }
    let file = inner.unwrap_or(path).rsplit('/').next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let (name_of_file, version_of_file) = split(stem);
    if parts.properties.iter().any(|(_, artifact, _)| artifact == name_of_file) {
        return;
    }
    let manifest = Manifest::parse(parts.manifest.as_deref().unwrap_or_default());
    let version = version_of_file.map(str::to_owned).or_else(|| manifest.version());
    // One that is named for what it was put together from is a package of its own only if it says so.
    let Some(version) =
        version.filter(|_| parts.properties.len() != 1 || version_of_file.is_some())
    else {
        return;
    };
    let artifact = name_of_file;
    if let Some(group) = group_of(artifact).map(str::to_owned).or_else(|| manifest.group(artifact))
    {
        let name = format!("{group}:{artifact}");
        extract.add(Found { inner: inner_path, ..Found::new(Maven, &name, &version) });
    } else if parts.properties.is_empty() {
        extract.add(Found { inner: inner_path, ..Found::new(Maven, artifact, &version) });
    }
}

/// `spring-core-5.3.20` into name and version: the first hyphen before a digit divides them.
fn split(stem: &str) -> (&str, Option<&str>) {
    let at = stem
        .match_indices('-')
        .map(|(at, _)| at)
        .find(|at| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    match at {
        Some(at) if at > 0 => (&stem[..at], Some(&stem[at + 1..])),
        _ => (stem, None),
    }
}

/// Groups of libraries that are built with Gradle, and so say theirs nowhere in the archive.
fn group_of(artifact: &str) -> Option<&'static str> {
    const PREFIXES: [(&str, &str); 14] = [
        ("spring-boot", "org.springframework.boot"),
        ("spring-security-", "org.springframework.security"),
        ("spring-cloud-", "org.springframework.cloud"),
        ("spring-data-", "org.springframework.data"),
        ("spring-session-", "org.springframework.session"),
        ("spring-integration-", "org.springframework.integration"),
        ("spring-kafka", "org.springframework.kafka"),
        ("spring-batch-", "org.springframework.batch"),
        ("spring-ldap-", "org.springframework.ldap"),
        ("kotlin-", "org.jetbrains.kotlin"),
        ("micrometer-", "io.micrometer"),
        ("reactor-netty", "io.projectreactor.netty"),
        ("lucene-", "org.apache.lucene"),
        ("hibernate-", "org.hibernate"),
    ];
    const NAMES: [(&str, &str); 24] = [
        ("spring-aop", "org.springframework"),
        ("spring-aspects", "org.springframework"),
        ("spring-beans", "org.springframework"),
        ("spring-context", "org.springframework"),
        ("spring-context-support", "org.springframework"),
        ("spring-core", "org.springframework"),
        ("spring-expression", "org.springframework"),
        ("spring-jcl", "org.springframework"),
        ("spring-jdbc", "org.springframework"),
        ("spring-jms", "org.springframework"),
        ("spring-messaging", "org.springframework"),
        ("spring-orm", "org.springframework"),
        ("spring-oxm", "org.springframework"),
        ("spring-tx", "org.springframework"),
        ("spring-web", "org.springframework"),
        ("spring-webflux", "org.springframework"),
        ("spring-webmvc", "org.springframework"),
        ("spring-websocket", "org.springframework"),
        ("reactor-core", "io.projectreactor"),
        ("okhttp", "com.squareup.okhttp3"),
        ("okio", "com.squareup.okio"),
        ("kafka-clients", "org.apache.kafka"),
        ("elasticsearch", "org.elasticsearch"),
        ("hibernate-validator", "org.hibernate.validator"),
    ];
    let named = NAMES.iter().find(|(name, _)| *name == artifact);
    let prefixed = PREFIXES.iter().find(|(prefix, _)| artifact.starts_with(prefix));
    named.or(prefixed).map(|(_, group)| *group)
}

/// The main section of a manifest.
struct Manifest(Vec<(String, String)>);

impl Manifest {
    fn parse(text: &str) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in text.lines().take_while(|line| !line.trim_end().is_empty()) {
            // Lines of more than 72 bytes go on behind a space.
            match (line.strip_prefix(' '), fields.last_mut()) {
                (Some(rest), Some((_, value))) => value.push_str(rest.trim_end()),
                _ => fields.extend(line.split_once(':').map(|(key, value)| {
                    (key.trim().to_ascii_lowercase(), value.trim().to_owned())
                })),
            }
        }
        Self(fields)
    }

    fn field(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|v| !v.is_empty() && !v.contains("${"))
    }

    fn version(&self) -> Option<String> {
        let names = ["implementation-version", "bundle-version", "specification-version"];
        let version = names.iter().find_map(|name| self.field(name))?;
        version.split_whitespace().next().map(str::to_owned)
    }

    /// The group, where the manifest has a name like `org.apache.commons.lang3` or says it.
    fn group(&self, artifact: &str) -> Option<String> {
        if let Some(vendor) = self.field("implementation-vendor-id") {
            return Some(vendor.to_owned()).filter(|vendor| is_group(vendor));
        }
        let symbolic = self.field("bundle-symbolicname")?.split(';').next()?.trim();
        let group = symbolic.strip_suffix(artifact)?.strip_suffix('.')?;
        is_group(group).then(|| group.to_owned())
    }
}

fn is_group(text: &str) -> bool {
    text.contains('.') && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}
