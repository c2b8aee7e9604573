//! Components out of a registry: a small one of the test's own, which can lie.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use adapter_host::{
    AdapterHost, Component, ComponentRef, HostError, HostOptions, OciRef, RegistryError,
    RegistryOptions,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::fixture::{file, options};

/// A registry over HTTP that serves what it is given and notes what it is asked. It may want a token,
/// which it gives to the user `me` with the password `secret`.
struct TestRegistry {
    address: String,
    served: Arc<Served>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Served {
    bodies: Mutex<HashMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
    wants_token: bool,
}

impl TestRegistry {
    async fn start(wants_token: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = Arc::new(Served { wants_token, ..Served::default() });
        let mut tasks = JoinSet::new();
        let (answers, own) = (Arc::clone(&served), address.clone());
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that goes away in the middle is no failure of the test.
                let _ = answers.answer(stream, &own).await;
            }
        });
        Self { address, served, _tasks: tasks }
    }

    fn serve(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.served.bodies.lock().unwrap().insert(path.to_owned(), body.into());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.served.asked.lock().unwrap())
    }

    /// Puts a component there and returns its reference.
    fn push(&self, wasm: &[u8]) -> OciRef {
        self.serve(&format!("/v2/team/noop/blobs/{}", digest(wasm)), wasm);
        self.push_manifest(&manifest(&digest(wasm), wasm.len()))
    }

    fn push_manifest(&self, manifest: &str) -> OciRef {
        let digest = digest(manifest.as_bytes());
        self.serve(&format!("/v2/team/noop/manifests/{digest}"), manifest);
        self.reference(&digest)
    }

    fn reference(&self, digest: &str) -> OciRef {
        let text = format!("oci://{}/team/noop@{digest}", self.address);
        match ComponentRef::parse(&text, &PathBuf::new()).unwrap() {
            ComponentRef::Oci(reference) => reference,
            other @ ComponentRef::File(_) => panic!("{other:?}"),
        }
    }
}

impl Served {
    async fn answer(&self, stream: TcpStream, own: &str) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 || line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_ascii_lowercase());
        }
        let path = lines.first().and_then(|l| l.split(' ').nth(1)).unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push(path.clone());
        // me:secret
        let is_user = lines.iter().any(|line| line == "authorization: basic bwu6c2vjcmv0");
        let has_token = lines.iter().any(|line| line == "authorization: bearer t0");
        let (head, body) = if path.starts_with("/token?") && is_user {
            ("200 OK".to_owned(), br#"{"token":"t0"}"#.to_vec())
        } else if self.wants_token && !has_token {
            let challenge = format!("Bearer realm=\"http://{own}/token\",service=\"test\"");
            (format!("401 Unauthorized\r\nwww-authenticate: {challenge}"), Vec::new())
        } else {
            match self.bodies.lock().unwrap().get(&path) {
                Some(body) => ("200 OK".to_owned(), body.clone()),
                None => ("404 Not Found".to_owned(), Vec::new()),
            }
        };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
        stream.shutdown().await
    }
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn manifest(layer: &str, size: usize) -> String {
    json!({
        "schemaVersion": 2,
        "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": layer, "size": 2 },
        "layers": [{ "mediaType": "application/wasm", "digest": layer, "size": size }],
    })
    .to_string()
}

fn noop() -> Vec<u8> {
    fs::read(file("noop")).unwrap()
}

fn host(registry: RegistryOptions) -> Arc<AdapterHost> {
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/adapter-cache");
    let options = HostOptions { cache_dir: Some(cache.into()), registry, ..options() };
    Arc::new(AdapterHost::new(options).unwrap())
}

async fn pull(
    host: &Arc<AdapterHost>,
    reference: &OciRef,
) -> Result<Arc<Component>, RegistryError> {
    match Arc::clone(host).pull(reference.clone()).await {
        Ok(component) => Ok(component),
        Err(HostError::Pull { cause, .. }) => Err(*cause),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_component_is_pulled_once_and_kept_for_the_next_start() {
    let registry = TestRegistry::start(false).await;
    let folder = tempfile::tempdir().unwrap();
    let kept = RegistryOptions { folder: Some(folder.path().to_owned()), ..Default::default() };
    let reference = registry.push(&noop());
    let first = host(kept.clone());
    let component = pull(&first, &reference).await.unwrap();
    assert_eq!(component.name(), "noop");
    assert_eq!(registry.asked().len(), 2);
    let again = pull(&first, &reference).await.unwrap();
    assert!(Arc::ptr_eq(&component, &again));
    pull(&host(kept.clone()), &reference).await.unwrap();
    assert_eq!(registry.asked(), [""; 0], "it was kept");
    for entry in fs::read_dir(folder.path()).unwrap() {
        fs::write(entry.unwrap().path(), "changed").unwrap();
    }
    pull(&host(kept), &reference).await.unwrap();
    assert_eq!(registry.asked().len(), 2, "what was changed is pulled again");
}

#[tokio::test]
async fn what_is_not_what_was_named_is_refused() {
    let registry = TestRegistry::start(false).await;
    let host = host(RegistryOptions::default());
    let wasm = noop();
    let reference = registry.push(&wasm);
    let mut tampered = wasm.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let blob = format!("/v2/team/noop/blobs/{}", digest(&wasm));
    registry.serve(&blob, tampered);
    let refused = pull(&host, &reference).await.unwrap_err();
    assert!(matches!(refused, RegistryError::WrongDigest { what: "component", .. }), "{refused}");
    registry.serve(&blob, [&wasm[..], b"more"].concat());
    let refused = pull(&host, &reference).await.unwrap_err();
    assert!(matches!(refused, RegistryError::TooLarge { .. }), "{refused}");
    let other = digest(b"other");
    registry.serve(&format!("/v2/team/noop/manifests/{other}"), manifest(&other, 5));
    let refused = pull(&host, &registry.reference(&other)).await.unwrap_err();
    assert!(matches!(refused, RegistryError::WrongDigest { what: "manifest", .. }), "{refused}");
    let gone = pull(&host, &registry.reference(&digest(b"gone"))).await.unwrap_err();
    assert!(matches!(gone, RegistryError::Status { status: 404, .. }), "{gone}");
}

#[tokio::test]
async fn manifests_are_bounded_and_must_name_one_component() {
    let registry = TestRegistry::start(false).await;
    let host = host(RegistryOptions::default());
    let huge = registry.push_manifest(&format!("{{{}}}", " ".repeat(1 << 20)));
    let refused = pull(&host, &huge).await.unwrap_err();
    assert!(matches!(refused, RegistryError::TooLarge { .. }), "{refused}");
    let vast = registry.push_manifest(&manifest(&digest(b"x"), 1 << 40));
    let refused = pull(&host, &vast).await.unwrap_err();
    assert!(matches!(refused, RegistryError::TooLarge { .. }), "{refused}");
    let image = json!({ "layers": [{ "mediaType": "application/tar", "digest": "x", "size": 1 }] });
    for (manifest, told) in [
        ("no json", "expected"),
        (r#"{"layers":[]}"#, "one layer"),
        (r#"{"manifests":[]}"#, "index"),
        (&image.to_string(), "application/tar"),
    ] {
        let refused = pull(&host, &registry.push_manifest(manifest)).await.unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
    }
}

#[tokio::test]
async fn a_token_is_asked_for_with_the_credentials_of_the_file() {
    let registry = TestRegistry::start(true).await;
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("config.json");
    let reference = registry.push(&noop());
    let refused = pull(&host(RegistryOptions::default()), &reference).await.unwrap_err();
    assert!(refused.to_string().contains("credentials"), "{refused}");
    let address = &registry.address;
    let auths = json!({ "auths": { address: { "auth": "bWU6c2VjcmV0" } } });
    fs::write(&credentials, auths.to_string()).unwrap();
    let options = RegistryOptions { credentials: Some(credentials.clone()), ..Default::default() };
    pull(&host(options.clone()), &reference).await.unwrap();
    fs::write(&credentials, r#"{"auths": "secret"}"#).unwrap();
    let refused = pull(&host(options), &reference).await.unwrap_err().to_string();
    assert!(refused.contains("config.json") && !refused.contains("secret"), "{refused}");
}

#[tokio::test]
async fn a_registry_that_is_away_is_named() {
    let registry = TestRegistry::start(false).await;
    let reference = registry.push(&noop());
    let address = registry.address.clone();
    drop(registry);
    let refused = pull(&host(RegistryOptions::default()), &reference).await.unwrap_err();
    assert!(matches!(refused, RegistryError::Unreachable { .. }), "{refused}");
    assert!(refused.to_string().contains(&address), "{refused}");
}
