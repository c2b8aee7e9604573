use std::io;

use rustls::CertificateError;
use thiserror::Error;

/// Why a client's handshake failed.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// It took too long.
    #[error("the handshake was not finished in time; is the client slow or no TLS client?")]
    Timeout,
    /// The client showed no certificate.
    #[error("the client showed no certificate; mutual TLS is required")]
    NoCertificate,
    /// The client's certificate has expired or is not valid yet.
    #[error("the client's certificate is out of its time: {0}")]
    OutOfTime(rustls::Error),
    /// The client's certificate was signed by somebody else.
    #[error("the client's certificate was not signed by the client authority: {0}")]
    UnknownIssuer(rustls::Error),
    /// The client's certificate is no good for another reason.
    #[error("the client's certificate is refused: {0}")]
    BadCertificate(rustls::Error),
    /// The client does not speak TLS as it should, or refused the server's certificate.
    #[error("the handshake failed: {0}")]
    Protocol(rustls::Error),
    /// The connection broke.
    #[error("the connection broke during the handshake: {0}")]
    Connection(io::Error),
}

impl HandshakeError {
    /// The word for it in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NoCertificate => "no_certificate",
            Self::OutOfTime(_) => "out_of_time",
            Self::UnknownIssuer(_) => "unknown_issuer",
            Self::BadCertificate(_) => "bad_certificate",
            Self::Protocol(_) => "protocol",
            Self::Connection(_) => "connection",
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(cause: io::Error) -> Self {
        use CertificateError as Bad;
        let inner = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let Some(inner) = inner.cloned() else { return Self::Connection(cause) };
        match &inner {
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::InvalidCertificate(bad) => match bad {
                Bad::Expired
                | Bad::ExpiredContext { .. }
                | Bad::NotValidYet
                | Bad::NotValidYetContext { .. } => Self::OutOfTime(inner),
                Bad::UnknownIssuer => Self::UnknownIssuer(inner),
                _ => Self::BadCertificate(inner),
            },
            _ => Self::Protocol(inner),
        }
    }
}
