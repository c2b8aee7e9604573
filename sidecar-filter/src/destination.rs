//! Where requests go, as far as configuration knows, and which namespace answers for them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::generations::NamespaceId;

/// Set when answers have named more than one namespace.
const MIXED: u32 = 1 << 31;

/// Where requests of one scope go, as far as configuration knows: all of the scope's stated
/// attributes. Mixer decides which namespace's rules apply, and says so with each answer; from then
/// on the destination belongs to that namespace. Before the first answer nothing may be skipped.
#[derive(Debug)]
pub struct Destination {
    id: DestinationId,
    /// 0, or a namespace's index + 1, perhaps with [`MIXED`].
    namespace: AtomicU32,
}

/// Names a destination within the process; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DestinationId(u64);

impl Default for Destination {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: DestinationId(NEXT.fetch_add(1, Ordering::Relaxed)),
            namespace: AtomicU32::new(0),
        }
    }
}

impl Destination {
    /// What this destination is called in the process.
    pub fn id(&self) -> DestinationId {
        self.id
    }

    /// The namespace of the latest answer.
    pub fn namespace(&self) -> Option<NamespaceId> {
        let index = (self.namespace.load(Ordering::Relaxed) & !MIXED).checked_sub(1)?;
        Some(NamespaceId::from_index(index))
    }

    /// The namespace, if all answers so far have named the same. Only then can what is known of it
    /// stand in for an answer.
    pub fn only_namespace(&self) -> Option<NamespaceId> {
        let value = self.namespace.load(Ordering::Relaxed);
        (value & MIXED == 0).then(|| self.namespace()).flatten()
    }

    /// Notes which namespace an answer named.
    pub fn learn(&self, namespace: NamespaceId) {
        let Ok(index) = u32::try_from(namespace.index()) else { return };
        let new = index + 1;
        let before = self.namespace.load(Ordering::Relaxed);
        if before & !MIXED == new {
            return;
        }
        let mixed = if before == 0 { 0 } else { MIXED };
        self.namespace.store(new | mixed, Ordering::Relaxed);
    }
}
