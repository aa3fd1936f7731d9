use std::cmp::Ordering;

/// Compares two runs of decimal digits by value, whatever their length: versions carry dates and
/// hashes that overflow every integer.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Splits off the run of digits that `text` begins with.
pub(super) fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}
