//! TLS to an adapter.
//!
//! Files are read for each connection: a renewed certificate is taken up by the next one, without a
//! watch. An adapter's certificate must be signed by one of the given authorities, and be valid for the
//! name of the connection – or, with mutual TLS, be that of Mixer's own workload, which is what Istio
//! wants of its adapters: they run under Mixer's identity.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mesh_config::{Authentication, MutualAuthentication, TlsAuthentication};
use mesh_identity::SpiffeId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A bundle of authorities takes 300 kB.
const MAX_FILE: u64 = 1 << 20;

/// The files and the name for a connection.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    authorities: Option<PathBuf>,
    /// Certificate and key.
    own: Option<(PathBuf, PathBuf)>,
    name: ServerName<'static>,
}

impl Tls {
    /// What is configured for the adapter at `host`.
    ///
    /// # Errors
    /// When the name is none that a certificate can have.
    pub(crate) fn new(authentication: &Authentication, host: &str) -> Result<Self, String> {
        let path = |text: &mesh_config::Text| PathBuf::from(&text.value);
        let (authorities, own, name) = match authentication {
            Authentication::Tls(TlsAuthentication { ca_certificates, server_name, .. }) => {
                (ca_certificates, None, server_name)
            }
            Authentication::Mutual(mutual) => {
                let MutualAuthentication { private_key, client_certificate, .. } = mutual;
                let own = (path(client_certificate), path(private_key));
                (&mutual.ca_certificates, Some(own), &mutual.server_name)
            }
        };
        let name = name.as_ref().map_or(host, |name| name.value.as_str());
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| format!("`{name}` is no name of a server"))?;
        Ok(Self { authorities: authorities.as_ref().map(path), own, name })
    }

    /// A connection to `address`, with the files as they are now.
    ///
    /// # Errors
    /// When a file cannot be used, nobody answers, or the adapter proves nothing.
    pub(crate) async fn connect(self, address: String) -> io::Result<TlsStream<TcpStream>> {
        let name = self.name.clone();
        let config = tokio::task::spawn_blocking(move || self.config()).await??;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    fn config(&self) -> io::Result<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let own = self
            .own
            .as_ref()
            .map(|(certificate, key)| {
                let key_bytes = read(key)?;
                let key_der =
                    PrivateKeyDer::from_pem_slice(&key_bytes).map_err(|_| bad(key, "no key"))?;
                Ok::<_, io::Error>((certificates(certificate)?, key_der))
            })
            .transpose()?;
        let identity = own.as_ref().and_then(|(chain, _)| SpiffeId::of_certificate(chain.first()?));
        let verifier =
            AdapterVerifier { roots: self.roots()?, identity, provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, key).map_err(io::Error::other)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// The authorities given, or else the system's.
    fn roots(&self) -> io::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(path) => {
                for authority in certificates(path)? {
                    roots.add(authority).map_err(|cause| bad(path, &cause.to_string()))?;
                }
            }
            None => drop(
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
            ),
        }
        Ok(roots)
    }
}

/// Judges the certificate of an adapter.
#[derive(Debug)]
struct AdapterVerifier {
    roots: RootCertStore,
    /// Mixer's own.
    identity: Option<SpiffeId>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AdapterVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        if let Some(own) = &self.identity {
            match SpiffeId::of_certificate(end_entity) {
                Some(its) if its == *own => return Ok(ServerCertVerified::assertion()),
                // Another workload of the mesh is never the adapter, whatever names it has.
                Some(_) => {
                    let cause = CertificateError::NotValidForName;
                    return Err(rustls::Error::InvalidCertificate(cause));
                }
                None => {}
            }
        }
        verify_server_name(&certificate, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let bytes = read(path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let read = read.map_err(|cause| bad(path, &cause.to_string()))?;
    if read.is_empty() { Err(bad(path, "it holds no certificate")) } else { Ok(read) }
}

/// A file of bounded size.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let unreadable =
        |cause: io::Error| io::Error::new(cause.kind(), format!("{}: {cause}", path.display()));
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE {
        return Err(bad(path, "it is larger than 1 MiB"));
    }
    fs::read(path).map_err(unreadable)
}

fn bad(path: &Path, cause: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {cause}", path.display()))
}
