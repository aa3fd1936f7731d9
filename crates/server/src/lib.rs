//! What runs as a service.
//!
//! Start at [`admission::review`], which decides on one request of an API server and does no IO, and at
//! [`serve::Server`], which takes such requests by TLS. Nothing here prints: what happens is told to
//! whoever started the server as an [`Event`](serve::Event).

pub mod admission;
pub mod serve;
