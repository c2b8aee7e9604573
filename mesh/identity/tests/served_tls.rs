//! TLS as clients find it: who is let in, what is renewed, what a mistake leaves in use.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mesh_identity::{HandshakeError, Handshaken, IdentityError, ServerTls, TlsFiles, TlsMetrics};
use prometheus::{Registry, TextEncoder};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const LIMIT: Duration = Duration::from_secs(10);

/// A certificate authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, uris: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new(vec!["mixer".to_owned()]).unwrap();
        for uri in uris {
            params.subject_alt_names.push(SanType::URI((*uri).try_into().unwrap()));
        }
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }
}

/// A server whose files a test can change.
struct Server {
    folder: TempDir,
    registry: Registry,
    tls: Arc<ServerTls>,
}

impl Server {
    fn new(authority: &Authority, pair: &Pair) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), pair);
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let registry = Registry::new();
        let metrics = TlsMetrics::register(&registry, "test").unwrap();
        let tls = Arc::new(ServerTls::open(files(folder.path()), metrics).unwrap());
        Self { folder, registry, tls }
    }

    fn metrics(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }

    /// One handshake; what the server made of it and the certificate that the client saw.
    async fn meet(
        &self,
        client: ClientConfig,
    ) -> (Result<Handshaken, HandshakeError>, Option<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            self.tls.handshake(stream, LIMIT).await
        };
        let connect = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("mixer").unwrap();
            let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.ok()?;
            let seen = stream.get_ref().1.peer_certificates()?.first()?.to_vec();
            Some(seen)
        };
        tokio::join!(serve, connect)
    }

    /// Handshakes until `accept` likes the certificate that the server shows.
    async fn meet_until(&self, client: &ClientConfig, accept: impl Fn(&[u8]) -> bool) {
        loop {
            if self.meet(client.clone()).await.1.is_some_and(|seen| accept(&seen)) {
                return;
            }
        }
    }
}

fn files(folder: &Path) -> TlsFiles {
    let file = |name: &str| -> PathBuf { folder.join(name) };
    TlsFiles {
        certificate: file("cert.pem"),
        key: file("key.pem"),
        client_authority: Some(file("ca.pem")),
    }
}

fn write(folder: &Path, pair: &Pair) {
    fs::write(folder.join("cert.pem"), &pair.certificate).unwrap();
    fs::write(folder.join("key.pem"), &pair.key).unwrap();
}

fn der(pair: &Pair) -> Vec<u8> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap().to_vec()
}

fn client(trusts: &Authority, shows: Option<&Pair>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusts.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match shows {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

fn plain(_: &mut CertificateParams) {}

#[tokio::test]
async fn a_client_of_the_authority_is_let_in_and_known() {
    let ours = Authority::new("ours");
    let server = Server::new(&ours, &ours.sign(&[], plain));
    let id = "spiffe://cluster.local/ns/shop/sa/cart";
    let (met, _) = server.meet(client(&ours, Some(&ours.sign(&[id], plain)))).await;
    assert_eq!(met.unwrap().peer.unwrap().as_str(), id);
    // Two names are no identity, and a certificate without one still is a certificate.
    for uris in [vec![id, "spiffe://cluster.local/ns/shop/sa/other"], vec!["https://a"], vec![]] {
        let (met, _) = server.meet(client(&ours, Some(&ours.sign(&uris, plain)))).await;
        assert_eq!(met.unwrap().peer, None, "{uris:?}");
    }
    assert!(server.metrics().contains("test_tls_handshakes_total{result=\"ok\"} 4"));
}

#[tokio::test]
async fn clients_that_are_not_let_in_are_counted_by_reason() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = Server::new(&ours, &ours.sign(&[], plain));
    let expired = ours.sign(&[], |params| params.not_after = date_time_ymd(2020, 1, 1));
    for (shown, reason) in [
        (None, "no_certificate"),
        (Some(theirs.sign(&[], plain)), "unknown_issuer"),
        (Some(expired), "out_of_time"),
    ] {
        let (met, _) = server.meet(client(&ours, shown.as_ref())).await;
        assert_eq!(met.unwrap_err().reason(), reason);
        assert!(server.metrics().contains(&format!("{{result=\"{reason}\"}} 1")), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_given_up() {
    let ours = Authority::new("ours");
    let server = Server::new(&ours, &ours.sign(&[], plain));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _silent = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    assert_eq!(server.tls.handshake(stream, LIMIT).await.unwrap_err().reason(), "timeout");
}

#[tokio::test]
async fn renewed_files_are_taken_up_and_broken_ones_are_not() {
    let ours = Authority::new("ours");
    let first = ours.sign(&[], plain);
    let server = Server::new(&ours, &first);
    let client = client(&ours, Some(&ours.sign(&[], plain)));
    let follow = server.tls.follow(std::future::pending());
    let renew = async {
        let renewed = ours.sign(&[], plain);
        // Only the certificate, as when a renewal is caught half way.
        fs::write(server.folder.path().join("cert.pem"), &renewed.certificate).unwrap();
        while !server.metrics().contains("test_tls_reloads_total{result=\"refused\"} 1") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(server.meet(client.clone()).await.1, Some(der(&first)));
        fs::write(server.folder.path().join("key.pem"), &renewed.key).unwrap();
        server.meet_until(&client, |seen| seen == der(&renewed)).await;
        // Rubbish, an expired one, nothing at all: the last good one stays.
        let expired = ours.sign(&[], |params| params.not_after = date_time_ymd(2020, 1, 1));
        for (refused, certificate) in [(2, "no PEM"), (3, expired.certificate.as_str())] {
            fs::write(server.folder.path().join("cert.pem"), certificate).unwrap();
            let counted = format!("test_tls_reloads_total{{result=\"refused\"}} {refused}");
            while !server.metrics().contains(&counted) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        fs::remove_file(server.folder.path().join("key.pem")).unwrap();
        while !server.metrics().contains("test_tls_reloads_total{result=\"refused\"} 4") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(server.meet(client.clone()).await.1, Some(der(&renewed)));
    };
    tokio::select! {
        () = follow => panic!("the follower ended"),
        () = renew => {}
    }
    assert!(server.metrics().contains("test_tls_reloads_total{result=\"taken\"} 1"));
}

#[test]
fn what_cannot_be_served_is_refused_with_file_and_cause() {
    let ours = Authority::new("ours");
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let metrics = TlsMetrics::register(&Registry::new(), "test").unwrap();
        ServerTls::open(files(folder.path()), metrics).unwrap_err()
    };
    let told = |error: IdentityError, words: [&str; 2]| {
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    told(open(), ["cert.pem", "cannot be read"]);
    write(folder.path(), &ours.sign(&[], plain));
    told(open(), ["ca.pem", "cannot be read"]);
    fs::write(folder.path().join("ca.pem"), "nothing").unwrap();
    told(open(), ["ca.pem", "no certificate"]);
    fs::write(folder.path().join("ca.pem"), ours.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), "nothing").unwrap();
    told(open(), ["key.pem", "PEM"]);
    fs::write(folder.path().join("key.pem"), ours.sign(&[], plain).key).unwrap();
    told(open(), ["key.pem", "only one of them"]);
    fs::write(folder.path().join("cert.pem"), vec![b'a'; (1 << 20) + 1]).unwrap();
    told(open(), ["cert.pem", "1048576"]);
}
