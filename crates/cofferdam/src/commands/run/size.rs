//! Amounts as they are written on the command line.

/// A number with k, m, g or t for powers of 1024.
pub(crate) fn size(text: &str) -> Result<i64, String> {
    let wrong = || "a size such as 512m or 2g is wanted".to_owned();
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let (digits, shift) = match lower.chars().last() {
        Some('k') => (&lower[..lower.len() - 1], 10),
        Some('m') => (&lower[..lower.len() - 1], 20),
        Some('g') => (&lower[..lower.len() - 1], 30),
        Some('t') => (&lower[..lower.len() - 1], 40),
        _ => (lower, 0),
    };
    let number: i64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).filter(|size| *size > 0).ok_or_else(wrong)
}

/// A decimal number with up to three places.
pub(crate) fn thousandths(text: &str) -> Result<i64, String> {
    let wrong = || "a number such as 2 or 0.5, of at least 0.01, is wanted".to_owned();
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(places) || whole.len() > 6 || places.len() > 3 {
        return Err(wrong());
    }
    let number: i64 = format!("{whole}{places:0<3}").parse().map_err(|_| wrong())?;
    // The kernel takes no less than 1 ms in 100 ms.
    if number >= 10 { Ok(number) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_processors() {
        for (text, wanted) in [
            ("1", Some(1)),
            ("512m", Some(512 << 20)),
            ("2GB", Some(2 << 30)),
            ("0", None),
            ("-1m", None),
            ("m", None),
            ("9223372036854775807k", None),
            ("", None),
        ] {
            assert_eq!(size(text).ok(), wanted, "{text}");
        }
        for (text, wanted) in [
            ("2", Some(2000)),
            ("0.5", Some(500)),
            ("1.125", Some(1125)),
            ("0.001", None),
            ("-1", None),
            ("1.", None),
            ("1e3", None),
            ("", None),
        ] {
            assert_eq!(thousandths(text).ok(), wanted, "{text}");
        }
    }
}
