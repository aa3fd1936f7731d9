//! Attacks on the runtime from inside a container, tried for real: each test attempts one and
//! shows that nothing of this machine has changed or come in.
//!
//! What is tried runs inside containers only, never on this machine.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

#[path = "../spec/bundle.rs"]
#[expect(dead_code, reason = "the other test program uses more of it")]
mod bundle;
#[path = "../container/machine.rs"]
#[expect(dead_code, reason = "the other test program uses more of it")]
mod machine;
#[path = "../container/managed.rs"]
mod managed;

mod configuration;
mod descriptors;
mod entrance;
mod filesystem;
mod handles;
mod identity;
mod own_program;
mod privileges;
mod processes;
mod race;
mod sockets;
mod state;
mod terminal;
mod tree;
