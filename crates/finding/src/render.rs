//! Written forms of a report: table, JSON, SARIF 2.1.0, JUnit; and of rules, for `explain` and
//! `rules`.
//!
//! Each form is a function that writes to a caller's writer and decides nothing. Names in a report
//! come out of images that may be hostile: whatever a terminal would act on (escape sequences,
//! direction overrides, invisible characters) is written visibly, in every form.

mod columns;
mod detail;
mod explain;
mod json;
mod junit;
mod sarif;
mod table;
mod text;

pub use explain::{explain, rules_table};
pub use json::{json, write_json};
pub use junit::junit;
pub use sarif::sarif;
pub use table::{table, table_with_upgrades};

pub use text::escape;

/// What a form for people is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Columns to fill; as many as [`Terminal::NARROWEST`] are taken even if there are fewer.
    pub columns: usize,
    /// Whether to colour, by ANSI escape sequences.
    pub color: bool,
}

impl Terminal {
    /// Fewest columns that a form is laid out for.
    pub const NARROWEST: usize = 72;
    /// Most columns that a form is laid out for: a longer line is hard to follow.
    pub const WIDEST: usize = 200;

    fn width(self) -> usize {
        self.columns.clamp(Self::NARROWEST, Self::WIDEST)
    }
}

impl Default for Terminal {
    /// 80 columns without colour, for what is no terminal.
    fn default() -> Self {
        Self { columns: 80, color: false }
    }
}
