//! Runtime-spec 1.3 on Linux, field by field: each is asked for, and what is then so is read back
//! from inside the container.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

mod agent;
mod bundle;
mod cgroups;
mod conventions;
mod devices;
mod events;
mod joined;
mod mounts;
mod network;
mod policy;
mod process;
