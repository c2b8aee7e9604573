use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Etcd, Launch, Layout, Process, free_address};
use tokio::time::{sleep, timeout};

use crate::following::{Authority, Followed};

/// A cold start on a busy machine.
const READY: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);
/// The path of our group.
const GROUP: &str = "apis/config.istio.io/v1alpha2";
const DEFINITIONS: &str = "apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const ADMIN: &str = "admin-token";
/// A user who may do nothing until someone lets them.
pub(crate) const MIXER: &str = "mixer-token";

/// A real API server with an etcd of its own.
pub(crate) struct ApiServer {
    launch: Launch,
    process: Option<Process>,
    address: SocketAddr,
    client: Client,
    authority: Authority,
    _etcd: Etcd,
    folder: TempDir,
}

impl ApiServer {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start() -> Result<Self> {
        let (layout, folder, authority) =
            (Layout::of_checkout(), tempfile::tempdir()?, Authority::new()?);
        let etcd = Etcd::start(&layout, folder.path())?;
        let address = free_address()?;
        let tokens = folder.path().join("tokens.csv");
        fs::write(&tokens, format!("{ADMIN},admin,admin,system:masters\n{MIXER},mixer,mixer\n"))?;
        let flag = |name: &str, file: &Path| format!("--{name}={}", file.display());
        let launch = Launch::new("kube-apiserver", layout.kube_apiserver(), folder.path())
            .arg(format!("--etcd-servers=http://{}", etcd.address()))
            .arg(format!("--bind-address={}", address.ip()))
            .arg(format!("--secure-port={}", address.port()))
            .arg("--endpoint-reconciler-type=none")
            .arg(flag("tls-cert-file", &authority.file("server.pem")))
            .arg(flag("tls-private-key-file", &authority.file("server.key")))
            .arg(flag("cert-dir", folder.path()))
            .arg(flag("token-auth-file", &tokens))
            .arg("--authorization-mode=RBAC")
            // Any key would do for the tokens of service accounts, of which there are none.
            .arg(flag("service-account-key-file", &authority.file("client.pem")))
            .arg(flag("service-account-signing-key-file", &authority.file("client.key")))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg("--service-cluster-ip-range=10.0.0.0/24")
            .arg("--disable-admission-plugins=ServiceAccount");
        let file = kubeconfig(&authority, folder.path(), "admin", address, ADMIN)?;
        let config = Kubeconfig::read_from(file)?;
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;
        let mut server =
            Self { launch, process: None, address, client, authority, _etcd: etcd, folder };
        server.restart().await?;
        server
            .create("api/v1/namespaces", "{kind: Namespace, metadata: {name: istio-system}}")
            .await?;
        Ok(server)
    }

    /// As [`ApiServer::start`], with all our definitions.
    pub(crate) async fn start_with_definitions() -> Result<Self> {
        let server = Self::start().await?;
        for file in fs::read_dir(Layout::of_checkout().root().join("deploy/crds"))? {
            server.define(&fs::read_to_string(file?.path())?).await?;
        }
        Ok(server)
    }

    /// Starts it again with the same data, and waits until it is ready.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let process = self.process.insert(self.launch.start()?);
        let begun = Instant::now();
        loop {
            match text(&self.client, Method::GET, "readyz", "").await {
                Ok(_) => return Ok(()),
                Err(cause) if begun.elapsed() > READY => return Err(cause),
                Err(_) => process.require_running()?,
            }
            sleep(POLL).await;
        }
    }

    /// Kills it (SIGKILL), if it runs.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |process| process.kill().map(drop))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A kubeconfig file that leads to the server by way of `address`.
    pub(crate) fn kubeconfig(&self, address: SocketAddr, token: &str) -> Result<PathBuf> {
        let name = format!("{token}-{}", address.port());
        kubeconfig(&self.authority, self.folder.path(), &name, address, token)
    }

    /// The URL of all its custom resources, read by a user who may.
    pub(crate) fn url(&self) -> Result<String> {
        Ok(format!("k8s://?kubeconfig={}", self.kubeconfig(self.address, ADMIN)?.display()))
    }

    pub(crate) async fn follow(&self) -> Result<Followed> {
        Followed::of(&self.url()?).await
    }

    /// Defines the kinds in a file of definitions, and waits until they are served.
    pub(crate) async fn define(&self, file: &str) -> Result<()> {
        for document in file.split("---\n") {
            let plural = document
                .lines()
                .find_map(|line| line.strip_prefix("  name: ")?.strip_suffix(".config.istio.io"))
                .context("a definition without a name")?;
            self.create(&format!("{DEFINITIONS}?fieldValidation=Strict"), document).await?;
            let served = async {
                while text(&self.client, Method::GET, &format!("{GROUP}/{plural}"), "")
                    .await
                    .is_err()
                {
                    sleep(POLL).await;
                }
            };
            timeout(READY, served).await.with_context(|| format!("{plural} to be served"))?;
        }
        Ok(())
    }

    /// Deletes the definition of a kind, and with it all objects.
    pub(crate) async fn undefine(&self, plural: &str) -> Result<()> {
        self.call(Method::DELETE, &format!("{DEFINITIONS}/{plural}.config.istio.io"), "")
            .await
            .map(drop)
    }

    /// Creates an object, written in YAML.
    pub(crate) async fn create(&self, path: &str, yaml: &str) -> Result<Value> {
        self.call(Method::POST, path, yaml).await
    }

    /// Creates or changes one of our objects, written in YAML, as `kubectl apply --server-side` does.
    /// Returns its version.
    pub(crate) async fn apply(&self, path: &str, yaml: &str) -> Result<u64> {
        let path = format!("{GROUP}/{path}?fieldManager=test&force=true");
        let object = self.call(Method::PATCH, &path, yaml).await?;
        version(&object)
    }

    /// Deletes one of our objects.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        self.remove(&format!("{GROUP}/{path}")).await
    }

    /// Deletes any object.
    pub(crate) async fn remove(&self, path: &str) -> Result<()> {
        self.call(Method::DELETE, path, "").await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, yaml: &str) -> Result<Value> {
        let text = text(&self.client, method, path, yaml).await?;
        serde_json::from_str(&text).with_context(|| format!("{path} answered {text}"))
    }
}

async fn text(client: &Client, method: Method, path: &str, yaml: &str) -> Result<String> {
    let kind = if method == Method::PATCH { "apply-patch+yaml" } else { "yaml" };
    let mut request = Request::builder().method(&method).uri(format!("/{path}"));
    if !yaml.is_empty() {
        request = request.header("content-type", format!("application/{kind}"));
    }
    let request = request.body(yaml.as_bytes().to_vec())?;
    let answer = timeout(READY, client.request_text(request)).await?;
    answer.with_context(|| format!("{method} {path}:\n{yaml}"))
}

fn kubeconfig(
    authority: &Authority,
    folder: &Path,
    name: &str,
    address: SocketAddr,
    token: &str,
) -> Result<PathBuf> {
    let cluster = json!({
        "server": format!("https://{address}"),
        "certificate-authority": authority.file("ca.pem"),
    });
    // JSON is YAML.
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "test", "cluster": cluster }],
        "users": [{ "name": "test", "user": { "token": token } }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        "current-context": "test",
    });
    let file = folder.join(format!("kubeconfig-{name}"));
    fs::write(&file, serde_json::to_vec_pretty(&config)?)?;
    Ok(file)
}

fn version(object: &Value) -> Result<u64> {
    let version = object["metadata"]["resourceVersion"].as_str();
    let version = version.with_context(|| format!("no version in {object}"))?.parse()?;
    ensure!(version > 0, "the version is 0");
    Ok(version)
}
