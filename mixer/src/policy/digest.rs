use sha2::{Digest as _, Sha256};

/// Names the meaning of configuration: changes when a new version of Mixer would answer differently by
/// the same configuration.
const SEMANTICS: &str = "mixmesh check semantics 1";

/// A digest of texts and bytes, each told apart from its neighbours.
pub(super) struct Canonical(Sha256);

impl Canonical {
    pub(super) fn new() -> Self {
        let mut canonical = Self(Sha256::new());
        canonical.add(SEMANTICS);
        canonical
    }

    pub(super) fn add(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// All 256 bits.
    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// The first 128 bits: enough that no two configurations of a mesh's life meet.
    pub(super) fn finish_short(self) -> [u8; 16] {
        std::array::from_fn({
            let whole = self.finish();
            move |i| whole[i]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(parts: &[&str]) -> [u8; 16] {
        let mut canonical = Canonical::new();
        parts.iter().for_each(|part| canonical.add(part));
        canonical.finish_short()
    }

    #[test]
    fn where_one_part_ends_and_the_next_begins_counts() {
        assert_eq!(digest(&["ab", "c"]), digest(&["ab", "c"]));
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["ab"]), digest(&["ab", ""]));
    }
}
