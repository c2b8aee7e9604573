use std::path::PathBuf;
use std::time::Duration;

/// A component could not be had from its registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No answer came.
    #[error("the registry does not answer at {url}: {cause}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        cause: String,
    },
    /// It was refused.
    #[error("the registry answers {url} with {status}{hint}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status of HTTP.
        status: u16,
        /// What may be the cause.
        hint: &'static str,
    },
    /// The whole took too long.
    #[error("the registry did not deliver within {limit:?}")]
    Deadline {
        /// The time there was.
        limit: Duration,
    },
    /// A body is longer than it may be, or than it was said to be.
    #[error("the {what} is larger than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// The bound.
        limit: u64,
    },
    /// What came is something else than what was named.
    #[error(
        "the {what} that the registry sent has digest {found}, not {wanted}: it was changed on the way or in the registry"
    )]
    WrongDigest {
        /// What was asked for.
        what: &'static str,
        /// Its digest.
        wanted: String,
        /// That of what came.
        found: String,
    },
    /// The manifest names no component.
    #[error("the manifest names no component: {cause}")]
    Manifest {
        /// What is wrong.
        cause: String,
    },
    /// The file with credentials cannot be used.
    #[error("credentials in {}: {cause}", file.display())]
    Credentials {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The client cannot be set up.
    #[error("the client of registries does not start: {cause}")]
    Client {
        /// Why.
        cause: String,
    },
}
