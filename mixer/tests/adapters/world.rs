//! A Mixer with its configuration, as whoever embeds it makes one.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use adapter_host::{AdapterHost, HostOptions};
use base64::Engine as _;
use mesh_api::mixer::v1::CheckResponse;
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::{QuotaRequest, ReportEncoder, encode_check_request};
use mesh_config::{ConfigSet, Revision, parse};
use mixer::native::NativeAdapters;
use mixer::{Caller, Metrics, Mixer, PolicyBuilder};
use prost::Message;
use prost_reflect::DescriptorPool;

pub(crate) const MANIFEST: &str = "
kind: attributemanifest
metadata: { name: proxy, namespace: istio-system }
spec:
  attributes:
    request.path: { valueType: STRING }
    request.size: { valueType: INT64 }
    request.time: { valueType: TIMESTAMP }
    request.headers: { valueType: STRING_MAP }
    response.duration: { valueType: DURATION }
    source.ip: { valueType: IP_ADDRESS }
    source.name: { valueType: STRING }
    destination.namespace: { valueType: STRING }
";

/// A template of somebody's own, with all that one may have, and an adapter's parameters.
const INVENTORY: &str = r#"
syntax = "proto3";
package acme.inventory;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "istio/adapter/model/v1beta1/adapter.proto";
import "istio/adapter/model/v1beta1/extensions.proto";
import "istio/policy/v1beta1/type.proto";
option (istio.mixer.adapter.model.v1beta1.template_variety) = TEMPLATE_VARIETY_CHECK_WITH_OUTPUT;
option (istio.mixer.adapter.model.v1beta1.template_name) = "inventory";
service HandleInventoryService {
  rpc HandleInventory(HandleInventoryRequest) returns (HandleInventoryResponse);
}
message HandleInventoryRequest {
  InstanceMsg instance = 1;
  google.protobuf.Any adapter_config = 2;
  string dedup_id = 3;
}
message HandleInventoryResponse {
  istio.mixer.adapter.model.v1beta1.CheckResult result = 1;
  OutputMsg output = 2;
}
message OutputMsg { string shelf = 1; int64 left = 2; map<string, string> labels = 3; repeated string more = 4; }
enum Level { LOW = 0; HIGH = 7; }
message PlaceMsg { string city = 1; map<string, istio.policy.v1beta1.Value> tags = 2; }
message InstanceMsg {
  string name = 72295727;
  string item = 1;
  int64 amount = 2;
  uint32 small = 3;
  sint64 signed = 4;
  double weight = 5;
  bool fragile = 6;
  Level level = 7;
  istio.policy.v1beta1.IPAddress from = 8;
  istio.policy.v1beta1.TimeStamp at = 9;
  istio.policy.v1beta1.Duration within = 10;
  istio.policy.v1beta1.Value any = 11;
  map<string, istio.policy.v1beta1.Value> tags = 12;
  map<string, int64> counts = 13;
  PlaceMsg place = 14;
  map<string, PlaceMsg> stops = 15;
  repeated string list = 16;
  bytes raw = 17;
}
message Type { istio.policy.v1beta1.ValueType any = 11; map<string, istio.policy.v1beta1.ValueType> tags = 12; }
"#;

const PARAMS: &str = r#"
syntax = "proto3";
package acme.config;
import "google/protobuf/duration.proto";
enum Mode { STRICT = 0; LOOSE = 1; }
message Rule { string name = 1; google.protobuf.Duration keep_for = 2; }
message Params { string house = 1; repeated Rule rules = 2; Mode mode = 3; int64 limit = 4; map<string, Rule> by_name = 5; }
"#;

pub(crate) static INVENTORY_SET: LazyLock<Vec<u8>> = LazyLock::new(|| compile(INVENTORY));
pub(crate) static PARAMS_SET: LazyLock<Vec<u8>> = LazyLock::new(|| compile(PARAMS));

/// A `FileDescriptorSet` with all that is imported, as `protoc --include_imports` writes it.
pub(crate) fn compile(proto: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.proto");
    std::fs::write(&file, proto).unwrap();
    let istio = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mesh/api/proto");
    encoded(&file, &[folder.path(), &istio])
}

pub(crate) fn inventory() -> DescriptorPool {
    DescriptorPool::decode(INVENTORY_SET.as_slice()).unwrap()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A template resource.
pub(crate) fn template(name: &str, descriptor: &[u8]) -> String {
    let descriptor = base64(descriptor);
    format!(
        "\nkind: template\nmetadata: {{ name: {name}, namespace: istio-system }}\nspec: {{ descriptor: {descriptor} }}\n"
    )
}

/// An adapter resource.
pub(crate) fn adapter(name: &str, templates: &str, config: &[u8], rest: &str) -> String {
    let config = base64(config);
    format!(
        "\nkind: adapter\nmetadata: {{ name: {name}, namespace: istio-system }}\nspec: {{ templates: [ {templates} ], config: '{config}'{rest} }}\n"
    )
}

/// The handler `h` in namespace `a`. It has time, unless `rest` says otherwise: machines that test are
/// busy.
pub(crate) fn handler(adapter: &str, address: impl std::fmt::Display, rest: &str) -> String {
    let timeout = if rest.contains("timeout") { "" } else { ", timeout: 30s" };
    format!(
        "\nkind: handler\nmetadata: {{ name: h, namespace: a }}\nspec:\n  adapter: {adapter}\n  connection: {{ address: '{address}'{timeout}{rest} }}\n"
    )
}

/// A Mixer, edited as a folder would be.
pub(crate) struct World {
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

impl World {
    pub(crate) async fn new(documents: &[&str]) -> Self {
        Self::with_natives(NativeAdapters::default(), documents).await
    }

    pub(crate) async fn with_natives(natives: NativeAdapters, documents: &[&str]) -> Self {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/adapters");
        let adapters = std::env::var_os("MIXMESH_ADAPTERS").map_or(built, PathBuf::from);
        let host = AdapterHost::new(HostOptions::default()).unwrap();
        let metrics = Metrics::new();
        let builder = PolicyBuilder::new(host, adapters, "istio-system", metrics.clone());
        let mut builder = builder.with_natives(natives);
        let policy = builder.build(&config(1, documents)).await;
        Self { builder, mixer: Mixer::new(policy, 1 << 20, metrics, None), revision: 1 }
    }

    pub(crate) async fn edit(&mut self, documents: &[&str]) {
        self.revision += 1;
        self.mixer.install(self.builder.build(&config(self.revision, documents)).await);
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.mixer.policy().problems().iter().map(ToString::to_string).collect()
    }

    pub(crate) async fn ask(
        &self,
        bag: &AttributeBag,
        id: &str,
        quotas: &[QuotaRequest<'_>],
    ) -> CheckResponse {
        let mut request = Vec::new();
        encode_check_request(bag, id, quotas, &mut request);
        let answer = self.mixer.check(&request, &Caller::default()).await.unwrap();
        CheckResponse::decode(answer.body).unwrap()
    }

    /// Code and message of a check.
    pub(crate) async fn check(&self, bag: &AttributeBag) -> (i32, String) {
        let status = self.ask(bag, "", &[]).await.precondition.unwrap().status.unwrap();
        (status.code, status.message)
    }

    pub(crate) async fn report(&self, bags: &[AttributeBag]) {
        let mut encoder = ReportEncoder::new();
        for bag in bags {
            assert!(encoder.push(bag));
        }
        let request = encoder.finish().unwrap();
        self.mixer.report(&request, &http::HeaderMap::new()).await.unwrap();
    }

    /// What the handler `h.a` has done: the sum of a counter over handlers.
    pub(crate) fn counted(&self, read: impl Fn(&adapter_host::HandlerStatus) -> u64) -> u64 {
        self.mixer.handler_statuses().iter().map(read).sum()
    }

    /// Ends all handlers.
    pub(crate) async fn close(self) {
        let Self { builder, mixer, .. } = self;
        drop(mixer);
        builder.close(std::time::Duration::from_secs(10)).await;
    }
}

/// A request to namespace `a`.
pub(crate) fn request() -> AttributeBag {
    AttributeBag::new().with("destination.namespace", "a").with("request.path", "/books")
}

/// Istio's own template of this name as a descriptor of its own, with what it imports.
pub(crate) fn one_template(name: &str) -> Vec<u8> {
    let istio = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mesh/api/proto");
    let file = istio.join("istio/template").join(name).with_extension("proto");
    encoded(&file, &[&istio])
}

/// With the options, which prost's own types would lose.
fn encoded(file: &Path, folders: &[&Path]) -> Vec<u8> {
    let mut compiler = protox::Compiler::new(folders).unwrap();
    compiler.include_imports(true).include_source_info(false).open_file(file).unwrap();
    compiler.encode_file_descriptor_set()
}
