//! How much of a surprise a text is.

/// Shannon entropy of the bytes of `text`, in bits a byte.
pub(super) fn entropy(text: &[u8]) -> f32 {
    let mut counts = [0_u16; 256];
    for byte in text.iter().take(usize::from(u16::MAX)) {
        counts[usize::from(*byte)] += 1;
    }
    let total: f32 = counts.iter().map(|count| f32::from(*count)).sum();
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f32::from(*count) / total);
    -shares.map(|share| share * share.log2()).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_known_texts() {
        for (text, bits) in [("aaaa", 0.0), ("abab", 1.0), ("abcd", 2.0), ("0123456789abcdef", 4.0)]
        {
            assert!((entropy(text.as_bytes()) - bits).abs() < 1e-6, "{text}");
        }
    }
}
