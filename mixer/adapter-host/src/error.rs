use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Excess, OciRef, RegistryError, Variety};

/// The host or a component cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The WebAssembly engine does not start.
    #[error(
        "the WebAssembly engine does not start, the address space may be limited (ulimit -v): {cause:#}"
    )]
    StartEngine {
        /// The engine's reason.
        cause: wasmtime::Error,
    },
    /// No thread could be started.
    #[error("a thread of the adapter host does not start: {source}")]
    StartThread {
        /// The system's reason.
        source: io::Error,
    },
    /// The compile cache's directory cannot be used.
    #[error("compile cache {}: {cause}", directory.display())]
    OpenCache {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        cause: CacheProblem,
    },
    /// The component's file cannot be read.
    #[error("adapter {adapter}: read {}: {source}", file.display())]
    ReadComponent {
        /// The adapter's name.
        adapter: String,
        /// Its file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The component cannot be had from its registry.
    #[error("adapter {reference}: {cause}")]
    Pull {
        /// Which one.
        reference: Box<OciRef>,
        /// Why.
        cause: Box<RegistryError>,
    },
    /// The component's file is larger than the host takes.
    #[error("adapter {adapter}: {} is larger than {limit} bytes", file.display())]
    ComponentTooLarge {
        /// The adapter's name.
        adapter: String,
        /// Its file.
        file: PathBuf,
        /// [`crate::HostOptions::max_component`].
        limit: u64,
    },
    /// The file holds no component that this engine takes.
    #[error("adapter {adapter}: {} is no WebAssembly component that can run here: {cause}", file.display())]
    Compile {
        /// The adapter's name.
        adapter: String,
        /// Its file.
        file: PathBuf,
        /// The compiler's reason.
        cause: String,
    },
    /// The component has more of something than the compiler is asked to take.
    #[error("adapter {adapter}: {} is not compiled: {excess}", file.display())]
    Structure {
        /// The adapter's name.
        adapter: String,
        /// Its file.
        file: PathBuf,
        /// Of what there is too much.
        excess: Excess,
    },
    /// The component takes longer to compile than it may.
    #[error(
        "adapter {adapter}: {} is not compiled within {limit:?}: it is too large, {functions} functions of {code} bytes, the largest of {largest}, or the machine too busy; compiling goes on, and what comes of it is used",
        file.display()
    )]
    CompileTime {
        /// The adapter's name.
        adapter: String,
        /// Its file.
        file: PathBuf,
        /// [`crate::HostOptions::compile_limit`].
        limit: Duration,
        /// The functions of its modules.
        functions: u64,
        /// Their bytes.
        code: u64,
        /// Those of the largest.
        largest: u64,
    },
    /// Too many components that take too long are still being compiled.
    #[error(
        "adapter {adapter}: {} is not compiled while {limit} other components are that take longer than they may",
        file.display()
    )]
    CompilerBusy {
        /// The adapter's name.
        adapter: String,
        /// Its file.
        file: PathBuf,
        /// How many there may be.
        limit: usize,
    },
    /// The component asks for something that adapters do not get.
    #[error(
        "adapter {adapter} imports {import}: adapters get the interfaces of mixmesh:host@0.1.0, an empty WASI 0.2 without http, and nothing else"
    )]
    ForeignImport {
        /// The adapter's name.
        adapter: String,
        /// The import's name.
        import: String,
    },
    /// The component exports nothing that instances can be made for, or no life cycle.
    #[error("adapter {adapter} does not export {interface}")]
    MissingExport {
        /// The adapter's name.
        adapter: String,
        /// What is missing.
        interface: String,
    },
    /// An import or export has the right name and other types than ours.
    #[error("adapter {adapter} was built for other interfaces than this host has: {cause:#}")]
    WrongInterface {
        /// The adapter's name.
        adapter: String,
        /// What differs.
        cause: wasmtime::Error,
    },
    /// An interface looks like a template of the author's own and does not have the types of one.
    #[error("adapter {adapter}: {interface} is no template: {cause}")]
    WrongTemplate {
        /// The adapter's name.
        adapter: String,
        /// The interface.
        interface: String,
        /// What is wrong.
        cause: String,
    },
    /// The component does not say what it is.
    #[error("adapter {adapter} does not describe itself: {cause}")]
    Describe {
        /// The adapter's name.
        adapter: String,
        /// What came of the call.
        cause: CallError,
    },
    /// What the component says of its parameters is no JSON Schema.
    #[error("adapter {adapter} describes its parameters wrongly: {cause}")]
    WrongSchema {
        /// The adapter's name.
        adapter: String,
        /// What is wrong.
        cause: String,
    },
}

/// Why a directory cannot hold compiled adapters: whoever writes there runs code in this process.
#[derive(Debug, thiserror::Error)]
pub enum CacheProblem {
    /// It cannot be made, read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another user owns it.
    #[error("belongs to user {owner}, not to the user of this process")]
    ForeignOwner {
        /// The owner's number.
        owner: u32,
    },
    /// It is no directory.
    #[error("is no directory")]
    NotADirectory,
}

/// A handler cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The configuration is wrong: each problem with the parameter at fault.
    #[error("{}", list(problems))]
    Refused {
        /// What is wrong, in the adapter's order.
        problems: Vec<ParameterProblem>,
    },
    /// An instance of the component could not be made or did not take its configuration in time.
    #[error(transparent)]
    Setup(#[from] CallError),
}

/// A mistake in a handler's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterProblem {
    /// The parameter, such as `metrics[2].label_names`; empty when it is none in particular.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ParameterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// A call gave no answer. What that means for a request is the caller's policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The adapter crashed; its instance is gone, other calls are not affected.
    #[error("adapter crashed: {message}")]
    Trap {
        /// The first line of the engine's reason.
        message: String,
    },
    /// The adapter did not answer in time; its instance is gone.
    #[error("adapter did not answer within {limit:?}")]
    Deadline {
        /// The time it had.
        limit: Duration,
    },
    /// The adapter runs in another process, which could not be reached or broke off.
    #[error("adapter at {address} cannot be reached: {message}")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the connection failed of.
        message: String,
        /// Whether it is sure that the adapter never saw the call.
        undelivered: bool,
    },
    /// The adapter failed several times in a row and is not called for now.
    #[error("adapter failed {failures} times in a row, it is tried again within {next_probe:?}")]
    BreakerOpen {
        /// Failures in a row.
        failures: u32,
        /// The time to the next attempt.
        next_probe: Duration,
    },
    /// All instances of the component were busy until the deadline.
    #[error("all {instances} instances of the adapter were busy for {limit:?}")]
    Exhausted {
        /// [`crate::Limits::instances`].
        instances: u32,
        /// The time waited.
        limit: Duration,
    },
    /// The host has as many instances of components as it may; [`crate::HostOptions::max_instances`].
    #[error("the host has no room for another instance of the adapter")]
    HostFull,
    /// The adapter itself says that it cannot.
    #[error("adapter cannot answer ({fault}'s fault): {message}")]
    Refused {
        /// Who has to act.
        fault: Fault,
        /// Whether the same call may work a little later.
        retry: bool,
        /// The adapter's words.
        message: String,
    },
    /// The instance is none of the handler's, or not for such calls.
    #[error("the handler has no instance {index} for calls of variety {variety:?}")]
    NoSuchInstance {
        /// The variety of the call.
        variety: Variety,
        /// The index that was given.
        index: u32,
    },
    /// The handler was closed.
    #[error("the handler is closed")]
    Closed,
}

/// Who has to act so that a call can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The value handed in can never be handled.
    Caller,
    /// The adapter.
    Adapter,
    /// Something the adapter depends on.
    Backend,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "caller",
            Self::Adapter => "adapter",
            Self::Backend => "backend",
        })
    }
}

impl CallError {
    /// The kind of error as a metric's label.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::Deadline { .. } => "deadline",
            Self::Unreachable { .. } => "unreachable",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::Exhausted { .. } | Self::HostFull => "exhausted",
            Self::Refused { .. } => "refused",
            Self::NoSuchInstance { .. } => "no_such_instance",
            Self::Closed => "closed",
        }
    }
}

fn list(problems: &[ParameterProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
