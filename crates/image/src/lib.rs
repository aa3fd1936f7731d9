//! Images: where they come from, what is in their layers, and where they are kept.
//!
//! Start at [`Target`] for what a user can name, at [`Image`] for what an image consists of, at
//! [`layer::walk`] for the one way its layers are read, at [`Tree`] for the merged view of the
//! files that an analyser asked for, at [`store`] for the content-addressed store.

mod archive;
mod error;
mod image;
pub mod layer;
mod limits;
mod pipe;
mod read;
pub mod store;
pub mod tar;
mod target;
mod tree;
pub mod unpack;

pub use error::Error;
pub use image::{Blobs, Documents, Image, Layer};
pub use limits::{Kept, Limits};
pub use read::Progress;
pub use target::{Target, TargetError};
pub use tree::{Entry, Interest, Kind, Tree};
