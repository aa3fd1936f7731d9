//! Containers in the background, and the commands on them, by the real programs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod background;
mod files;
mod join;
mod machine;
mod privileges;
mod rootless;
