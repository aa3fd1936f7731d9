/// What an organisation asks of images beyond the fixed rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Registries (or registries with the beginning of a path) that images may come from; empty
    /// where any will do.
    pub registries: Vec<String>,
    /// Days after which an image counts as old; without it, [`Policy::OLD`].
    pub max_age: Option<u32>,
    /// Whether images have to be named by digest.
    pub pinned: bool,
}

impl Policy {
    /// Days after which an image counts as old unless somebody says otherwise.
    pub const OLD: u32 = 180;
}
