//! `/proc/PID/limits` (getrlimit(2)).

/// A resource limit; `None` is unlimited.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ResourceLimit {
    /// As the kernel names it, such as `Max open files`.
    pub name: String,
    /// What holds.
    pub soft: Option<u64>,
    /// What the process may raise it to.
    pub hard: Option<u64>,
}

/// Reads `limits`. A line that is no limit, such as the heading, is left out.
#[must_use]
pub fn parse_limits(text: &str) -> Vec<ResourceLimit> {
    text.lines().filter_map(parse_limit).collect()
}

/// Columns are set apart by two or more spaces; names contain single ones.
fn parse_limit(line: &str) -> Option<ResourceLimit> {
    let mut columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
    let name = columns.next()?.to_owned();
    // Long numbers leave but one space between their columns.
    let mut values = columns.flat_map(str::split_ascii_whitespace);
    let soft = parse_value(values.next()?)?;
    let hard = parse_value(values.next()?)?;
    Some(ResourceLimit { name, soft, hard })
}

fn parse_value(text: &str) -> Option<Option<u64>> {
    if text == "unlimited" { Some(None) } else { text.parse().ok().map(Some) }
}
