//! Components out of OCI registries.
//!
//! Nothing that a registry says is believed: the manifest is held against the digest in the handler's
//! reference, the component against the digest in the manifest, before a byte of it is compiled. What was
//! pulled is kept under those digests and verified again whenever it is read, so a changed file in the
//! folder costs a pull. Bodies are read up to a bound and all of it has a deadline; who waits meanwhile is
//! the caller's policy.
//!
//! Plain HTTP is spoken with registries on this machine and with those that the options name. Redirects
//! are followed, since registries keep blobs elsewhere, but not from HTTPS to HTTP.
//!
//! Refused: pulling with the client crate whose type [`oci_client::Reference`] reads references. It takes
//! manifests, tokens and errors of any length into memory.

mod credentials;
mod error;
mod store;
mod transfer;

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use self::error::RegistryError;
use self::store::Store;
use self::transfer::Transfer;
use crate::OciRef;
use crate::reference::parse_digest;

/// How registries are used.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// Where components are kept from one start to the next. `None`: they are pulled at each start.
    pub folder: Option<PathBuf>,
    /// `host:port` of registries that speak plain HTTP. Those on this machine need not be named.
    pub plain_http: Vec<String>,
    /// A configuration file of Docker (`config.json`) with credentials; helpers are not run.
    pub credentials: Option<PathBuf>,
}

/// The client of all registries.
#[derive(Debug)]
pub(crate) struct Registry {
    options: RegistryOptions,
    store: Option<Store>,
    /// Pulls at once: each may hold a whole component.
    pulls: Semaphore,
}

const MAX_PULLS: usize = 2;

/// For one component with all that has to be asked for it.
const PULL_DEADLINE: Duration = Duration::from_secs(60);

/// A manifest has some hundred bytes for each layer; a component has one.
const MAX_MANIFEST: u64 = 256 << 10;

const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// The layer's media type that the WebAssembly working group agreed on, and those before it.
const WASM_TYPES: [&str; 3] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
];

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
    /// Of an index, which lists manifests.
    manifests: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
    size: u64,
}

impl Registry {
    pub(crate) fn new(options: RegistryOptions) -> Self {
        let store = options.folder.clone().map(Store::new);
        Self { options, store, pulls: Semaphore::new(MAX_PULLS) }
    }

    /// The bytes of a component, from the folder or else from its registry. They have the digest that the
    /// reference stands for.
    pub(crate) async fn component(
        &self,
        reference: &OciRef,
        limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let _one_of_few = self.pulls.acquire().await.expect("the semaphore is never closed");
        let pull = self.pull(reference, limit);
        timeout(PULL_DEADLINE, pull)
            .await
            .map_err(|_| RegistryError::Deadline { limit: PULL_DEADLINE })?
    }

    async fn pull(&self, reference: &OciRef, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let mut transfer = None;
        let manifest = match self.kept(&reference.digest, MAX_MANIFEST).await {
            Some(manifest) => manifest,
            None => {
                let transfer = Transfer::opened(&mut transfer, reference, &self.options).await?;
                let path = format!("manifests/{}", digest_text(&reference.digest));
                let body = transfer.body(&path, MANIFEST_TYPES, MAX_MANIFEST).await?;
                verified("manifest", body, &reference.digest)?
            }
        };
        let (digest, size) = wasm_layer(&manifest)?;
        if size > limit {
            return Err(RegistryError::TooLarge { what: "component".to_owned(), limit });
        }
        let wasm = match self.kept(&digest, limit).await {
            Some(wasm) => wasm,
            None => {
                let transfer = Transfer::opened(&mut transfer, reference, &self.options).await?;
                let path = format!("blobs/{}", digest_text(&digest));
                let body = transfer.body(&path, "*/*", size).await?;
                verified("component", body, &digest)?
            }
        };
        if transfer.is_some()
            && let Some(store) = &self.store
        {
            store.keep(reference.digest, manifest).await;
            store.keep(digest, wasm.clone()).await;
        }
        Ok(wasm)
    }

    async fn kept(&self, digest: &[u8; 32], limit: u64) -> Option<Vec<u8>> {
        self.store.as_ref()?.read(*digest, limit).await
    }
}

/// The digest and size of the component that a manifest names.
fn wasm_layer(manifest: &[u8]) -> Result<([u8; 32], u64), RegistryError> {
    let wrong = |cause: String| RegistryError::Manifest { cause };
    let manifest: Manifest =
        serde_json::from_slice(manifest).map_err(|cause| wrong(cause.to_string()))?;
    if manifest.manifests.is_some() {
        return Err(wrong("it is an index of several, name one of them".to_owned()));
    }
    let is_wasm = |layer: &&Layer| WASM_TYPES.contains(&layer.media_type.as_str());
    let mut layers = manifest.layers.iter().filter(is_wasm);
    let (Some(layer), None) = (layers.next(), layers.next()) else {
        let types: Vec<_> =
            manifest.layers.iter().map(|layer| layer.media_type.as_str()).take(10).collect();
        return Err(wrong(format!(
            "it must have one layer of type application/wasm, and has [{}]",
            types.join(", ")
        )));
    };
    let digest = parse_digest(&layer.digest)
        .ok_or_else(|| wrong("its layer has no digest sha256:…".to_owned()))?;
    Ok((digest, layer.size))
}

fn verified(
    what: &'static str,
    bytes: Vec<u8>,
    digest: &[u8; 32],
) -> Result<Vec<u8>, RegistryError> {
    let found: [u8; 32] = Sha256::digest(&bytes).into();
    if found != *digest {
        return Err(RegistryError::WrongDigest {
            what,
            wanted: digest_text(digest),
            found: digest_text(&found),
        });
    }
    Ok(bytes)
}

fn digest_text(digest: &[u8; 32]) -> String {
    format!("sha256:{}", crate::compile_cache::hex(digest))
}
