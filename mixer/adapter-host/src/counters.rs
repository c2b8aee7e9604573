//! Where handlers count what their quotas grant.
//!
//! A handler with a Redis server counts there; handlers with equal addresses share a connection. All
//! others count in memory, each for itself. Counters in memory belong to the handler's *name*, not to
//! one handler: an edit of its parameters must not hand out every limit again. A name that no handler
//! has any more keeps its counters too, since it may come back with the next edit; of these the host
//! keeps [`MAX_IDLE`], then the one unused for longest goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use mixer_quota::{
    Ask, Grant, MemoryOptions, MemoryStore, OpenError, QuotaMetrics, RedisOptions, RedisStore,
    StoreError,
};
use serde_json::Value;

use crate::ParameterProblem;

const MAX_IDLE: usize = 64;

/// The stores of all handlers.
pub(crate) struct CounterStores {
    metrics: QuotaMetrics,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// By the handler's name; with a number that tells which was used last.
    memory: HashMap<String, (u64, Arc<MemoryStore>)>,
    /// By address.
    redis: HashMap<String, Weak<RedisStore>>,
    opened: u64,
}

/// Where a handler's parameters say that it counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Redis { url: String },
}

/// What a handler counts with.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    /// The handler's name: no handler meets the counters of another.
    scope: String,
    store: Store,
}

#[derive(Debug, Clone)]
enum Store {
    Memory(Arc<MemoryStore>),
    Redis(Arc<RedisStore>),
}

impl Place {
    /// The parameter that names the server.
    const FIELD: &str = "redis_server_url";

    /// Reads the parameters; connects to nothing.
    pub(crate) fn from_parameters(parameters: &Value) -> Result<Self, ParameterProblem> {
        let given = parameters.get(Self::FIELD).or_else(|| parameters.get("redisServerUrl"));
        let refused = |message: String| ParameterProblem { field: Self::FIELD.to_owned(), message };
        let url = match given {
            None | Some(Value::Null) => return Ok(Self::Memory),
            Some(Value::String(url)) if url.is_empty() => return Ok(Self::Memory),
            Some(Value::String(url)) => url,
            Some(_) => return Err(refused("must be a text such as localhost:6379".to_owned())),
        };
        RedisOptions::new(url).check().map_err(|error| refused(error.to_string()))?;
        Ok(Self::Redis { url: url.clone() })
    }

    /// The parameter that is at fault when the place cannot be used.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Memory => "",
            Self::Redis { .. } => Self::FIELD,
        }
    }
}

impl CounterStores {
    pub(crate) fn new(metrics: QuotaMetrics) -> Self {
        Self { metrics, open: Mutex::default() }
    }

    /// The counters of a handler. Begins to connect to Redis, if that is the place, and does not wait.
    pub(crate) fn open(&self, handler: &str, place: &Place) -> Result<Counters, OpenError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match place {
            Place::Memory => Store::Memory(open.memory(handler, &self.metrics)),
            Place::Redis { url } => Store::Redis(open.redis(url, &self.metrics)?),
        };
        Ok(Counters { scope: handler.to_owned(), store })
    }
}

impl Open {
    fn memory(&mut self, handler: &str, metrics: &QuotaMetrics) -> Arc<MemoryStore> {
        self.opened += 1;
        let new = || (0, Arc::new(MemoryStore::new(MemoryOptions::default(), metrics)));
        let (last, store) = self.memory.entry(handler.to_owned()).or_insert_with(new);
        *last = self.opened;
        let store = Arc::clone(store);
        let idle = |(_, store): &(u64, Arc<MemoryStore>)| Arc::strong_count(store) == 1;
        while self.memory.values().filter(|entry| idle(entry)).count() > MAX_IDLE {
            let unused = self.memory.iter().filter(|(_, entry)| idle(entry));
            let Some((oldest, _)) = unused.min_by_key(|(_, (last, _))| *last) else { break };
            let oldest = oldest.clone();
            self.memory.remove(&oldest);
        }
        store
    }

    fn redis(&mut self, url: &str, metrics: &QuotaMetrics) -> Result<Arc<RedisStore>, OpenError> {
        self.redis.retain(|_, store| store.strong_count() > 0);
        if let Some(store) = self.redis.get(url).and_then(Weak::upgrade) {
            return Ok(store);
        }
        let store = Arc::new(RedisStore::open(&RedisOptions::new(url), metrics)?);
        self.redis.insert(url.to_owned(), Arc::downgrade(&store));
        Ok(store)
    }
}

impl Counters {
    /// Whose counters they are.
    pub(crate) fn scope(&self) -> &str {
        &self.scope
    }

    pub(crate) async fn take(&self, ask: &Ask) -> Result<Grant, StoreError> {
        match &self.store {
            Store::Memory(store) => store.grant(ask),
            Store::Redis(store) => store.grant(ask).await,
        }
    }
}
