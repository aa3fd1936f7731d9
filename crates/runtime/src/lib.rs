//! Container lifecycle: from a bundle's configuration to a confined process.
//!
//! [`plan::Plan`] is what will be done, as data; [`apply::run`] does it. [`least`] writes the
//! configuration with the least privilege, [`profile`] the system-call filter in it; [`explain`]
//! tells what the kernel says is in force, [`isolation`] where that differs from the configuration.
//! This is not a daemon: one process of it runs for each container.

pub mod apply;
pub mod cgroup;
pub mod clock;
pub mod container;
pub mod dbus;
mod error;
pub mod explain;
pub mod facts;
pub mod gate;
pub mod hooks;
mod id;
pub mod identity;
pub mod ids;
pub mod isolation;
pub mod least;
pub mod own_program;
pub mod plan;
pub mod policy;
pub mod profile;
pub mod record;
pub mod state;
pub mod template;
pub mod user;

pub use error::{Cause, Error};
pub use id::{ContainerId, ContainerIdError};
