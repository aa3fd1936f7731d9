//! The time of day as text.

use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_OF_A_DAY: u64 = 86_400;

/// Now, in UTC, as RFC 3339 wants it, to the nanosecond.
#[must_use]
pub fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(since.as_secs(), since.subsec_nanos())
}

/// Seconds since 1970, as of now.
#[must_use]
pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A time of day as text, in UTC (RFC 3339), to the nanosecond.
#[must_use]
pub fn rfc3339(seconds: u64, nanoseconds: u32) -> String {
    let (year, month, day) = date(seconds / SECONDS_OF_A_DAY);
    let second = seconds % SECONDS_OF_A_DAY;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanoseconds:09}Z")
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// Counted in years that begin in March, so that the leap day is the last of a year, and in eras
/// of 400 years, after which the calendar repeats.
const fn date(day: u64) -> (u64, u64, u64) {
    const DAYS_OF_AN_ERA: u64 = 146_097;
    // 0000-03-01 is that many days before 1970-01-01.
    let day = day + 719_468;
    let era = day / DAYS_OF_AN_ERA;
    let day = day % DAYS_OF_AN_ERA;
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + next, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_named_as_the_calendar_has_them() {
        for (seconds, wanted) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000000Z"),
            (951_868_800, "2000-03-01T00:00:00.000000000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000000000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(rfc3339(seconds, 0), wanted);
        }
        assert!(rfc3339(0, 5).ends_with(".000000005Z"));
    }
}
