//! The containers of this user: found again by name, kept an eye on in the background.
//!
//! [`Kept`] makes room for a new container, [`Found`] is one that is there, [`monitor`] the process
//! that stays with one in the background, [`background`] how that comes to be.

pub(crate) mod background;
mod found;
mod keeper;
mod kept;
pub(crate) mod monitor;
mod program;
mod report;
mod signals;
pub(crate) mod volumes;

pub(crate) use found::{Found, Standing, all, find, process_id, remove_unread};
pub(crate) use keeper::Keeper;
pub(crate) use kept::Kept;
pub(crate) use program::runtime;
pub(crate) use report::Report;
pub(crate) use signals::{end, process, stop, wait_for_keeper};
