//! Generates the types from the `.proto` files, without a system `protoc`.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use prost::Message;

const FILES: [&str; 6] = [
    "etcd/rpc.proto",
    "io/prometheus/client/metrics.proto",
    "istio/adapter/model/v1beta1/adapter.proto",
    "istio/mixer/v1/mixer.proto",
    "istio/policy/v1beta1/type.proto",
    "mixmesh/v1/watch.proto",
];

/// Descriptions of templates, read at run time: whoever hands instances over knows no template.
const TEMPLATES: [&str; 12] = [
    "istio/template/apikey.proto",
    "istio/template/authorization.proto",
    "istio/template/checknothing.proto",
    "istio/template/edge.proto",
    "istio/template/keyval.proto",
    "istio/template/kubernetes.proto",
    "istio/template/listentry.proto",
    "istio/template/logentry.proto",
    "istio/template/metric.proto",
    "istio/template/quota.proto",
    "istio/template/reportnothing.proto",
    "istio/template/tracespan.proto",
];

const ENVOY_FILES: [&str; 3] = [
    "envoy/service/accesslog/v3/als.proto",
    "envoy/service/auth/v3/external_auth.proto",
    "envoy/service/ratelimit/v3/rls.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let feature = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    let mut names = FILES.to_vec();
    if feature("ENVOY") {
        names.extend(ENVOY_FILES);
    }
    let mut files = protox::compile(names, ["proto"])?;
    let grpc = feature("GRPC");
    tonic_prost_build::configure()
        .build_client(grpc)
        .build_server(grpc)
        .compile_fds(files.clone())?;
    // Istio's options are extensions: prost's own types would lose them.
    let mut templates = protox::Compiler::new(["proto"])?;
    templates.include_imports(true).include_source_info(false).open_files(TEMPLATES)?;
    // Reflection needs the definitions, not where they stand and what is said about them.
    for file in &mut files.file {
        file.source_code_info = None;
    }
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join("descriptors.bin"), files.encode_to_vec())?;
    fs::write(Path::new(&out).join("templates.bin"), templates.encode_file_descriptor_set())?;
    Ok(())
}
