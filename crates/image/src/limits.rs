/// How much of a foreign image is taken in before it is refused, so that a hostile one costs
/// bounded time and memory. The defaults are far above what real images hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest, index or configuration. Registries refuse manifests above 4 MiB
    /// (distribution-spec, "Pushing Manifests").
    pub document: u64,
    /// Layers of an image.
    pub layers: usize,
    /// Entries of one layer, and of an archive that holds an image.
    pub entries: u64,
    /// Bytes of names, extended headers and sparse maps that describe one entry.
    pub metadata: u64,
    /// Uncompressed bytes of one layer, holes of sparse files counted.
    pub layer: u64,
    /// Uncompressed bytes that one stored byte may stand for, once [`Limits::ratio_free`] bytes
    /// have come out. Deflate cannot exceed 1032; real layers stay below 20.
    pub ratio: u64,
    /// Uncompressed bytes of a layer to which [`Limits::ratio`] is not applied: a file of zeros is
    /// no bomb.
    pub ratio_free: u64,
    /// Bytes of one file that is kept for an analyser; a larger one is reported as skipped.
    pub file: u64,
    /// Bytes and number of all files of one layer that are kept for analysers; what is beyond is
    /// reported as skipped.
    pub kept: Kept,
}

/// How much of one layer is kept in memory for analysers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Bytes of content.
    pub bytes: u64,
    /// Entries.
    pub entries: usize,
}

const MIB: u64 = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            document: 8 * MIB,
            layers: 1024,
            entries: 8_000_000,
            metadata: MIB,
            layer: 64 * 1024 * MIB,
            ratio: 200,
            ratio_free: 1024 * MIB,
            file: 256 * MIB,
            kept: Kept { bytes: 512 * MIB, entries: 500_000 },
        }
    }
}
