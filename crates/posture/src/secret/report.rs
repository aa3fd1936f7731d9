use std::collections::BTreeMap;

use cofferdam_finding::{Applicability, Evidence, Finding, Fingerprint, Fix, Severity, Status};

use super::{Found, allow::is_foreign_test, table};

/// Where secrets were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path below the root; or a part of the image's configuration: `environment DB_URL`.
    pub path: String,
    /// Layer, by its digest; none where it is the configuration or a directory.
    pub layer: Option<String>,
    /// The layer that removes or replaces the file, if one does.
    pub gone: Option<String>,
}

/// One finding for each rule and path. Its fingerprint depends on those two alone: neither on the
/// secret nor on where in the file it is.
pub fn findings<'a>(all: impl IntoIterator<Item = (&'a Place, &'a Found)>) -> Vec<Finding> {
    let mut rows: BTreeMap<(&str, &str), Vec<(&Place, &Found)>> = BTreeMap::new();
    for (place, found) in all {
        rows.entry((&found.rule, &place.path)).or_default().push((place, found));
    }
    rows.into_iter().filter_map(|((rule, path), places)| finding(rule, path, &places)).collect()
}

fn finding(rule: &str, path: &str, places: &[(&Place, &Found)]) -> Option<Finding> {
    let rule = table::rules().iter().find(|known| known.id == rule)?;
    let name = rule.title.strip_suffix(" in the image").unwrap_or(&rule.title);
    let only_below = places.iter().all(|(place, _)| place.gone.is_some());
    let below = if only_below { ", removed by a later layer but still in the image" } else { "" };
    let foreign = is_foreign_test(path);
    let severity = if foreign { rule.severity.min(Severity::Low) } else { rule.severity };
    Some(Finding {
        rule: rule.id.clone(),
        subject: path.to_owned(),
        title: format!("{name} in {path}{below}"),
        status: Status::Fail,
        severity,
        evidence: places.iter().map(|(place, found)| evidence(place, found, foreign)).collect(),
        fix: Some(Fix {
            summary: "revoke it, then mount it during the build or hand it over at run time".into(),
            edits: Vec::new(),
            applicability: Applicability::Manual,
        }),
        context: None,
        fingerprint: Fingerprint::of(&rule.id, path),
    })
}

fn evidence(place: &Place, found: &Found, foreign: bool) -> Evidence {
    let at = match found.line {
        Some(line) => format!("line {line}"),
        None => format!("byte {}", found.offset),
    };
    let mut saw = format!("{at}: {}… ({} characters)", found.shown, found.length);
    if let Some(layer) = &place.layer {
        saw.push_str(&format!(", in layer {layer}"));
    }
    if let Some(gone) = &place.gone {
        saw.push_str(&format!(", removed or replaced by layer {gone}"));
    }
    if foreign {
        saw.push_str(", in tests or documentation of third-party code");
    }
    Evidence {
        location: place.path.clone(),
        saw,
        wanted: "no secret in the image".into(),
        ..Evidence::default()
    }
}
