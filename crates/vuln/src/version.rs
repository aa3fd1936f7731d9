//! The orders in which distributions and languages put versions: which of two is the newer one.
//!
//! Each order is its own implementation of what the package manager does, since advisories are
//! written for what the package manager would do. A version that does not parse is an error that
//! says why, so that a caller can report the package instead of dropping it.

pub mod alpm;
pub mod apk;
pub mod conda;
pub mod debian;
mod digits;
pub mod go;
pub mod maven;
pub mod npm_range;
pub mod nuget;
pub mod numeric;
pub mod packagist;
pub mod python;
pub mod rpm;
pub mod ruby;
pub mod semantic;
pub mod vers;

use std::cmp::Ordering;

use cofferdam_finding::PackageKind;

/// A way of ordering versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Debian and its derivatives.
    Debian,
    /// RPM distributions.
    Rpm,
    /// Alpine and its derivatives.
    Apk,
    /// Arch Linux.
    Alpm,
    /// Semantic Versioning: Swift, GitHub Actions, Julia.
    Semantic,
    /// Rust: crates.io.
    Cargo,
    /// Node: npm.
    Npm,
    /// Go modules, and Go itself.
    Go,
    /// Python: PyPI.
    Python,
    /// Java: Maven.
    Maven,
    /// Ruby: RubyGems.
    Ruby,
    /// PHP: Packagist.
    Packagist,
    /// .NET: NuGet.
    NuGet,
    /// Elixir and Erlang: Hex.
    Hex,
    /// Dart: Pub.
    Pub,
    /// Conda.
    Conda,
    /// R: CRAN.
    Cran,
    /// Haskell: Hackage.
    Hackage,
}

/// An order with the name that messages give it, and the names that users, OSV
/// (<https://ossf.github.io/osv-schema/#defined-ecosystems>), package URLs and `vers` give to what
/// follows it, in lower case.
struct Known {
    order: Order,
    article_and_name: &'static str,
    names: &'static [&'static str],
}

const KNOWN: [Known; 18] = [
    known(Order::Debian, "a Debian", &["debian", "deb", "dpkg", "ubuntu", "echo", "raspbian"]),
    known(
        Order::Rpm,
        "an RPM",
        &[
            "rpm",
            "almalinux",
            "rocky linux",
            "rocky",
            "red hat",
            "redhat",
            "oracle linux",
            "amazon linux",
            "fedora",
            "opensuse",
            "suse",
            "azure linux",
            "mageia",
            "openeuler",
            "photon os",
        ],
    ),
    known(Order::Apk, "an Alpine", &["alpine", "apk", "wolfi", "chainguard", "minimos"]),
    known(Order::Alpm, "an Arch Linux", &["arch linux", "alpm", "arch", "archlinux", "pacman"]),
    known(
        Order::Semantic,
        "a semantic",
        &[
            "semver",
            "semantic",
            "bitnami",
            "swifturl",
            "swift",
            "github actions",
            "github",
            "julia",
        ],
    ),
    known(Order::Cargo, "a crates.io", &["crates.io", "cargo", "rust"]),
    known(Order::Npm, "an npm", &["npm", "node"]),
    known(Order::Go, "a Go", &["go", "golang"]),
    known(Order::Python, "a Python", &["pypi", "pep440", "python"]),
    known(Order::Maven, "a Maven", &["maven", "java"]),
    known(Order::Ruby, "a RubyGems", &["rubygems", "gem", "ruby"]),
    known(Order::Packagist, "a Packagist", &["packagist", "composer", "php", "drupal"]),
    known(Order::NuGet, "a NuGet", &["nuget", "dotnet", ".net"]),
    known(Order::Hex, "a Hex", &["hex", "elixir", "erlang"]),
    known(Order::Pub, "a Pub", &["pub", "dart"]),
    known(Order::Conda, "a Conda", &["conda"]),
    known(Order::Cran, "a CRAN", &["cran", "r", "bioconductor"]),
    known(Order::Hackage, "a Hackage", &["hackage", "haskell", "ghc"]),
];

const fn known(
    order: Order,
    article_and_name: &'static str,
    names: &'static [&'static str],
) -> Known {
    Known { order, article_and_name, names }
}

impl Order {
    /// Every order.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|known| known.order)
    }

    /// The order of an ecosystem as OSV spells it: `Debian:12`, `Alpine:v3.19`, `Rocky Linux:9`,
    /// `npm`, `crates.io`. `None` for one whose order is not implemented.
    pub fn of_ecosystem(ecosystem: &str) -> Option<Self> {
        Self::named(ecosystem.split(':').next()?)
    }

    /// The order of what someone calls `name`: an ecosystem of OSV, a type of package URL, a
    /// versioning scheme of `vers`, a language; in any case.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        KNOWN.iter().find(|known| known.names.contains(&name.as_str())).map(|known| known.order)
    }

    /// The names that [`Order::named`] understands; the first is the preferred one.
    pub fn names(self) -> &'static [&'static str] {
        KNOWN.iter().find(|known| known.order == self).map_or(&[], |known| known.names)
    }

    /// The order of what a package manager installs; `None` for what is not known.
    pub const fn of_kind(kind: PackageKind) -> Option<Self> {
        Some(match kind {
            PackageKind::Deb => Self::Debian,
            PackageKind::Apk => Self::Apk,
            PackageKind::Rpm => Self::Rpm,
            PackageKind::Alpm => Self::Alpm,
            PackageKind::Npm => Self::Npm,
            PackageKind::Pypi => Self::Python,
            PackageKind::Golang => Self::Go,
            PackageKind::Cargo => Self::Cargo,
            PackageKind::Maven => Self::Maven,
            PackageKind::Gem => Self::Ruby,
            PackageKind::Composer => Self::Packagist,
            PackageKind::Nuget => Self::NuGet,
            PackageKind::Hex => Self::Hex,
            PackageKind::Pub => Self::Pub,
            PackageKind::Cran => Self::Cran,
            PackageKind::Hackage => Self::Hackage,
            PackageKind::Conda => Self::Conda,
            PackageKind::Generic => Self::Semantic,
        })
    }

    /// Compares two versions.
    ///
    /// # Errors
    /// If one of them is not a version of this kind.
    pub fn compare(self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        match self {
            Self::Debian => debian::compare(a, b),
            Self::Rpm => rpm::compare(a, b),
            Self::Apk => apk::compare(a, b),
            Self::Alpm => alpm::compare(a, b),
            Self::Semantic | Self::Cargo | Self::Npm | Self::Hex | Self::Pub => {
                semantic::compare(a, b, self)
            }
            Self::Go => go::compare(a, b),
            Self::Python => python::compare(a, b),
            Self::Maven => maven::compare(a, b),
            Self::Ruby => ruby::compare(a, b),
            Self::Packagist => packagist::compare(a, b),
            Self::NuGet => nuget::compare(a, b),
            Self::Conda => conda::compare(a, b),
            Self::Cran | Self::Hackage => numeric::compare(a, b, self),
        }
    }

    /// The name with its article, as messages write it.
    fn article_and_name(self) -> &'static str {
        KNOWN.iter().find(|known| known.order == self).map_or("a", |known| known.article_and_name)
    }

    /// The name, as messages write it.
    pub fn name(self) -> &'static str {
        self.article_and_name().split_once(' ').map_or("", |(_, name)| name)
    }
}

/// A version that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not read '{version}' as {} version: {why}", .order.article_and_name())]
pub struct VersionError {
    /// The text.
    pub version: String,
    /// What it was read as.
    pub order: Order,
    /// What is wrong with it.
    pub why: &'static str,
}
