//! The orders in which distributions put versions: which of two is the newer one.
//!
//! Each order is its own implementation of what the package manager does, since advisories are
//! written for what the package manager would do. A version that does not parse is an error that
//! says why, so that a caller can report the package instead of dropping it.

pub mod apk;
pub mod debian;
mod digits;
pub mod rpm;

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
}

impl Order {
    /// The order of an ecosystem as OSV spells it: `Debian:12`, `Alpine:v3.19`, `Rocky Linux:9`.
    /// `None` for one whose order is not implemented.
    pub fn of_ecosystem(ecosystem: &str) -> Option<Self> {
        match ecosystem.split(':').next()? {
            "Debian" | "Ubuntu" => Some(Self::Debian),
            "Alpine" | "Wolfi" | "Chainguard" => Some(Self::Apk),
            "AlmaLinux" | "Rocky Linux" | "Red Hat" | "Oracle Linux" | "Amazon Linux"
            | "Fedora" | "openSUSE" | "SUSE" | "Azure Linux" | "Mageia" | "openEuler"
            | "Photon OS" => Some(Self::Rpm),
            _ => None,
        }
    }

    /// The order of what a package manager installs.
    pub const fn of_kind(kind: PackageKind) -> Self {
        match kind {
            PackageKind::Deb => Self::Debian,
            PackageKind::Apk => Self::Apk,
            PackageKind::Rpm => Self::Rpm,
        }
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
        }
    }

    /// The name, as messages write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debian => "Debian",
            Self::Rpm => "RPM",
            Self::Apk => "Alpine",
        }
    }
}

/// A version that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not read '{version}' as {} version: {why}", article(*.order))]
pub struct VersionError {
    /// The text.
    pub version: String,
    /// What it was read as.
    pub order: Order,
    /// What is wrong with it.
    pub why: &'static str,
}

const fn article(order: Order) -> &'static str {
    match order {
        Order::Debian => "a Debian",
        Order::Rpm => "an RPM",
        Order::Apk => "an Alpine",
    }
}
