//! How severe a vulnerability is: the rule of `docs/reference/severity.md`.

use cofferdam_finding::Severity;

use crate::cvss::{self, Rating};

/// What is known about how severe a vulnerability is in a package.
#[derive(Debug, Clone, Default)]
pub(super) struct Opinions<'a> {
    /// The distribution's rating of the vulnerability in this package.
    pub(super) of_package: Option<Severity>,
    /// CVSS vectors of the vulnerability.
    pub(super) vectors: Vec<&'a str>,
    /// The rating of updates that fix it, perhaps among others.
    pub(super) of_updates: Option<Severity>,
    /// CVSS vectors of those updates.
    pub(super) vectors_of_updates: Vec<&'a str>,
    /// Whose ratings those are.
    pub(super) rater: &'static str,
}

/// The severity, and on whose word.
pub(super) fn choose(opinions: &Opinions<'_>) -> (Severity, String) {
    if let Some(severity) = opinions.of_package {
        let rater = opinions.rater;
        return (severity, format!("rated {severity} by {rater}"));
    }
    if let Some((vector, rating)) = highest(&opinions.vectors) {
        return (rating.severity(), format!("CVSS {} ({vector})", rating.score));
    }
    if let Some(severity) = opinions.of_updates {
        let rater = opinions.rater;
        return (severity, format!("fixed by an update rated {severity} by {rater}"));
    }
    if let Some((vector, rating)) = highest(&opinions.vectors_of_updates) {
        let why = format!("fixed by an update with CVSS {} ({vector})", rating.score);
        return (rating.severity(), why);
    }
    (Severity::Unknown, "not rated by any source".to_owned())
}

/// The rating of the newest version of CVSS; of several, the highest.
fn highest<'a>(vectors: &[&'a str]) -> Option<(&'a str, Rating)> {
    let rated = vectors.iter().filter_map(|vector| Some((*vector, cvss::rate(vector).ok()?)));
    rated.max_by_key(|(vector, rating)| (rating.version, rating.score, *vector))
}
