//! Go's order: Semantic Versioning, pseudo-versions included (<https://go.dev/ref/mod#versions>),
//! and the releases of Go itself (<https://go.dev/doc/toolchain#version>), which have a spelling of
//! their own: `go1.21rc2`.

use std::{borrow::Cow, cmp::Ordering};

use super::{Order, VersionError, digits, semantic::Version};

/// Which of two versions is newer.
///
/// # Errors
/// If one of them is neither a version of a module nor a release of Go.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (x, y) = (module_spelling(a), module_spelling(b));
    let named =
        |text: &str, error: VersionError| VersionError { version: text.to_owned(), ..error };
    let x = Version::parse(&x, Order::Go).map_err(|error| named(a, error))?;
    let y = Version::parse(&y, Order::Go).map_err(|error| named(b, error))?;
    Ok(x.cmp(&y))
}

/// A release of Go as advisories write it: `go1.21rc2` as `1.21.0-rc.2`, `go1.22.3` as `1.22.3`.
/// What a vendor appends (`go1.20.12 X:boringcrypto`, `go1.22.5-fips`) is no part of the release.
/// `None` if it is a development version (`devel go1.23-2d0e2b`), which has no number.
pub fn release(text: &str) -> Option<String> {
    let word = text.split([' ', '-', '+']).next()?.strip_prefix("go")?;
    let (major, rest) = digits::split(word);
    let (minor, rest) = digits::split(rest.strip_prefix('.')?);
    if major.is_empty() || minor.is_empty() {
        return None;
    }
    let (patch, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits::split(rest),
        None => ("0", rest),
    };
    let kind = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &rest[kind.len()..];
    match kind {
        "rc" | "beta" if !number.is_empty() => {
            Some(format!("{major}.{minor}.{patch}-{kind}.{number}"))
        }
        // Red Hat and Google append letters to releases: `go1.20.12b4`.
        _ if !patch.is_empty() => Some(format!("{major}.{minor}.{patch}")),
        _ => None,
    }
}

fn module_spelling(text: &str) -> Cow<'_, str> {
    match text.starts_with("go").then(|| release(text)).flatten() {
        Some(release) => release.into(),
        None => text.into(),
    }
}
