use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::VexStatement;

/// What is known of a vulnerability beyond how bad it is: whether it is used in attacks, and how
/// likely that is.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Context {
    /// It is in CISA's catalogue of vulnerabilities that are known to be exploited (KEV).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exploited: Option<Exploited>,
    /// How likely it is to be exploited (EPSS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<Epss>,
    /// What VEX statements say of it that leave it open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vex: Vec<VexStatement>,
}

/// An entry of the catalogue of known exploited vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exploited {
    /// Day on which the catalogue took it up, `YYYY-MM-DD`.
    pub since: String,
    /// Whether campaigns of extortion are known to use it.
    pub ransomware: bool,
}

/// A score of the Exploit Prediction Scoring System (<https://www.first.org/epss/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epss {
    /// Probability of being exploited within 30 days.
    pub probability: Share,
    /// Share of all vulnerabilities that are no more likely.
    pub percentile: Share,
}

impl Epss {
    /// From this probability on a vulnerability counts as likely to be exploited, and stands before
    /// all that are not, however severe those are. Some three in a hundred reach it.
    pub const LIKELY: Share = Share(10_000);
}

/// A number from 0 to 1, with the five decimals that EPSS publishes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// Hundred-thousandths in one.
    const ONE: u32 = 100_000;

    /// From hundred-thousandths; `None` if they are more than one.
    pub fn from_parts(parts: u32) -> Option<Self> {
        (parts <= Self::ONE).then_some(Self(parts))
    }

    /// Hundred-thousandths.
    pub const fn parts(self) -> u32 {
        self.0
    }

    /// In percent, for people: `43 %`, `0.2 %`, `<0.1 %`.
    pub fn percent(self) -> String {
        match self.0 {
            0..100 => "<0.1 %".to_owned(),
            parts @ 100..10_000 => format!("{}.{} %", parts / 1000, parts / 100 % 10),
            parts => format!("{} %", parts / 1000),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:05}", self.0 / Self::ONE, self.0 % Self::ONE)
    }
}

impl FromStr for Share {
    type Err = String;

    /// Reads a decimal number; digits behind the fifth are cut off.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a number from 0 to 1");
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !are_digits(whole) || !are_digits(decimals) || text.len() > 40 {
            return Err(wrong());
        }
        let five: String = decimals.chars().chain("00000".chars()).take(5).collect();
        let beyond = decimals.bytes().skip(5).any(|byte| byte != b'0');
        let parts = match whole.trim_start_matches('0') {
            "" => five.parse().map_err(|_| wrong())?,
            "1" if five == "00000" && !beyond => Self::ONE,
            _ => return Err(wrong()),
        };
        Ok(Self(parts))
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / f64::from(Self::ONE))
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        format!("{number:.5}").parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_are_read_as_they_are_published() {
        for (text, parts) in
            [("0.97565", 97_565), ("0", 0), ("1.0", 100_000), ("0.000439", 43), ("00.5", 50_000)]
        {
            assert_eq!(text.parse::<Share>().map(Share::parts), Ok(parts), "{text}");
        }
        for text in ["", "1.00001", "1.000001", "-0.5", "1e-3", "0.", ".5", "2", "NaN", "0,5"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn percent_for_people() {
        for (parts, text) in [(0, "<0.1 %"), (99, "<0.1 %"), (430, "0.4 %"), (9_990, "9.9 %")] {
            assert_eq!(Share(parts).percent(), text);
        }
        assert_eq!(Share(97_565).percent(), "97 %");
    }

    proptest! {
        #[test]
        fn every_share_comes_back(parts in 0..=100_000_u32) {
            let share = Share(parts);
            prop_assert_eq!(share.to_string().parse::<Share>(), Ok(share));
            let json = serde_json::to_string(&share).unwrap();
            prop_assert_eq!(serde_json::from_str::<Share>(&json).unwrap(), share);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = text.parse::<Share>();
        }
    }
}
