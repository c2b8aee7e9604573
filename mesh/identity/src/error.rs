use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why files give no identity.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("{what} {} cannot be read: {source}", path.display())]
    ReadFile {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is larger than any that holds certificates.
    #[error("{what} {} has more than {limit} bytes; is it another file?", path.display())]
    TooLarge {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// How many bytes are read.
        limit: u64,
    },
    /// A file is no PEM, or has nothing of what it should hold.
    #[error("{what} {}: {cause}; it must be PEM", path.display())]
    ParsePem {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A certificate is none.
    #[error("certificate {}: {cause}", path.display())]
    ParseCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A certificate has expired.
    #[error("certificate {} expired at {not_after}, seconds since 1970; was it not renewed?", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        not_after: u64,
    },
    /// A certificate and a key do not belong together, or are of a kind that is not served.
    #[error("certificate {} and key {} cannot be used together: {cause}; was only one of them renewed?", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A certificate authority cannot verify clients.
    #[error("client authority {}: {cause}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
}
