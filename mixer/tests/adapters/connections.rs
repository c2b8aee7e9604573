//! How both ends prove who they are.

use std::path::Path;
use std::sync::Arc;

use mesh_api::adapter_model::CheckResult;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::fake::{self, Adapter, bytes};
use crate::world::{MANIFEST, World, adapter, handler, request};

const RULE: &str = "
kind: instance
metadata: { name: nothing, namespace: a }
spec: { template: checknothing }
---
kind: rule
metadata: { name: ask, namespace: a }
spec: { actions: [ { handler: h, instances: [ nothing ] } ] }
";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes `NAME.crt` and `NAME.key`.
    fn sign(&self, folder: &Path, name: &str, dns: &[&str], uri: Option<&str>) {
        let dns: Vec<String> = dns.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(dns).unwrap();
        let uri = uri.map(|uri| SanType::URI(uri.try_into().unwrap()));
        params.subject_alt_names.extend(uri);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        std::fs::write(folder.join(format!("{name}.crt")), certificate).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// TLS in front of an adapter that speaks in the clear.
async fn front(
    folder: &Path,
    name: &str,
    to: std::net::SocketAddr,
    mutual: bool,
) -> (u16, JoinSet<()>) {
    let read = |end: &str| std::fs::read(folder.join(format!("{name}.{end}"))).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&read("crt")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&read("key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if mutual {
        let mut roots = rustls::RootCertStore::empty();
        let ca = std::fs::read(folder.join("ca.crt")).unwrap();
        roots.add(CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
        let verifier =
            rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut inner = TcpStream::connect(to).await.unwrap();
                let _ends = tokio::io::copy_bidirectional(&mut stream, &mut inner).await;
            });
        }
    });
    (port, tasks)
}

async fn asked(port: u16, authentication: &str) -> ((i32, String), World) {
    let adapters = adapter("guard", "checknothing", b"", "");
    let rest = format!(", timeout: 30s, authentication: {authentication}");
    let handler = handler("guard.istio-system", format!("localhost:{port}"), &rest);
    let world = World::new(&[MANIFEST, &adapters, &handler, RULE]).await;
    assert_eq!(world.problems(), [""; 0]);
    (world.check(&request()).await, world)
}

async fn plain() -> Adapter {
    Adapter::start(fake::istio(), |_, _| bytes(&CheckResult::default())).await
}

#[tokio::test]
async fn an_adapter_proves_its_name_and_gets_the_token_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (at, ca) = (folder.path(), Authority::new());
    std::fs::write(at.join("ca.crt"), ca.0.pem()).unwrap();
    ca.sign(at, "server", &["localhost"], None);
    std::fs::write(at.join("token"), "s3cret\n").unwrap();
    let remote = plain().await;
    let (port, _front) = front(at, "server", remote.address, false).await;
    let (ca, token) = (at.join("ca.crt"), at.join("token"));
    let (ca, token) = (ca.display(), token.display());
    for (how, header, value) in [
        ("authHeader: BEARER", "authorization", "Bearer s3cret"),
        ("authHeader: PLAIN", "authorization", "s3cret"),
        ("customHeader: X-Key", "x-key", "s3cret"),
    ] {
        let tls = format!("{{ tls: {{ caCertificates: {ca}, tokenPath: {token}, {how} }} }}");
        let (answer, _world) = asked(port, &tls).await;
        assert_eq!(answer.0, 0, "{answer:?}");
        assert_eq!(remote.call().await.metadata.get(header).unwrap(), value);
    }
    let other = format!("{{ tls: {{ caCertificates: {ca}, serverName: other.example }} }}");
    let ((code, message), _world) = asked(port, &other).await;
    assert_eq!(code, 14);
    assert!(message.contains("not valid for name"), "{message}");
    let missing = format!("{{ tls: {{ caCertificates: {ca}, tokenPath: {token}.gone }} }}");
    let ((code, message), _world) = asked(port, &missing).await;
    assert_eq!(code, 14);
    assert!(message.contains("token.gone"), "{message}");
    assert_eq!(remote.waiting(), 0, "nobody is called without the token");
}

#[tokio::test]
async fn with_mutual_tls_the_adapter_is_mixers_own_workload_or_has_the_name() {
    const OWN: &str = "spiffe://cluster.local/ns/istio-system/sa/mixer";
    let folder = tempfile::tempdir().unwrap();
    let (at, ca) = (folder.path(), Authority::new());
    std::fs::write(at.join("ca.crt"), ca.0.pem()).unwrap();
    ca.sign(at, "mixer", &[], Some(OWN));
    ca.sign(at, "own", &[], Some(OWN));
    ca.sign(at, "named", &["localhost"], None);
    ca.sign(at, "other", &["localhost"], Some("spiffe://cluster.local/ns/a/sa/b"));
    Authority::new().sign(at, "foreign", &["localhost"], Some(OWN));
    let remote = plain().await;
    let file = |name: &str| at.join(name).display().to_string();
    let mutual = format!(
        "{{ mutual: {{ privateKey: {}, clientCertificate: {}, caCertificates: {} }} }}",
        file("mixer.key"),
        file("mixer.crt"),
        file("ca.crt")
    );
    for (server, code) in [("own", 0), ("named", 0), ("other", 14), ("foreign", 14)] {
        let (port, _front) = front(at, server, remote.address, true).await;
        let (answer, _world) = asked(port, &mutual).await;
        assert_eq!(answer.0, code, "{server}: {answer:?}");
    }
    assert_eq!(remote.waiting(), 2);
}
