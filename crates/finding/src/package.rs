use serde::{Deserialize, Serialize};

/// Which package manager a package belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// Debian and its derivatives.
    Deb,
    /// Alpine and its derivatives.
    Apk,
    /// RPM distributions.
    Rpm,
    /// Arch Linux and its derivatives.
    Alpm,
    /// Node: npm.
    Npm,
    /// Python: PyPI.
    Pypi,
    /// Go modules, and Go's standard library.
    Golang,
    /// Rust: crates.io.
    Cargo,
    /// Java: Maven.
    Maven,
    /// Ruby: RubyGems.
    Gem,
    /// PHP: Packagist.
    Composer,
    /// .NET: NuGet.
    Nuget,
    /// Elixir and Erlang: Hex.
    Hex,
    /// Dart: Pub.
    Pub,
    /// R: CRAN.
    Cran,
    /// Haskell: Hackage.
    Hackage,
    /// Conda.
    Conda,
    /// Anything else that a bill of materials names.
    Generic,
}

impl PackageKind {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::Deb,
        Self::Apk,
        Self::Rpm,
        Self::Alpm,
        Self::Npm,
        Self::Pypi,
        Self::Golang,
        Self::Cargo,
        Self::Maven,
        Self::Gem,
        Self::Composer,
        Self::Nuget,
        Self::Hex,
        Self::Pub,
        Self::Cran,
        Self::Hackage,
        Self::Conda,
        Self::Generic,
    ];

    /// The name, which is also the purl type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Alpm => "alpm",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Golang => "golang",
            Self::Cargo => "cargo",
            Self::Maven => "maven",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Hex => "hex",
            Self::Pub => "pub",
            Self::Cran => "cran",
            Self::Hackage => "hackage",
            Self::Conda => "conda",
            Self::Generic => "generic",
        }
    }

    /// Whether it is that of a distribution, rather than of a language.
    pub const fn is_of_distribution(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm | Self::Alpm)
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

/// An installed package, or one that a lock file or a bill of materials names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Package manager.
    pub kind: PackageKind,
    /// Name, as its ecosystem writes it in full: `@babel/core`, `org.slf4j:slf4j-api`.
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
    /// The package of the distribution that the file belongs to, for a package of a language: its
    /// advisories are then those of the distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether a lock file names it and nothing shows that it is installed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
}
