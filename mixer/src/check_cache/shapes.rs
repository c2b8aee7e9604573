use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use mesh_cache_key::{Learned, Shape, ShapeId, ShapeTable};

use crate::metrics::CheckCacheMetrics;

/// The shapes of references that answers of one generation of a namespace had.
///
/// A new generation begins with none, as its rules may read other attributes and each shape costs every
/// look-up; shapes that come again keep their ids, so that new answers take the places of old ones.
#[derive(Debug, Default)]
pub(crate) struct NamespaceShapes {
    /// Of the generation; none before the first.
    digest: Option<[u8; 16]>,
    table: ArcSwap<ShapeTable>,
    learning: Mutex<()>,
}

impl NamespaceShapes {
    /// Those of the generation with this digest, of the same namespace.
    pub(crate) fn of_generation(self: &Arc<Self>, digest: [u8; 16]) -> Arc<Self> {
        if self.digest == Some(digest) {
            return Arc::clone(self);
        }
        let table = ArcSwap::from_pointee(self.table.load().successor());
        Arc::new(Self { digest: Some(digest), table, learning: Mutex::default() })
    }

    /// The shapes known now.
    pub(crate) fn table(&self) -> Guard<Arc<ShapeTable>> {
        self.table.load()
    }

    /// Differs between generations: the digest is as good as random.
    pub(super) fn seed(&self) -> u64 {
        self.digest.map_or(0, |digest| u128::from_le_bytes(digest) as u64)
    }

    /// The id of `shape`; `None` while there is no room for one more. `now` is any clock that does not
    /// go back.
    pub(super) fn learn(
        &self,
        shape: &Shape,
        now: Duration,
        metrics: &CheckCacheMetrics,
    ) -> Option<ShapeId> {
        if let Some(id) = self.table.load().find(shape) {
            return Some(id);
        }
        let _one_at_a_time = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = ShapeTable::clone(&self.table.load());
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let learned = table.learn(shape.clone(), now);
        match learned {
            Learned::Refused => metrics.shapes_refused.inc(),
            Learned::Replaced { .. } => metrics.shapes_replaced.inc(),
            Learned::Known(_) | Learned::Added(_) => {}
        }
        let id = learned.id()?;
        self.table.store(Arc::new(table));
        Some(id)
    }
}
