//! An inventory out of a bill of materials: CycloneDX 1.4 to 1.6, SPDX 2.3 or Syft's own JSON, or a
//! list of package URLs. Packages are known by their URLs, with the qualifiers that Syft and Trivy
//! write; what has none is a gap.

use std::collections::BTreeMap;

use cofferdam_finding::{Gap, Package, PackageKind, SourcePackage};
use serde_json::Value;

use crate::{Distribution, Inventory, language::python, purl::Purl, rules::SBOM_NOT_UNDERSTOOD};

/// Bytes of a document.
pub const MAX_DOCUMENT: u64 = 256 << 20;
/// Components within components.
const DEEPEST: usize = 32;
/// Gaps that are told one by one.
const MOST_GAPS: usize = 50;

/// Why a document is no bill of materials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It begins like JSON and is none.
    #[error("it is not JSON: {0}")]
    Json(String),
    /// It is JSON of another kind, or another text.
    #[error("it is neither CycloneDX, SPDX 2.3 nor Syft JSON, nor a list of package URLs (pkg:…)")]
    Unknown,
}

/// Reads a document; `name` is what locations call it.
///
/// # Errors
/// If it is of no known format. What is not understood within it is a gap.
pub fn read(bytes: &[u8], name: &str) -> Result<Inventory, ReadError> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut reader = Reader { name, ..Reader::default() };
    if text.starts_with('{') {
        let document: Value =
            serde_json::from_str(text).map_err(|error| ReadError::Json(error.to_string()))?;
        if document.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") {
            reader.cyclonedx(document.get("components"), 0);
        } else if text_at(&document, "spdxVersion").is_some_and(|v| v.starts_with("SPDX-2.")) {
            reader.spdx(&document);
        } else if document.get("artifacts").is_some() && document.get("schema").is_some() {
            reader.syft(&document);
        } else {
            return Err(ReadError::Unknown);
        }
    } else {
        reader.list(text)?;
    }
    Ok(reader.finish())
}

fn text_at<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[derive(Default)]
struct Reader<'a> {
    name: &'a str,
    packages: Vec<Package>,
    gaps: Vec<Gap>,
    untold: usize,
    /// What the document says of the operating system: id and version.
    system: Option<(String, Option<String>)>,
    /// How many packages name which distribution.
    distributions: BTreeMap<String, usize>,
}

/// What a document says beside the package URL.
#[derive(Default)]
struct Beside {
    location: Option<String>,
    layer: Option<String>,
    source: Option<SourcePackage>,
    licenses: Vec<String>,
    owner: Option<String>,
    declared: bool,
}

impl Reader<'_> {
    fn cyclonedx(&mut self, components: Option<&Value>, depth: usize) {
        for component in components.and_then(Value::as_array).into_iter().flatten() {
            if depth == DEEPEST {
                return self.gap("components", &format!("they are {DEEPEST} deep"));
            }
            let name = text_at(component, "name").unwrap_or("?");
            match (text_at(component, "type"), text_at(component, "purl")) {
                (Some("operating-system"), _) => {
                    let version = text_at(component, "version").map(str::to_owned);
                    self.system = Some((name.to_ascii_lowercase(), version));
                }
                (_, Some(purl)) => self.package(purl, beside(component)),
                (Some("library" | "framework"), None) => self.gap(name, "it has no package URL"),
                _ => {}
            }
            self.cyclonedx(component.get("components"), depth + 1);
        }
    }

    fn spdx(&mut self, document: &Value) {
        for package in document.get("packages").and_then(Value::as_array).into_iter().flatten() {
            let name = text_at(package, "name").unwrap_or("?");
            let purpose = text_at(package, "primaryPackagePurpose").unwrap_or_default();
            let references = package.get("externalRefs").and_then(Value::as_array);
            let purl = references.into_iter().flatten().find_map(|reference| {
                let is_purl = text_at(reference, "referenceType") == Some("purl");
                is_purl.then(|| text_at(reference, "referenceLocator")).flatten()
            });
            match (purpose, purl) {
                ("OPERATING-SYSTEM" | "OPERATING_SYSTEM", _) => {
                    let version = text_at(package, "versionInfo").map(str::to_owned);
                    self.system = Some((name.to_ascii_lowercase(), version));
                }
                ("CONTAINER" | "FILE" | "SOURCE" | "ARCHIVE", _) => {}
                (_, Some(purl)) => {
                    let license = text_at(package, "licenseDeclared");
                    let license = license.filter(|l| !matches!(*l, "NOASSERTION" | "NONE"));
                    let licenses = license.map(str::to_owned).into_iter().collect();
                    self.package(purl, Beside { licenses, ..Beside::default() });
                }
                // What the document is about.
                (_, None) if text_at(package, "versionInfo").is_none() => {}
                (_, None) => self.gap(name, "it has no package URL"),
            }
        }
    }

    fn syft(&mut self, document: &Value) {
        if let Some(distribution) = document.get("distro") {
            let version = text_at(distribution, "versionID").map(str::to_owned);
            self.system = text_at(distribution, "id").map(|id| (id.to_owned(), version));
        }
        for artifact in document.get("artifacts").and_then(Value::as_array).into_iter().flatten() {
            let location = artifact.get("locations").and_then(|all| all.get(0));
            let at = |key| location.and_then(|location| text_at(location, key));
            let beside = Beside {
                location: at("path").map(|path| path.trim_start_matches('/').to_owned()),
                layer: at("layerID").map(str::to_owned),
                ..Beside::default()
            };
            match text_at(artifact, "purl") {
                Some(purl) => self.package(purl, beside),
                None => self.gap(text_at(artifact, "name").unwrap_or("?"), "it has no package URL"),
            }
        }
    }

    fn list(&mut self, text: &str) -> Result<(), ReadError> {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        for line in lines {
            if self.packages.is_empty() && !line.starts_with("pkg:") {
                return Err(ReadError::Unknown);
            }
            self.package(line, Beside::default());
        }
        if self.packages.is_empty() && self.gaps.is_empty() {
            return Err(ReadError::Unknown);
        }
        Ok(())
    }

    fn package(&mut self, text: &str, beside: Beside) {
        let purl = match Purl::parse(text) {
            Ok(purl) => purl,
            Err(why) => return self.gap(text, why),
        };
        // An image, an operating system or a repository is no package.
        if matches!(purl.kind.as_str(), "oci" | "docker") {
            return;
        }
        let kind = purl.package_kind();
        let name = match kind {
            PackageKind::Pypi => python::normalised(&purl.full_name()),
            _ => purl.full_name(),
        };
        let version = version(&purl);
        if kind.is_of_distribution()
            && let Some(distribution) = purl.qualifiers.get("distro")
        {
            *self.distributions.entry(distribution.clone()).or_default() += 1;
        }
        self.packages.push(Package {
            kind,
            architecture: purl.qualifiers.get("arch").cloned(),
            source: beside.source.unwrap_or_else(|| source(&purl, &name, &version)),
            name,
            version,
            purl: text.to_owned(),
            licenses: beside.licenses,
            module: purl.qualifiers.get("rpmmod").cloned(),
            location: beside.location.unwrap_or_else(|| self.name.to_owned()),
            layer: beside.layer,
            owner: beside.owner,
            declared: beside.declared,
        });
    }

    fn gap(&mut self, object: &str, why: &str) {
        if self.gaps.len() == MOST_GAPS {
            self.untold += 1;
            return;
        }
        let object: String = object.chars().take(200).collect();
        self.gaps.push(Gap { rule: SBOM_NOT_UNDERSTOOD.into(), object, why: why.to_owned() });
    }

    fn finish(mut self) -> Inventory {
        let most = self.distributions.iter().max_by_key(|(_, count)| **count);
        let named = most.map(|(name, _)| split_distribution(name));
        let others: usize =
            self.distributions.values().sum::<usize>() - most.map_or(0, |(_, count)| *count);
        if others > 0 {
            let why = format!("{others} packages are of another distribution than the rest");
            self.gap("distribution", &why);
        }
        if self.untold > 0 {
            let why = format!("{} more could not be understood", self.untold);
            self.gaps.push(Gap {
                rule: SBOM_NOT_UNDERSTOOD.into(),
                object: "components".into(),
                why,
            });
        }
        let location = self.name.to_owned();
        let distribution = self.system.or(named).map(|(id, version)| {
            let pretty = [Some(id.clone()), version.clone()].into_iter().flatten();
            Distribution {
                // Trivy and Syft have names of their own for some.
                id: match id.as_str() {
                    "redhat" => "rhel".to_owned(),
                    "amazon" => "amzn".to_owned(),
                    "oracle" => "ol".to_owned(),
                    "alma" => "almalinux".to_owned(),
                    _ => id.clone(),
                },
                pretty_name: pretty.collect::<Vec<_>>().join(" "),
                name: id,
                version_id: version,
                location,
                ..Distribution::default()
            }
        });
        self.packages
            .sort_by(|a, b| (a.kind, &a.name, &a.version).cmp(&(b.kind, &b.name, &b.version)));
        self.packages.dedup();
        Inventory { distribution, packages: self.packages, gaps: self.gaps }
    }
}

/// `debian-12`: the version begins behind the last hyphen in front of a digit.
fn split_distribution(text: &str) -> (String, Option<String>) {
    match text.rsplit_once('-') {
        Some((id, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            (id.to_owned(), Some(version.to_owned()))
        }
        _ => (text.to_owned(), None),
    }
}

/// With the epoch, which is a qualifier for RPM, and for Debian where Trivy writes it.
fn version(purl: &Purl) -> String {
    let version = purl.version.clone().unwrap_or_default();
    let epoch = purl.qualifiers.get("epoch").filter(|epoch| epoch.as_str() != "0");
    match epoch {
        Some(epoch) if purl.package_kind().is_of_distribution() && !version.contains(':') => {
            format!("{epoch}:{version}")
        }
        _ => version,
    }
}

/// The source package of `upstream`: `openssl`, `openssl@1.0-1`, or for RPM the name of a file.
fn source(purl: &Purl, name: &str, version: &str) -> SourcePackage {
    let own = || SourcePackage { name: name.to_owned(), version: version.to_owned() };
    let Some(upstream) = purl.qualifiers.get("upstream").filter(|u| !u.is_empty()) else {
        return own();
    };
    if let Some(stem) = upstream.strip_suffix(".src.rpm") {
        let mut parts = stem.rsplitn(3, '-');
        let (release, of_source) = (parts.next(), parts.next());
        return match (parts.next(), of_source, release) {
            (Some(name), Some(version), Some(release)) => {
                SourcePackage { name: name.to_owned(), version: format!("{version}-{release}") }
            }
            _ => own(),
        };
    }
    match upstream.split_once('@') {
        Some((name, version)) => {
            SourcePackage { name: name.to_owned(), version: version.to_owned() }
        }
        None => SourcePackage { name: upstream.clone(), version: version.to_owned() },
    }
}

/// What the properties of a component say, as Cofferdam, Syft and Trivy name them.
fn beside(component: &Value) -> Beside {
    let properties = component.get("properties").and_then(Value::as_array);
    let property = |names: &[&str]| {
        properties.into_iter().flatten().find_map(|property| {
            let is_named = names.contains(&text_at(property, "name")?);
            is_named.then(|| text_at(property, "value")).flatten()
        })
    };
    let source = |name: &str, version: String| SourcePackage { name: name.to_owned(), version };
    let own = property(&["cofferdam:source:name"]).zip(property(&["cofferdam:source:version"]));
    let of_trivy = property(&["aquasecurity:trivy:SrcName"])
        .zip(property(&["aquasecurity:trivy:SrcVersion"]))
        .map(|(name, version)| {
            let release = property(&["aquasecurity:trivy:SrcRelease"]);
            let epoch = property(&["aquasecurity:trivy:SrcEpoch"]).filter(|epoch| *epoch != "0");
            let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
            let release = release.map(|release| format!("-{release}")).unwrap_or_default();
            source(name, format!("{epoch}{version}{release}"))
        });
    let location =
        property(&["cofferdam:location", "syft:location:0:path", "aquasecurity:trivy:FilePath"]);
    let layer =
        property(&["cofferdam:layer", "syft:location:0:layerID", "aquasecurity:trivy:LayerDiffID"]);
    Beside {
        location: location.map(|path| path.trim_start_matches('/').to_owned()),
        layer: layer.map(str::to_owned),
        source: own.map(|(name, version)| source(name, version.to_owned())).or(of_trivy),
        licenses: licenses(component),
        owner: property(&["cofferdam:owner"]).map(str::to_owned),
        declared: property(&["cofferdam:declared"]) == Some("true"),
    }
}

fn licenses(component: &Value) -> Vec<String> {
    let all = component.get("licenses").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|entry| {
        let license = entry.get("license");
        let named = license.and_then(|l| text_at(l, "id").or_else(|| text_at(l, "name")));
        text_at(entry, "expression").or(named).map(str::to_owned)
    })
    .collect()
}
