//! How long ago something was.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// `5 minutes`, from a time as it is written down (RFC 3339) to now.
pub(super) fn since(text: &str) -> Option<String> {
    Some(words((OffsetDateTime::now_utc() - parse(text)?).whole_seconds()))
}

pub(super) fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

fn words(seconds: i64) -> String {
    let (count, unit) = match seconds.max(0) {
        s if s < 60 => (s, "second"),
        s if s < 3600 => (s / 60, "minute"),
        s if s < 2 * 86_400 => (s / 3600, "hour"),
        s => (s / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        for (seconds, wanted) in [
            (-5, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (3599, "59 minutes"),
            (90_000, "25 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(words(seconds), wanted);
        }
        assert!(since("2026-01-01T00:00:00.000000000Z").is_some() && since("x").is_none());
    }
}
