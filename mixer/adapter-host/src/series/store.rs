use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Instant;

use super::definition::Definition;
use super::family::{Family, Series};
use super::format::ScrapeFormat;
use super::quota::Quota;
use super::{open_metrics, protobuf, text};

/// The series of all handlers of a process.
#[derive(Debug)]
pub struct SeriesStore {
    families: RwLock<BTreeMap<Box<str>, Claimed>>,
    /// By the handler's name, so that a handler and its replacement share one.
    quotas: Mutex<HashMap<Box<str>, Weak<Quota>>>,
    /// The handlers of the configuration being built; `None` until somebody says.
    expected: RwLock<Option<HashSet<Box<str>>>>,
    started: Instant,
}

#[derive(Debug)]
struct Claimed {
    family: Arc<Family>,
    /// Names of the handlers that hold it; one twice while a handler is being replaced.
    handlers: Vec<Arc<str>>,
}

/// A metric that cannot stand beside those that are there.
#[derive(Debug, thiserror::Error)]
pub(super) enum Conflict {
    #[error("metric {metric} is defined by handler {other} with another {what}")]
    Definition { metric: Box<str>, other: Arc<str>, what: &'static str },
    #[error(
        "metric {metric} cannot stand beside {there} of handler {other}: one is a histogram, which has samples of the other's name"
    )]
    Name { metric: Box<str>, there: Box<str>, other: Arc<str> },
}

impl Default for SeriesStore {
    fn default() -> Self {
        Self {
            families: RwLock::default(),
            quotas: Mutex::default(),
            expected: RwLock::default(),
            started: Instant::now(),
        }
    }
}

impl SeriesStore {
    /// All series in a format. Equal contents give equal pages: metrics are sorted by name, series by
    /// labels. Expired series are removed first. Costs a sort of the series of each metric.
    pub fn encode(&self, format: ScrapeFormat) -> Vec<u8> {
        if format == ScrapeFormat::Protobuf {
            let mut out = Vec::new();
            self.each_family(|_, family, series| {
                protobuf::write_family(&mut out, family.definition(), series);
            });
            return out;
        }
        let mut out = String::new();
        match format {
            ScrapeFormat::OpenMetrics => {
                self.each_family(|names, family, series| {
                    let is_taken = |name: &str| names.binary_search(&name).is_ok();
                    open_metrics::write_family(&mut out, family.definition(), series, is_taken);
                });
                out.push_str(open_metrics::END);
            }
            ScrapeFormat::Text | ScrapeFormat::Protobuf => self.encode_text(&mut out),
        }
        out.into_bytes()
    }

    /// Appends all series in Prometheus' text format, as [`Self::encode`] does.
    pub fn encode_text(&self, out: &mut String) {
        self.each_family(|_, family, series| text::write_family(out, family.definition(), series));
    }

    /// Says which handlers the configuration has that is about to be built. The metrics of others stand
    /// in nobody's way any more: they are on their way out, and a handler may define the same metric
    /// differently. Without this, a metric that moves to another handler in one edit is refused.
    pub fn expect_handlers(&self, names: impl IntoIterator<Item = String>) {
        let names = names.into_iter().map(String::into_boxed_str).collect();
        *self.expected.write().unwrap_or_else(PoisonError::into_inner) = Some(names);
    }

    /// How many series there are, a histogram counting once. Costs a look at each metric.
    pub fn len(&self) -> usize {
        self.families().iter().map(|family| family.len()).sum()
    }

    /// Whether there are no series.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Milliseconds since the store was made.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The quota of the handlers with this name.
    pub(super) fn quota(&self, handler: &str) -> Arc<Quota> {
        let mut quotas = lock(&self.quotas);
        quotas.retain(|_, quota| quota.strong_count() > 0);
        if let Some(quota) = quotas.get(handler).and_then(Weak::upgrade) {
            return quota;
        }
        let quota = Arc::new(Quota::new());
        quotas.insert(handler.into(), Arc::downgrade(&quota));
        quota
    }

    /// The family that `handler` would feed with this definition: one that is there, or a new one that
    /// nobody sees yet.
    pub(super) fn prepare(
        &self,
        handler: &str,
        definition: Definition,
    ) -> Result<Arc<Family>, Conflict> {
        let families = self.families.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(conflict) = self.conflict(&families, handler, &definition) {
            return Err(conflict);
        }
        Ok(match families.get(definition.name()) {
            Some(there) if there.family.definition() == &definition => Arc::clone(&there.family),
            _ => Arc::new(Family::new(definition)),
        })
    }

    /// Makes `handler` a holder of the families and shows them. All or none. A family that has been
    /// shown meanwhile with the same definition takes the place of the one given. Families of the same
    /// handler, or of handlers on their way out, give way when their definition is another.
    pub(super) fn claim(
        &self,
        handler: &Arc<str>,
        prepared: &mut [Arc<Family>],
    ) -> Result<(), Conflict> {
        let mut families = self.families.write().unwrap_or_else(PoisonError::into_inner);
        for family in prepared.iter() {
            if let Some(conflict) = self.conflict(&families, handler, family.definition()) {
                return Err(conflict);
            }
        }
        for family in prepared {
            let name = family.definition().name();
            match families.get_mut(name) {
                Some(there) if there.family.definition() == family.definition() => {
                    there.handlers.push(Arc::clone(handler));
                    *family = Arc::clone(&there.family);
                }
                _ => {
                    let handlers = vec![Arc::clone(handler)];
                    families.insert(name.into(), Claimed { family: Arc::clone(family), handlers });
                }
            }
        }
        Ok(())
    }

    /// Takes one claim of `handler` back from each family; those that nobody holds go with their series.
    pub(super) fn release(&self, handler: &str, claimed: &[Arc<Family>]) {
        let mut families = self.families.write().unwrap_or_else(PoisonError::into_inner);
        for family in claimed {
            let name = family.definition().name();
            let Some(there) = families.get_mut(name) else { continue };
            if !Arc::ptr_eq(&there.family, family) {
                continue;
            }
            if let Some(index) = there.handlers.iter().position(|holder| **holder == *handler) {
                there.handlers.swap_remove(index);
            }
            if there.handlers.is_empty() {
                families.remove(name);
            }
        }
    }

    /// What another handler, which stays, has against a definition.
    fn conflict(
        &self,
        families: &BTreeMap<Box<str>, Claimed>,
        handler: &str,
        definition: &Definition,
    ) -> Option<Conflict> {
        let expected = self.expected.read().unwrap_or_else(PoisonError::into_inner);
        let stays = |holder: &str| expected.as_ref().is_none_or(|names| names.contains(holder));
        let other = |there: &Claimed| {
            let other = there.handlers.iter().find(|name| ***name != *handler && stays(name));
            other.cloned()
        };
        let metric = || definition.name().into();
        if let Some(there) = families.get(definition.name())
            && let Some(what) = there.family.definition().differs_in(definition)
            && let Some(other) = other(there)
        {
            return Some(Conflict::Definition { metric: metric(), other, what });
        }
        definition.rivals().find_map(|rival| {
            let there = families.get(rival.as_str())?;
            if !there.family.definition().overlaps(definition) {
                return None;
            }
            let other = other(there)?;
            Some(Conflict::Name { metric: metric(), there: rival.into(), other })
        })
    }

    /// Calls `f` with the names of all metrics, sorted, and each metric that has series.
    fn each_family(&self, mut f: impl FnMut(&[&str], &Family, &[Arc<Series>])) {
        let now = self.now();
        let families = self.families();
        let names: Vec<&str> = families.iter().map(|family| family.definition().name()).collect();
        for family in &families {
            family.expire(now);
            let series = family.sorted();
            if !series.is_empty() {
                f(&names, family, &series);
            }
        }
    }

    fn families(&self) -> Vec<Arc<Family>> {
        let families = self.families.read().unwrap_or_else(PoisonError::into_inner);
        families.values().map(|claimed| Arc::clone(&claimed.family)).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
