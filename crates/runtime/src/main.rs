//! The small static binary that starts containers.
fn main() {}
