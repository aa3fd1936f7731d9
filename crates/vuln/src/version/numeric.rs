//! Orders of versions that are numbers only: Hackage (the Haskell package versioning policy,
//! <https://pvp.haskell.org>) and CRAN (R's `package_version`, where `-` is as good as `.`). `1.0`
//! is below `1.0.0` in both.

use std::cmp::Ordering;

use super::{Order, VersionError, python::numbers};

/// Which of two versions is newer; `order` is [`Order::Cran`] or [`Order::Hackage`].
///
/// # Errors
/// If one of them is not made of numbers and separators.
pub fn compare(a: &str, b: &str, order: Order) -> Result<Ordering, VersionError> {
    Ok(numbers(&parse(a, order)?, &parse(b, order)?))
}

fn parse(text: &str, order: Order) -> Result<Vec<&str>, VersionError> {
    let separators: &[char] = if order == Order::Cran { &['.', '-'] } else { &['.'] };
    let parts: Vec<&str> = text.split(separators).collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if parts.iter().all(is_number) {
        return Ok(parts);
    }
    let why = "it is not made of numbers with single separators between them";
    Err(VersionError { version: text.to_owned(), order, why })
}
