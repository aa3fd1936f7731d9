//! How images are read, good ones and bad ones, through the crate's public interface.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod directory;
mod extract;
mod layer;
mod support;
mod survey;
mod tar;
mod targets;
mod view;
