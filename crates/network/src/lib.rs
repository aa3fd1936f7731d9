//! Networks of containers: bridges, published ports, and a firewall for what goes out.
//!
//! What a network consists of is data first ([`nft::Table`] and its like), so that it can be shown
//! and tested, and placed in the kernel by netlink; no other program is run but `pasta`, which
//! gives ordinary users a network. Start at [`firewall`] for what a container may reach, at
//! [`setup`] for what is asked for, and at [`keeper`] for the process that does it.

pub mod bridge;
pub mod dns;
pub mod egress;
pub mod enter;
pub mod firewall;
pub mod keeper;
pub mod lease;
pub mod nft;
pub mod pasta;
pub mod port;
pub mod process;
pub mod report;
pub mod setup;
