use std::fs::File;
use std::io::Read;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mixer_quota::QuotaMetrics;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::compile_cache::CompileCache;
use crate::compiler::{CompileFailure, CompileWatch, Compiler};
use crate::counters::CounterStores;
use crate::guest::GuestState;
use crate::handler::Surroundings;
use crate::loaded::{FileStamp, Loaded, Place};
use crate::log_stream::LogStreams;
use crate::registry::Registry;
use crate::series::SeriesStore;
use crate::ticker::Ticker;
use crate::{
    Component, ComponentRef, HostError, Limits, OciRef, RegistryOptions, WorkloadIndex, imports,
};

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Where compiled adapters are kept from one start to the next, so that loading one takes 0.2 ms
    /// instead of 0.1 s. Who can write there runs code in this process: the host makes it with mode 0700
    /// and takes nothing that it did not write itself. `None`: adapters are compiled at each start.
    pub cache_dir: Option<PathBuf>,
    /// Instances of components alive at once, over all handlers. Address space is set aside for each.
    pub max_instances: u32,
    /// The most linear memory that any instance may be given, in bytes.
    pub max_memory: usize,
    /// The largest component file, in bytes.
    pub max_component: u64,
    /// The longest that a component may take to be compiled.
    pub compile_limit: Duration,
    /// How components in registries are reached.
    pub registry: RegistryOptions,
    /// Whether the log streams, quota stores, targets and documents that handlers name are opened. A host
    /// that only validates
    /// configuration must not: files and servers belong to another machine.
    pub open_streams: bool,
    /// What the quota stores count.
    pub quota_metrics: QuotaMetrics,
}

/// Runs adapters. There is one in a process; it owns the threads that serve adapters and outlives the
/// handlers built on it.
pub struct AdapterHost {
    linker: Linker<GuestState>,
    ticker: Arc<Ticker>,
    compiler: Compiler,
    max_component: u64,
    most_limits: Limits,
    registry: Registry,
    loaded: Loaded,
    series: Arc<SeriesStore>,
    workloads: Arc<WorkloadIndex>,
    /// Missing when streams are not to be opened.
    log_streams: Option<LogStreams>,
    /// Missing likewise.
    counters: Option<CounterStores>,
}

/// A component of `wit-component` consists of the adapter's module and two or three small ones that
/// connect it; one with Python has fourteen, its run time being linked when an instance is made. They are
/// counted, nothing is set aside for them.
const MODULES_PER_COMPONENT: u32 = 32;

/// What the engine keeps about an instance besides its memory.
const MAX_INSTANCE_SIZE: usize = 1 << 20;

/// Stack of the guest. The asynchronous stack holds the host's frames below it as well.
const GUEST_STACK: usize = 512 << 10;
const ASYNC_STACK: usize = 1 << 20;

/// The upper end of [`crate::Limits::table_elements`].
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// That with a Python interpreter takes 10 s.
const COMPILE_LIMIT: Duration = Duration::from_secs(60);

impl Default for HostOptions {
    /// No cache, 256 instances of up to 256 MiB, components up to 64 MiB, compiled within a minute.
    fn default() -> Self {
        Self {
            cache_dir: None,
            max_instances: 256,
            max_memory: 256 << 20,
            // An adapter with a Python interpreter has 18 MiB.
            max_component: 64 << 20,
            compile_limit: COMPILE_LIMIT,
            registry: RegistryOptions::default(),
            open_streams: true,
            quota_metrics: QuotaMetrics::default(),
        }
    }
}

impl HostOptions {
    /// A limit of compile time for tools: whoever uses them waits for nothing else, and can end them.
    pub const PATIENT: Duration = Duration::from_secs(600);
}

impl AdapterHost {
    /// Starts the engine and its threads, and opens the compile cache.
    ///
    /// # Errors
    /// When the address space is limited too narrowly, threads cannot be started, or the cache's
    /// directory belongs to somebody else.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let engine =
            Engine::new(&config(&options)).map_err(|cause| HostError::StartEngine { cause })?;
        let ticker = Ticker::spawn(&engine).map_err(|source| HostError::StartThread { source })?;
        let cache = options
            .cache_dir
            .map(|directory| CompileCache::open(directory, &engine))
            .transpose()?;
        let mut linker = Linker::new(&engine);
        imports::add_to_linker(&mut linker).map_err(|cause| HostError::StartEngine { cause })?;
        let instances = NonZeroU32::new(options.max_instances).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            compiler: Compiler::new(engine, cache, options.compile_limit),
            linker,
            most_limits: Limits::most(instances, options.max_memory, MAX_TABLE_ELEMENTS),
            ticker: Arc::new(ticker),
            max_component: options.max_component,
            registry: Registry::new(options.registry),
            loaded: Loaded::default(),
            series: Arc::default(),
            workloads: Arc::default(),
            log_streams: options.open_streams.then(LogStreams::default),
            counters: options.open_streams.then(|| CounterStores::new(options.quota_metrics)),
        })
    }

    /// Reads, compiles (or takes from the cache) and checks the component in `file`, and asks it what it
    /// is. Blocks: some 0.1 s for an adapter in Rust that is not in the cache, 10 s for one that brings an
    /// interpreter. A component that is in use already under this name, with these bytes, is the one
    /// returned, and its file is not even read when it has not changed.
    ///
    /// # Errors
    /// When `file` cannot be read, is no component, has too much of something, takes too long to be
    /// compiled, imports what adapters do not get, exports no template, or does not describe itself.
    pub fn load(&self, name: &str, file: &Path) -> Result<Arc<Component>, HostError> {
        // Taken before the file is read: a change in between is found the next time.
        let place =
            FileStamp::of(file).map(|stamp| Place::File(name.to_owned(), file.to_owned(), stamp));
        if let Some(loaded) = place.as_ref().and_then(|place| self.loaded.find(place)) {
            return Ok(loaded);
        }
        let wasm = self.read(name, file)?;
        let component = self.component(name, file, wasm)?;
        if let Some(place) = place {
            self.loaded.keep(place, &component);
        }
        Ok(component)
    }

    /// As [`Self::load`], for a component in a registry, whose bytes are kept in the folder of
    /// [`RegistryOptions`]. Waits for the registry a minute at most; compiles on a thread for blocking work.
    ///
    /// # Errors
    /// As those of [`Self::load`], and when the registry does not deliver what the reference names.
    pub async fn pull(self: Arc<Self>, reference: OciRef) -> Result<Arc<Component>, HostError> {
        let place = Place::Reference(reference.clone());
        if let Some(loaded) = self.loaded.find(&place) {
            return Ok(loaded);
        }
        let wasm = self.registry.component(&reference, self.max_component).await;
        let wasm = wasm.map_err(|cause| HostError::Pull {
            reference: Box::new(reference.clone()),
            cause: Box::new(cause),
        })?;
        let compile = move || {
            let file = PathBuf::from(reference.to_string());
            let name = ComponentRef::Oci(reference).short_name().to_owned();
            let component = self.component(&name, &file, wasm)?;
            self.loaded.keep(place, &component);
            Ok(component)
        };
        spawn_blocking(compile).await.unwrap_or_else(|cause| {
            Err(HostError::StartThread { source: std::io::Error::other(cause) })
        })
    }

    fn component(
        &self,
        name: &str,
        file: &Path,
        wasm: Vec<u8>,
    ) -> Result<Arc<Component>, HostError> {
        let digest: [u8; 32] = Sha256::digest(&wasm).into();
        let place = Place::Bytes(name.to_owned(), digest);
        if let Some(loaded) = self.loaded.find(&place) {
            return Ok(loaded);
        }
        let compiled = self.compiler.compile(digest, wasm).map_err(|why| {
            let (adapter, file) = (name.to_owned(), file.to_owned());
            match why {
                CompileFailure::Excess(excess) => HostError::Structure { adapter, file, excess },
                CompileFailure::Refused(cause) => HostError::Compile { adapter, file, cause },
                CompileFailure::TooSlow { limit, functions, code, largest } => {
                    HostError::CompileTime { adapter, file, limit, functions, code, largest }
                }
                CompileFailure::Busy { limit } => HostError::CompilerBusy { adapter, file, limit },
                CompileFailure::Thread(source) => HostError::StartThread { source },
            }
        })?;
        let surroundings = Arc::new(Surroundings::new(
            self,
            name,
            &serde_json::Value::Null,
            &Limits::default(),
            false,
        ));
        let component =
            Component::link(name, digest, &compiled, &self.linker, &self.ticker, &surroundings)?;
        let component = Arc::new(component);
        self.loaded.keep(place, &component);
        Ok(component)
    }

    /// The most that a handler may be given.
    pub fn most_limits(&self) -> Limits {
        self.most_limits.clone()
    }

    /// What comes of compiling.
    pub fn compiles(&self) -> CompileWatch {
        self.compiler.watch()
    }

    /// Waits until a component is compiled after all that took longer than it may. Cancel safe.
    pub async fn compiled_late(&self) {
        self.compiler.late().await;
    }

    /// The series of all handlers.
    pub fn series(&self) -> &Arc<SeriesStore> {
        &self.series
    }

    /// What adapters can know of workloads; nothing unless somebody fills it.
    pub fn workloads(&self) -> &Arc<WorkloadIndex> {
        &self.workloads
    }

    /// Whether handlers may reach what lies outside.
    pub(crate) fn opens_targets(&self) -> bool {
        self.log_streams.is_some()
    }

    pub(crate) fn log_streams(&self) -> Option<&LogStreams> {
        self.log_streams.as_ref()
    }

    pub(crate) fn counters(&self) -> Option<&CounterStores> {
        self.counters.as_ref()
    }

    fn read(&self, name: &str, file: &Path) -> Result<Vec<u8>, HostError> {
        let mut wasm = Vec::new();
        File::open(file)
            .and_then(|opened| opened.take(self.max_component + 1).read_to_end(&mut wasm))
            .map_err(|source| HostError::ReadComponent {
                adapter: name.to_owned(),
                file: file.to_owned(),
                source,
            })?;
        if wasm.len() as u64 > self.max_component {
            return Err(HostError::ComponentTooLarge {
                adapter: name.to_owned(),
                file: file.to_owned(),
                limit: self.max_component,
            });
        }
        Ok(wasm)
    }
}

impl std::fmt::Debug for AdapterHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdapterHost").finish_non_exhaustive()
    }
}

fn config(options: &HostOptions) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(options.max_instances)
        .total_core_instances(options.max_instances.saturating_mul(MODULES_PER_COMPONENT))
        .total_memories(options.max_instances)
        .total_tables(options.max_instances.saturating_mul(2))
        .total_stacks(options.max_instances)
        .max_core_instances_per_component(MODULES_PER_COMPONENT)
        .max_memories_per_component(1)
        .max_tables_per_component(2)
        .max_component_instance_size(MAX_INSTANCE_SIZE)
        .max_core_instance_size(MAX_INSTANCE_SIZE)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(options.max_memory);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(ASYNC_STACK)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
