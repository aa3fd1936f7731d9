//! The known name that an unknown one was probably meant to be.

/// The candidate with the fewest edits from `name`, if they are few enough to be a slip.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    let edits =
        |candidate: &str| strsim::osa_distance(&name.to_lowercase(), &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (edits(candidate), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_and_a_stranger_does_not() {
        let names = ["scan", "sbom", "offline", "fail-on"];
        for (typed, expected) in [
            ("scna", Some("scan")),
            ("ofline", Some("offline")),
            ("OFFLINE", Some("offline")),
            ("fail_on", Some("fail-on")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, names), expected, "{typed}");
        }
    }
}
