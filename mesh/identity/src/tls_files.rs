use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::IdentityError;
use crate::certificate::Facts;

/// The most that is read of a file; a chain takes a few kilobytes, a large bundle of authorities 300 kB.
const MAX_FILE: u64 = 1 << 20;

const CERTIFICATE: &str = "certificate";
const KEY: &str = "key";
const AUTHORITY: &str = "client authority";

/// Where the identity of a server is.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Its certificate, then those that lead to the authority, PEM.
    pub certificate: PathBuf,
    /// The certificate's key, PEM.
    pub key: PathBuf,
    /// Who signs clients, PEM. With it, clients must show a certificate.
    pub client_authority: Option<PathBuf>,
}

/// What the files held when they were read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_authority: Option<Vec<u8>>,
}

/// What the files came to.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) facts: Facts,
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them cannot be read or is too large.
    pub(crate) fn read(&self) -> Result<Contents, IdentityError> {
        let authority = self.client_authority.as_ref();
        Ok(Contents {
            certificate: read(CERTIFICATE, &self.certificate)?,
            key: read(KEY, &self.key)?,
            client_authority: authority.map(|path| read(AUTHORITY, path)).transpose()?,
        })
    }

    /// What TLS is served with, from what the files held at `now`.
    ///
    /// # Errors
    /// When they hold something else, the certificate has expired, or certificate and key do not fit.
    pub(crate) fn build(
        &self,
        contents: &Contents,
        now: SystemTime,
    ) -> Result<Built, IdentityError> {
        let chain = certificates(CERTIFICATE, &self.certificate, &contents.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|cause| {
            let path = self.key.clone();
            IdentityError::ParsePem { what: KEY, path, cause: cause.to_string() }
        })?;
        let facts = Facts::read(&chain[0]).map_err(|cause| {
            let path = self.certificate.clone();
            IdentityError::ParseCertificate { path, cause }
        })?;
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if facts.not_after <= now {
            let path = self.certificate.clone();
            return Err(IdentityError::Expired { path, not_after: facts.not_after.as_secs() });
        }
        let bad_pair = |cause: rustls::Error| IdentityError::Pair {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            cause: cause.to_string(),
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(bad_pair)?;
        let builder = match (&self.client_authority, &contents.client_authority) {
            (Some(path), Some(pem)) => {
                builder.with_client_cert_verifier(client_verifier(path, pem, provider)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(bad_pair)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Built { config: Arc::new(config), facts })
    }
}

fn client_verifier(
    path: &Path,
    pem: &[u8],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, IdentityError> {
    let bad = |cause: String| IdentityError::Authority { path: path.to_owned(), cause };
    let mut roots = RootCertStore::empty();
    for authority in certificates(AUTHORITY, path, pem)? {
        roots.add(authority).map_err(|cause| bad(cause.to_string()))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map_err(|cause| bad(cause.to_string()))
}

/// All certificates of a file; at least one.
fn certificates(
    what: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let bad = |cause: String| IdentityError::ParsePem { what, path: path.to_owned(), cause };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|cause| bad(cause.to_string()))?;
    if read.is_empty() {
        return Err(bad("it holds no certificate".to_owned()));
    }
    Ok(read)
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, IdentityError> {
    let unreadable = |source| IdentityError::ReadFile { what, path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let length = file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if length as u64 > MAX_FILE {
        return Err(IdentityError::TooLarge { what, path: path.to_owned(), limit: MAX_FILE });
    }
    Ok(bytes)
}
