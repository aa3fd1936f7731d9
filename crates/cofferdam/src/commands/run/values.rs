//! Amounts and names as they are written on the command line.

use cofferdam_oci::runtime::Rlimit;
use cofferdam_sys::capability;

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

/// Seconds of a time such as `90s`, `12h` or `1d12h`.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "a time such as 90s, 45m, 12h or 2d is wanted".to_owned();
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = match rest[digits..].bytes().next() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'd') => 86_400,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(unit).and_then(|n| total.checked_add(n)).ok_or_else(wrong)?;
        rest = &rest[digits + 1..];
    }
    if total == 0 { Err(wrong()) } else { Ok(total) }
}

/// `nofile=1024` or `nofile=1024:4096`; `-1` and `unlimited` are without limit.
pub(crate) fn ulimit(text: &str) -> Result<Rlimit, String> {
    let wrong = || "NAME=SOFT[:HARD] is wanted, such as nofile=1024:4096".to_owned();
    let (name, values) = text.split_once('=').ok_or_else(wrong)?;
    let known = name.len() <= 16 && name.bytes().all(|b| b.is_ascii_lowercase());
    if !known || name.is_empty() {
        return Err(wrong());
    }
    let value = |text: &str| match text {
        "-1" | "unlimited" => Ok(u64::MAX),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let (soft, hard) = (value(soft)?, value(hard)?);
    if soft > hard {
        return Err("the soft limit is above the hard one".into());
    }
    Ok(Rlimit { kind: format!("RLIMIT_{}", name.to_uppercase()), soft, hard })
}

/// A capability's name, with or without `CAP_`, in any case; or `ALL`.
pub(crate) fn capability(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    if upper == ALL {
        return Ok(upper);
    }
    let name = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
    let known = capability::NAMES.iter().any(|known| *known == name);
    if known {
        Ok(name)
    } else {
        Err("no capability has that name; capabilities(7) lists them".into())
    }
}

/// Stands for every capability.
const ALL: &str = "ALL";

/// What is left of the capabilities that were given when some have been taken back.
pub(crate) fn capabilities(added: &[String], dropped: &[String]) -> Vec<String> {
    let has = |names: &[String], name: &str| names.iter().any(|n| n == name || n == ALL);
    let all = capability::NAMES.iter().map(ToString::to_string);
    all.filter(|name| has(added, name) && !has(dropped, name)).collect()
}

/// `KEY=VALUE`, or `KEY` of an empty value.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() || text.len() > 4096 {
        return Err("KEY=VALUE of up to 4096 bytes is wanted".into());
    }
    Ok((key.to_owned(), value.to_owned()))
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

    #[test]
    fn times() {
        for (text, wanted) in [
            ("90s", Some(90)),
            ("12h", Some(43_200)),
            ("1d12h", Some(129_600)),
            ("0h", None),
            ("12", None),
            ("h", None),
            ("-1h", None),
            ("1h ", None),
            ("ä", None),
            ("1ä", None),
            ("", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(seconds(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn limits_and_capabilities() {
        let limit = ulimit("nofile=10:unlimited").unwrap();
        assert_eq!((limit.kind.as_str(), limit.soft, limit.hard), ("RLIMIT_NOFILE", 10, u64::MAX));
        assert_eq!(ulimit("core=0").unwrap().hard, 0);
        for text in ["", "nofile", "=1", "nofile=", "nofile=x", "nofile=2:1", "NOFILE=1", "a=+1"] {
            assert!(ulimit(text).is_err(), "{text}");
        }
        assert_eq!(capability("net_admin").unwrap(), "CAP_NET_ADMIN");
        assert!(capability("net").is_err());
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = capabilities(&names(&["ALL"]), &names(&["CAP_SYS_ADMIN"]));
        assert!(all.len() > 30 && !all.contains(&"CAP_SYS_ADMIN".to_owned()));
        assert!(capabilities(&names(&["CAP_KILL"]), &names(&["ALL"])).is_empty());
    }
}
