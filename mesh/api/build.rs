//! Generates the types from the `.proto` files, without a system `protoc`.

use std::error::Error;

const FILES: [&str; 3] = ["etcd/rpc.proto", "istio/mixer/v1/mixer.proto", "mixmesh/v1/watch.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(FILES, ["proto"])?;
    let grpc = std::env::var_os("CARGO_FEATURE_GRPC").is_some();
    tonic_prost_build::configure().build_client(grpc).build_server(grpc).compile_fds(files)?;
    Ok(())
}
