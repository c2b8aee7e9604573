use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::peer::serve_http;
use super::{Courier, target};

/// An authority of a test, with a server for `localhost`.
struct Authority {
    folder: tempfile::TempDir,
    server: TlsAcceptor,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        Self { folder, server: TlsAcceptor::from(Arc::new(config)) }
    }

    fn file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }
}

fn trusting(mut params: Value, file: &str) -> Value {
    params["caFile"] = json!(file);
    params
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn connections_are_encrypted_and_the_peer_is_who_it_should_be() {
    let authority = Authority::new();
    let (listener, port) = listen().await;
    let params = target("tcp", format!("tls://localhost:{port}"), &json!({}));
    let courier = Courier::start(trusting(params, &authority.file())).await;
    courier.send("hello").await;
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = authority.server.accept(stream).await.unwrap();
    let mut read = [0; 5];
    stream.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"hello");
    courier.until("it", |status| status.sent_elements == 1).await;
    assert_eq!(courier.target().address, format!("tls://localhost:{port}"));
}

#[tokio::test]
async fn requests_are_encrypted() {
    let authority = Authority::new();
    let (listener, port) = listen().await;
    let params = target("http", format!("https://localhost:{port}/in"), &json!({}));
    let courier = Courier::start(trusting(params, &authority.file())).await;
    courier.send("hello").await;
    let (stream, _) = listener.accept().await.unwrap();
    let stream = authority.server.accept(stream).await.unwrap();
    let (seen, mut requests) = tokio::sync::mpsc::channel(10);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(serve_http(stream, seen));
    assert_eq!(requests.recv().await.unwrap().line, "POST /in HTTP/1.1");
    courier.until("it", |status| status.sent_elements == 1).await;
}

#[tokio::test]
async fn a_peer_of_another_authority_or_name_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    for (file, host, reason) in [
        (other.file(), "localhost", "invalid peer certificate"),
        (authority.file(), "127.0.0.1", "not valid for name"),
    ] {
        for (protocol, scheme) in [("tcp", "tls"), ("http", "https")] {
            let (listener, port) = listen().await;
            let params = target(protocol, format!("{scheme}://{host}:{port}"), &json!({}));
            let courier = Courier::start(trusting(params, &file)).await;
            courier.send("secret").await;
            let (stream, _) = listener.accept().await.unwrap();
            assert!(authority.server.accept(stream).await.is_err());
            let status = courier.until("a failure", |status| status.is_away).await;
            let error = status.last_error.unwrap();
            assert!(error.contains(reason), "{error}");
            assert_eq!((status.sent_elements, status.queued_elements), (0, 1));
        }
    }
}

#[tokio::test]
async fn an_authorities_file_that_holds_none_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let host = crate::fixture::host();
    let adapter = crate::fixture::load(&host, "testing/courier");
    let build = async |file: &Path| {
        let params = target("tcp", "tls://localhost:1", &json!({}));
        let params = trusting(params, &file.display().to_string());
        super::courier(params).try_build(&host, &adapter).await.unwrap_err().to_string()
    };
    assert!(build(&file).await.contains("cannot be read"));
    std::fs::write(&file, "no certificate").unwrap();
    assert!(build(&file).await.contains("holds no certificate"));
}
