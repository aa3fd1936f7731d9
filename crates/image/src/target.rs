/// What a user names on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {}
