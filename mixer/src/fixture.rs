//! A Mixer with its configuration, for tests.

use std::path::{Path, PathBuf};

use adapter_host::{AdapterHost, HostOptions};
use mesh_api::mixer::v1::CheckResponse;
use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::{QuotaRequest, encode_check_request};
use mesh_config::{ConfigSet, Revision, parse};
use prost::Message;

use crate::check::{CacheLevel, Caller};
use crate::metrics::Metrics;
use crate::policy::{Generation, Policy, PolicyBuilder};
use crate::service::Mixer;

pub(crate) const MANIFEST: &str = "
kind: attributemanifest
metadata: { name: proxy, namespace: istio-system }
spec:
  attributes:
    request.path: { valueType: STRING }
    request.headers: { valueType: STRING_MAP }
    destination.namespace: { valueType: STRING }
    context.reporter.kind: { valueType: STRING }
    source.ip: { valueType: IP_ADDRESS }
    source.name: { valueType: STRING }
    source.labels: { valueType: STRING_MAP }
    source.namespace: { valueType: STRING }
    source.uid: { valueType: STRING }
    response.code: { valueType: INT64 }
";

/// One builder and the Mixer it feeds, edited as a folder would be.
pub(crate) struct Fixture {
    builder: PolicyBuilder,
    pub(crate) mixer: Mixer,
    revision: u64,
}

fn config(revision: u64, documents: &[&str]) -> ConfigSet {
    let text = documents
        .iter()
        .map(|text| text.replace("\nkind:", "\napiVersion: config.istio.io/v1alpha2\nkind:"))
        .collect::<Vec<_>>()
        .join("\n---\n");
    let parsed = parse("test.yaml", &text);
    assert_eq!(parsed.problems, [], "the test's YAML is right");
    ConfigSet {
        resources: parsed.resources.into_iter().map(|r| (r.key.clone(), r)).collect(),
        problems: Vec::new(),
        revision: Revision(revision),
    }
}

/// Where `cargo xtask adapters` puts them.
pub(crate) fn built_adapters() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/adapters");
    std::env::var_os("MIXMESH_ADAPTERS").map_or(built, Into::into)
}

impl Fixture {
    pub(crate) async fn new(documents: &[&str]) -> Self {
        let adapters = built_adapters();
        assert!(adapters.join("denier.wasm").exists(), "no denier.wasm: run cargo xtask adapters");
        Self::with(&adapters, 1 << 20, documents).await
    }

    /// With other adapters, and with so many bytes of cache.
    pub(crate) async fn with(adapters: &Path, cache_bytes: u64, documents: &[&str]) -> Self {
        // Compiled once for all tests of all runs.
        let cache_dir = Some(built_adapters().join(".compiled"));
        let host = AdapterHost::new(HostOptions { cache_dir, ..HostOptions::default() }).unwrap();
        let metrics = Metrics::new();
        let adapters = adapters.to_owned();
        let mut builder = PolicyBuilder::new(host, adapters, "istio-system", metrics.clone());
        let policy = builder.build(&config(1, documents)).await;
        Self { builder, mixer: Mixer::new(policy, cache_bytes, metrics, None), revision: 1 }
    }

    pub(crate) async fn edit(&mut self, documents: &[&str]) {
        self.edit_at(self.revision + 1, documents).await;
    }

    /// An edit whose source gives it this revision.
    pub(crate) async fn edit_at(&mut self, revision: u64, documents: &[&str]) {
        self.revision = revision;
        self.mixer.install(self.builder.build(&config(revision, documents)).await);
    }

    /// The policy of an edit that is not in force yet.
    pub(crate) async fn take_policy(&mut self, documents: &[&str]) -> Policy {
        self.revision += 1;
        self.builder.build(&config(self.revision, documents)).await
    }

    pub(crate) async fn check(&self, namespace: &str, path: &str) -> PreconditionResult {
        let bag =
            AttributeBag::new().with("destination.namespace", namespace).with("request.path", path);
        let answer = self.ask_as(&Caller::default(), &bag, &[]).await;
        answer.0.precondition.unwrap()
    }

    /// One check, as our filter asks; the answer with its level of the cache.
    pub(crate) async fn ask(
        &self,
        bag: &AttributeBag,
        quotas: &[QuotaRequest<'_>],
    ) -> (CheckResponse, CacheLevel) {
        let caller = Caller { is_our_filter: true, ..Caller::default() };
        self.ask_as(&caller, bag, quotas).await
    }

    pub(crate) async fn ask_as(
        &self,
        caller: &Caller,
        bag: &AttributeBag,
        quotas: &[QuotaRequest<'_>],
    ) -> (CheckResponse, CacheLevel) {
        let mut request = Vec::new();
        encode_check_request(bag, "", quotas, &mut request);
        let answer = self.mixer.check(&request, caller).await.unwrap();
        (CheckResponse::decode(answer.body).unwrap(), answer.cache)
    }

    pub(crate) async fn code(&self, namespace: &str, path: &str) -> i32 {
        self.check(namespace, path).await.status.unwrap().code
    }

    pub(crate) fn digest(&self, namespace: &str) -> [u8; 16] {
        self.generation(namespace).digest
    }

    pub(crate) fn generation(&self, namespace: &str) -> Generation {
        let announcement = self.mixer.policy().announcement();
        let state = announcement.namespaces.get(namespace).unwrap_or(&announcement.default);
        state.generation
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.mixer.policy().problems().iter().map(ToString::to_string).collect()
    }
}
