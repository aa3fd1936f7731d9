//! The behaviour of the crate through its public interface.
#![expect(clippy::unwrap_used, reason = "what a test builds or reads is there, or the test fails")]

mod decide;
mod explain;
mod json;
mod junit;
mod sample;
mod sarif;
mod strategies;
mod table;
mod waivers;
