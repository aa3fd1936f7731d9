//! Networks of containers: bridges, published ports, and a firewall for what goes out.
//!
//! What a network consists of is data first ([`nft::Table`] and its like), so that it can be shown
//! and tested, and placed in the kernel by netlink; no other program is run but `pasta`, which
//! gives ordinary users a network. Start at [`firewall`] for what a container may reach.

pub mod dns;
pub mod egress;
pub mod firewall;
pub mod nft;
