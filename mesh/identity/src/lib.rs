//! Identity: certificates from files, taken up as they are renewed, and who the other end of a
//! connection is.
//!
//! For the processes of the mesh that serve TLS. Nothing here signs anything or knows what is served.

mod certificate;
mod error;
mod handshake;
mod metrics;
mod server_tls;
mod spiffe;
mod tls_files;

pub use error::IdentityError;
pub use handshake::HandshakeError;
pub use metrics::TlsMetrics;
pub use server_tls::{Handshaken, ServerTls};
pub use spiffe::{SpiffeId, SpiffeIdError};
pub use tls_files::TlsFiles;
pub use tokio_rustls::server::TlsStream;
