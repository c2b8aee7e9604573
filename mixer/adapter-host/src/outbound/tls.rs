use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::parameter_path::beside;

/// More is no list of authorities.
const MAX_FILE: u64 = 4 << 20;

/// Who signs for peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authorities {
    OfSystem,
    File(PathBuf),
}

impl Authorities {
    /// What the parameter `ca_file` says: beside the address at `path`, or else for the whole handler.
    pub(crate) fn beside(parameters: &Value, path: &str) -> Result<Self, String> {
        match beside(parameters, path, "ca_file") {
            None => Ok(Self::OfSystem),
            Some(Value::String(file)) if file.is_empty() => Ok(Self::OfSystem),
            Some(Value::String(file)) => Ok(Self::File(PathBuf::from(file))),
            Some(_) => Err("asks for TLS, and ca_file is no text".to_owned()),
        }
    }
}

/// The settings of a TLS client, for TLS 1.2 and 1.3. Reads files, on a thread of its own.
pub(crate) async fn client_tls(authorities: Authorities) -> Result<Arc<ClientConfig>, String> {
    match spawn_blocking(move || read(&authorities)).await {
        Ok(outcome) => outcome,
        Err(error) => Err(error.to_string()),
    }
}

/// The settings of a client that is not to use TLS: it would trust nobody.
pub(crate) fn no_tls() -> Result<Arc<ClientConfig>, String> {
    config(RootCertStore::empty())
}

fn read(authorities: &Authorities) -> Result<Arc<ClientConfig>, String> {
    config(match authorities {
        Authorities::OfSystem => of_system()?,
        Authorities::File(path) => of_file(path)?,
    })
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn of_system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry some that nobody can read.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!(
            "the system has no certificates of authorities{cause}: install ca-certificates or set ca_file"
        ));
    }
    Ok(roots)
}

fn of_file(path: &Path) -> Result<RootCertStore, String> {
    let shown = path.display();
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut pem))
        .map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if pem.len() as u64 > MAX_FILE {
        return Err(format!("{shown} is larger than {MAX_FILE} bytes"));
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("{shown} is no PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("{shown}: {error}"))?;
    }
    if roots.is_empty() {
        return Err(format!("{shown} holds no certificate"));
    }
    Ok(roots)
}
