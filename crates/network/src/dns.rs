//! The domain name system: names, messages, and a resolver that only knows allowed names.

pub mod confine;
pub mod learn;
pub mod message;
pub mod name;
pub mod resolver;
