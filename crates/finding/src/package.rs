use serde::{Deserialize, Serialize};

/// Which package manager installed a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// Debian and its derivatives.
    Deb,
    /// Alpine and its derivatives.
    Apk,
    /// RPM distributions.
    Rpm,
}

impl PackageKind {
    /// The name, which is also the purl type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
        }
    }
}

/// The source package that an installed (binary) package was built from. Distributions publish
/// advisories for source packages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Name.
    pub name: String,
    /// Version, in full.
    pub version: String,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Package manager.
    pub kind: PackageKind,
    /// Name.
    pub name: String,
    /// Version in full, as the package manager compares it: `1:2.3-4`, `1.2.3-r0`.
    pub version: String,
    /// Architecture, as the package manager writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Source package; where the database names none, the package is its own source.
    pub source: SourcePackage,
    /// Package URL, with the qualifiers that identify the distribution.
    pub purl: String,
    /// Licences, as declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    /// Modularity label of an RPM: `nodejs:18:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Path, below the root, of the file that says the package is installed.
    pub location: String,
    /// Digest of the uncompressed layer that the file came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
}
