//! Arch Linux's order, as `vercmp` of pacman defines it (vercmp(8)): epoch, version, and the release
//! where both have one.

use std::cmp::Ordering;

use super::{Order, VersionError, digits};

/// Which of two versions is newer.
///
/// A version without a release equals every release of it, as pacman has it for dependencies:
/// among such, this is no order in the strict sense.
///
/// # Errors
/// If one of them is empty, has an epoch that is no number, or other than printable ASCII.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (a, b) = (parse(a)?, parse(b)?);
    let order = digits::compare(a.0, b.0).then_with(|| segments(a.1, b.1));
    Ok(order.then_with(|| match (a.2, b.2) {
        (Some(a), Some(b)) => segments(a, b),
        _ => Ordering::Equal,
    }))
}

/// `[epoch:]version[-release]`
fn parse(text: &str) -> Result<(&str, &str, Option<&str>), VersionError> {
    let fail = |why| VersionError { version: text.to_owned(), order: Order::Alpm, why };
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(fail("it is empty or has other than printable ASCII"));
    }
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    if epoch.is_empty() || !epoch.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fail("the epoch is not a number"));
    }
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    if version.is_empty() { Err(fail("it is empty")) } else { Ok((epoch, version, release)) }
}

fn segments(mut a: &str, mut b: &str) -> Ordering {
    let separator = |c: char| !c.is_ascii_alphanumeric();
    while !a.is_empty() && !b.is_empty() {
        let (rest_a, rest_b) = (a.trim_start_matches(separator), b.trim_start_matches(separator));
        let gaps = (a.len() - rest_a.len(), b.len() - rest_b.len());
        (a, b) = (rest_a, rest_b);
        if a.is_empty() || b.is_empty() {
            break;
        }
        if gaps.0 != gaps.1 {
            return gaps.0.cmp(&gaps.1);
        }
        let is_number = a.starts_with(|c: char| c.is_ascii_digit());
        if is_number != b.starts_with(|c: char| c.is_ascii_digit()) {
            return if is_number { Ordering::Greater } else { Ordering::Less };
        }
        let order;
        (order, a, b) = if is_number {
            let ((x, a), (y, b)) = (digits::split(a), digits::split(b));
            (digits::compare(x, y), a, b)
        } else {
            let ((x, a), (y, b)) = (letters(a), letters(b));
            (x.cmp(y), a, b)
        };
        if order.is_ne() {
            return order;
        }
    }
    let begins_with_letter = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        // Letters at the end make a prerelease.
        (true, false) if !begins_with_letter(b) => Ordering::Less,
        _ if begins_with_letter(a) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

fn letters(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()))
}
