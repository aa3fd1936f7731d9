//! What this program keeps of the containers that it runs, and the program that starts them.

mod bundle;
mod directory;
mod program;

pub(crate) use bundle::Bundle;
pub(crate) use directory::runtime_directory;
pub(crate) use program::runtime;
