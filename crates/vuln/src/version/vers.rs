//! Ranges of versions in the universal notation: `vers:npm/>=1.0.0|<2.0.0`
//! (<https://github.com/package-url/vers-spec>).

use std::cmp::Ordering;

use super::{Order, VersionError};

/// A range of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vers {
    /// How its versions compare.
    pub order: Order,
    /// Constraints in ascending order of version; none is every version (`*`).
    constraints: Vec<(Comparator, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why a text is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersError {
    /// It is not written as a range is.
    #[error("could not read range '{text}': {why}")]
    Form {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A version in it is none.
    #[error("could not read range '{text}'")]
    Version {
        /// The text.
        text: String,
        /// The version.
        source: VersionError,
    },
}

/// Constraints that a range may have.
const MOST_CONSTRAINTS: usize = 10_000;

impl Vers {
    /// Reads a range.
    ///
    /// # Errors
    /// If it is not one, its scheme is not known, a version does not parse or comes twice.
    pub fn parse(text: &str) -> Result<Self, VersError> {
        let form = |why| VersError::Form { text: text.to_owned(), why };
        let rest = text
            .trim()
            .strip_prefix("vers:")
            .ok_or_else(|| form("it does not begin with 'vers:'"))?;
        let (scheme, rest) =
            rest.split_once('/').ok_or_else(|| form("no '/' follows its scheme"))?;
        let order = Order::named(scheme).ok_or_else(|| form("its scheme is not known"))?;
        let spaceless: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
        let spaceless = spaceless.trim_matches('|');
        if spaceless == "*" {
            return Ok(Self { order, constraints: Vec::new() });
        }
        if spaceless.is_empty() {
            return Err(form("it has no constraint"));
        }
        let mut constraints = Vec::new();
        for constraint in spaceless.split('|').filter(|constraint| !constraint.is_empty()) {
            constraints.push(self::constraint(constraint).map_err(form)?);
            if constraints.len() > MOST_CONSTRAINTS {
                return Err(form("it has too many constraints"));
            }
        }
        let checked = |version: &str| {
            order
                .compare(version, version)
                .map_err(|source| VersError::Version { text: text.to_owned(), source })
        };
        constraints.iter().try_for_each(|(_, version)| checked(version).map(|_| ()))?;
        constraints.sort_by(|(_, a), (_, b)| order.compare(a, b).unwrap_or(Ordering::Equal));
        let twice = |pair: &[(Comparator, String)]| {
            order.compare(&pair[0].1, &pair[1].1) == Ok(Ordering::Equal)
        };
        if constraints.windows(2).any(twice) {
            return Err(form("a version comes twice"));
        }
        Ok(Self { order, constraints })
    }

    /// Whether a version is in the range.
    ///
    /// # Errors
    /// If it is not a version.
    pub fn contains(&self, version: &str) -> Result<bool, VersionError> {
        use Comparator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let mut bounds: Vec<(Comparator, Ordering)> = Vec::new();
        self.order.compare(version, version)?;
        if self.constraints.is_empty() {
            return Ok(true);
        }
        for (comparator, limit) in &self.constraints {
            let side = self.order.compare(version, limit)?;
            match (comparator, side) {
                (NotEqual, Ordering::Equal) => return Ok(false),
                (Equal | LessOrEqual | GreaterOrEqual, Ordering::Equal) => return Ok(true),
                (Equal | NotEqual, _) => {}
                _ => bounds.push((*comparator, side)),
            }
        }
        let is_upper = |comparator| matches!(comparator, Less | LessOrEqual);
        let is_lower = |comparator| matches!(comparator, Greater | GreaterOrEqual);
        let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else {
            // Nothing but exceptions leaves all the rest.
            return Ok(self.constraints.iter().all(|(comparator, _)| *comparator == NotEqual));
        };
        let below_first = is_upper(first.0) && first.1.is_lt();
        let above_last = is_lower(last.0) && last.1.is_gt();
        let between = bounds.windows(2).any(|pair| {
            is_lower(pair[0].0) && pair[0].1.is_gt() && is_upper(pair[1].0) && pair[1].1.is_lt()
        });
        Ok(below_first || above_last || between)
    }
}

fn constraint(text: &str) -> Result<(Comparator, String), &'static str> {
    const SIGNS: [(&str, Comparator); 6] = [
        ("!=", Comparator::NotEqual),
        ("<=", Comparator::LessOrEqual),
        (">=", Comparator::GreaterOrEqual),
        ("<", Comparator::Less),
        (">", Comparator::Greater),
        ("=", Comparator::Equal),
    ];
    let found =
        SIGNS.iter().find_map(|(sign, comparator)| Some((*comparator, text.strip_prefix(sign)?)));
    let (comparator, version) = found.unwrap_or((Comparator::Equal, text));
    if version.is_empty() || version == "*" {
        return Err("a constraint has no version");
    }
    let version = crate::purl::decode(version).ok_or("an escape in a version is not one")?;
    Ok((comparator, version))
}
