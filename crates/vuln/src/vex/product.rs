//! What a statement is about, and whether that is a package, or what was scanned.

use cofferdam_finding::{Package, PackageKind};

use crate::{
    Distribution,
    language::python,
    purl::Purl,
    version::{Order, vers::Vers},
};

/// Something that identifies a product or a component of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identifier {
    /// A package URL.
    Purl(Box<Purl>),
    /// `sha256:…`.
    Hash(String),
    /// A platform or an application, as NIST names it.
    Cpe(Cpe),
    /// Anything else: a name.
    Text(String),
}

impl Identifier {
    /// What a text identifies something by.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with("pkg:") {
            return Purl::parse(text).map_or_else(
                |_| Self::Text(super::shortened(text)),
                |purl| Self::Purl(Box::new(purl)),
            );
        }
        Cpe::parse(text).map_or_else(|| Self::Text(super::shortened(text)), Self::Cpe)
    }
}

/// The parts of a CPE name that tell a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpe {
    /// `redhat`.
    pub vendor: String,
    /// `enterprise_linux`.
    pub product: String,
    /// `9`, `9.2`; empty for any.
    pub version: String,
}

impl Cpe {
    /// Reads a name of version 2.2 (`cpe:/o:…`) or 2.3 (`cpe:2.3:o:…`).
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("cpe:2.3:").or_else(|| text.strip_prefix("cpe:/"))?;
        let mut parts = rest.split(':').skip(1);
        let mut next = || parts.next().unwrap_or_default().to_ascii_lowercase();
        let (vendor, product, version) = (next(), next(), next());
        let version = if version == "*" || version == "-" { String::new() } else { version };
        (!product.is_empty()).then_some(Self { vendor, product, version })
    }

    /// Whether it names a distribution, in a release at least as exact as the name.
    fn is(&self, distribution: &Distribution) -> bool {
        let id = match (self.vendor.as_str(), self.product.as_str()) {
            ("redhat", "enterprise_linux") => "rhel",
            ("debian", "debian_linux") => "debian",
            ("canonical", "ubuntu_linux") => "ubuntu",
            ("alpinelinux", "alpine_linux") => "alpine",
            ("almalinux", "almalinux") => "almalinux",
            ("rocky", "rocky") | ("resf", "rocky_linux") => "rocky",
            ("oracle", "linux") => "ol",
            ("amazon", "amazon_linux") => "amzn",
            ("fedoraproject", "fedora") => "fedora",
            _ => return false,
        };
        let version = distribution.version_id.as_deref().unwrap_or_default();
        let is_release = self.version.is_empty()
            || version
                .strip_prefix(self.version.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        distribution.id == id && is_release
    }
}

/// What a statement is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Product {
    /// The product, by any of these.
    pub identifiers: Vec<Identifier>,
    /// The component of it that is meant, by any of these; none if the product itself is.
    pub component: Vec<Identifier>,
    /// Versions of what is meant, in the notation of `vers`, or one version.
    pub range: Option<String>,
}

/// What was scanned, as products are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Names: that of the command line.
    pub names: Vec<String>,
    /// Digests of its manifest, configuration or layers.
    pub digests: Vec<String>,
    /// Registry and path of an image: `docker.io/library/debian`.
    pub repository: Option<String>,
    /// Tag of an image.
    pub tag: Option<String>,
    /// Its distribution.
    pub distribution: Option<Distribution>,
}

impl Subject {
    /// Whether an identifier names what was scanned.
    fn is(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::Hash(hash) => self.has_digest(hash),
            Identifier::Text(name) => self.names.contains(name) || self.has_digest(name),
            Identifier::Cpe(cpe) => self.distribution.as_ref().is_some_and(|it| cpe.is(it)),
            Identifier::Purl(purl) => {
                matches!(purl.kind.as_str(), "oci" | "docker") && self.is_image(purl)
            }
        }
    }

    fn has_digest(&self, text: &str) -> bool {
        self.digests.iter().any(|digest| digest.eq_ignore_ascii_case(text))
    }

    /// Whether a package URL of an image is of this one. A digest settles it; a name without a
    /// digest is of all images of the repository, or with a tag of one of them.
    fn is_image(&self, purl: &Purl) -> bool {
        match &purl.version {
            Some(version) if version.contains(':') => self.has_digest(version),
            version => {
                let tag = purl.qualifiers.get("tag").or(version.as_ref());
                let tag_fits = tag.is_none_or(|tag| self.tag.as_ref() == Some(tag));
                tag_fits && self.is_repository(purl)
            }
        }
    }

    fn is_repository(&self, purl: &Purl) -> bool {
        let Some(repository) = &self.repository else { return false };
        match purl.qualifiers.get("repository_url") {
            Some(address) => {
                let address = address.trim_start_matches("https://").trim_end_matches('/');
                // Either the whole, or what comes before the name.
                address == repository || format!("{address}/{}", purl.full_name()) == *repository
            }
            None => {
                let name = purl.full_name();
                *repository == name || repository.ends_with(&format!("/{name}"))
            }
        }
    }
}

/// Why a statement is not about a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Miss {
    /// The product is not here at all.
    Product,
    /// The product is here, but the component is another one.
    Component,
    /// The package is the one, in another version.
    Version,
}

impl Miss {
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Product => "its product is not what was scanned, and no package in it",
            Self::Component => "its component is not a package with this vulnerability",
            Self::Version => "it is about another version of the package",
        }
    }
}

impl Product {
    /// Whether a statement on this product is about `package`, one of `all` in the subject.
    pub(super) fn concerns(
        &self,
        package: &Package,
        subject: &Subject,
        all: &[Package],
    ) -> Result<(), Miss> {
        let is_whole = self.identifiers.iter().any(|one| subject.is(one));
        if self.component.is_empty() {
            // A distribution as a whole is never meant without a component.
            let is_platform = self.identifiers.iter().all(|one| matches!(one, Identifier::Cpe(_)));
            if is_whole && !is_platform {
                return Ok(());
            }
            return self.is_package(&self.identifiers, package, subject, Miss::Product);
        }
        // What costs less to find out first.
        self.is_package(&self.component, package, subject, Miss::Component)?;
        match is_whole || self.has_part(package, subject, all) {
            true => Ok(()),
            false => Err(Miss::Product),
        }
    }

    /// Whether the product is the distribution's package that owns the file of `package`. Another
    /// module of the same program is no product in this sense: a third one may use the component
    /// too, and there it may matter.
    fn has_part(&self, package: &Package, subject: &Subject, all: &[Package]) -> bool {
        let Some(owner) = &package.owner else { return false };
        let mut wholes =
            all.iter().filter(|whole| whole.kind.is_of_distribution() && whole.name == *owner);
        wholes.any(|whole| self.identifiers.iter().any(|one| names(one, whole, subject).is_ok()))
    }

    fn is_package(
        &self,
        identifiers: &[Identifier],
        package: &Package,
        subject: &Subject,
        otherwise: Miss,
    ) -> Result<(), Miss> {
        let mut miss = otherwise;
        for identifier in identifiers {
            match names(identifier, package, subject) {
                Ok(()) if self.has_version(package) => return Ok(()),
                Ok(()) | Err(Miss::Version) => miss = Miss::Version,
                Err(_) => {}
            }
        }
        Err(miss)
    }

    /// Whether the range of versions, if there is one, has that of the package. What cannot be
    /// understood has none.
    fn has_version(&self, package: &Package) -> bool {
        let Some(range) = &self.range else { return true };
        if range.starts_with("vers:") {
            return Vers::parse(range)
                .is_ok_and(|range| range.contains(&package.version).unwrap_or(false));
        }
        *range == package.version
            || Order::of_kind(package.kind).is_some_and(|order| {
                order.compare(range, &package.version).is_ok_and(|side| side.is_eq())
            })
    }
}

/// Whether an identifier names a package: type, namespace and name are the same, and the version
/// and every qualifier that the identifier has. For a source package (`arch=source`, `arch=src`),
/// its name and version are those of the source that the package was built from.
fn names(identifier: &Identifier, package: &Package, subject: &Subject) -> Result<(), Miss> {
    let other = Err(Miss::Component);
    let Identifier::Purl(wanted) = identifier else { return other };
    let Ok(own) = Purl::parse(&package.purl) else { return other };
    if wanted.kind != own.kind || wanted.package_kind() != package.kind {
        return other;
    }
    let fold = |text: &Option<String>| text.as_deref().unwrap_or_default().to_lowercase();
    let spaces = match package.kind {
        // Case tells modules and artefacts apart.
        PackageKind::Golang | PackageKind::Maven => wanted.namespace == own.namespace,
        _ => fold(&wanted.namespace) == fold(&own.namespace),
    };
    if !spaces {
        return other;
    }
    let of_source = wanted.qualifiers.get("arch").is_some_and(|a| a == "source" || a == "src");
    let (name, version) = match of_source && package.kind.is_of_distribution() {
        true => (&package.source.name, &package.source.version),
        false => (&package.name, &package.version),
    };
    let same_name = match package.kind {
        PackageKind::Pypi => python::normalised(&wanted.full_name()) == python::normalised(name),
        PackageKind::Deb | PackageKind::Apk | PackageKind::Alpm => {
            wanted.name.eq_ignore_ascii_case(name)
        }
        PackageKind::Nuget | PackageKind::Composer => wanted.full_name().eq_ignore_ascii_case(name),
        _ => wanted.full_name() == *name,
    };
    if !same_name {
        return other;
    }
    let qualifiers = wanted.qualifiers.iter().filter(|(key, _)| key.as_str() != "epoch");
    for (key, value) in qualifiers {
        let fits = match key.as_str() {
            "arch" if of_source => true,
            "distro" => {
                own.qualifiers.get(key) == Some(value)
                    || subject.distribution.as_ref().is_some_and(|it| is_release(it, value))
            }
            _ => own.qualifiers.get(key) == Some(value),
        };
        if !fits {
            return other;
        }
    }
    match &wanted.version {
        None => Ok(()),
        Some(text) if same_version(text, wanted.qualifiers.get("epoch"), version) => Ok(()),
        Some(_) => Err(Miss::Version),
    }
}

/// The version of a package URL, which may have its epoch apart, and that of a package.
fn same_version(wanted: &str, epoch: Option<&String>, installed: &str) -> bool {
    let split = |text: &str| match text.split_once(':') {
        Some((epoch, rest)) => (epoch.to_owned(), rest.to_owned()),
        None => ("0".to_owned(), text.to_owned()),
    };
    let (own_epoch, rest) = split(installed);
    let (mut wanted_epoch, wanted) = split(wanted);
    if let Some(epoch) = epoch {
        wanted_epoch.clone_from(epoch);
    }
    rest == wanted && own_epoch == wanted_epoch
}

/// A release by its code name alone (`bookworm`) or with the name of the distribution.
fn is_release(distribution: &Distribution, text: &str) -> bool {
    let Distribution { id, version_id, codename, .. } = distribution;
    let releases = [version_id, codename].into_iter().flatten();
    let mut named = releases.map(|release| (format!("{id}-{release}"), release));
    named.any(|(full, release)| {
        full == text || (codename.as_ref() == Some(release) && release == text)
    })
}
