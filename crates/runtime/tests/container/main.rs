//! Containers, run for real: as root and as an ordinary user that the tests make for themselves.
//!
//! What a container must not do is tried inside it, never on this machine.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

mod commands;
mod confinement;
mod dependencies;
mod exec;
mod hooks;
mod hostile;
mod isolation;
mod leak;
mod lifecycle;
mod limits;
mod machine;
mod managed;
mod sockets;
mod systemd;
mod terminal;
