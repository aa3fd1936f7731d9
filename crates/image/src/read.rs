/// Told how far long work has come. Called from several threads.
pub trait Progress: Sync {
    /// A task begins that takes in `total` bytes, where that is known.
    fn begin(&self, task: &str, total: Option<u64>);
    /// So many bytes more are done.
    fn advance(&self, bytes: u64);
}

/// Nobody watches.
impl Progress for () {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
}
