//! Modular RPMs: the same name and release in several streams, each with its own line of versions.

use cofferdam_finding::Package;

/// Whether a row for `module` (see [`crate::database::Row::module`]) concerns a package.
pub(super) fn concerns(module: Option<&str>, package: &Package) -> bool {
    let is_modular = package.module.is_some() || package.version.contains(".module");
    match (module, &package.module) {
        (None, _) => !is_modular,
        // Neither side says which stream: it may be the one.
        (Some(""), _) | (Some(_), None) => is_modular,
        (Some(stream), Some(label)) => same_stream(stream, label),
    }
}

/// `nodejs:18` and `nodejs:18:8080020231005093712:63b34585`.
fn same_stream(stream: &str, label: &str) -> bool {
    let two = |text: &str| {
        let mut parts = text.split(':').map(str::to_owned);
        (parts.next(), parts.next())
    };
    two(stream) == two(label)
}
