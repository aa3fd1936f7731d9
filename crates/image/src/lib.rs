//! Images: where they come from, what is in their layers, and where they are kept.
//!
//! Start at [`Target`] for what a user can name, at [`Image`] for what an image consists of, at
//! [`layer::walk`] for the one way its layers are read, at [`Tree`] for the merged view of the
//! files that an analyser asked for, at [`store`] for the content-addressed store, at [`registry`]
//! for images elsewhere, at [`mod@unpack`] for how a root directory comes from one, at [`locate`] for
//! all that a target can mean, at [`mod@download`] for files from web servers.

mod archive;
mod cache;
mod directory;
pub mod download;
mod error;
mod facts;
mod image;
pub mod layer;
mod layout;
mod limits;
mod locate;
mod manifest;
mod merge;
mod network;
mod open;
mod pipe;
mod read;
pub mod registry;
mod share;
pub mod store;
mod survey;
pub mod tar;
mod target;
mod tree;
pub mod unpack;

pub use cache::LayerCache;
pub use directory::Directory;
pub use error::Error;
pub use image::{Blobs, Documents, Image, Layer};
pub use limits::{Kept, Limits};
pub use locate::{Places, locate};
pub use manifest::image_from;
pub use open::{OpenOptions, Source, open};
pub use read::{Progress, Reading, Skipped, read, read_surveyed};
pub use survey::{Survey, Surveyor};
pub use target::{Target, TargetError};
pub use tree::{Candidate, Entry, Extractor, Interest, Kind, Tree};
