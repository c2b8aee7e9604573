//! Components built against released interfaces go on working. They lie in `tests/frozen/VERSION` as they
//! were built, beside the digest of the WIT files of that version; neither is ever built again.

use std::fs;
use std::path::{Path, PathBuf};

use adapter_host::{AdapterValue, InstanceIndex, MetricBatch, Template};
use mesh_attributes::ValueType;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::fixture::{TestHandler, host, metric};

const ONE: InstanceIndex = InstanceIndex(0);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn frozen(file: &str) -> PathBuf {
    root().join("tests/frozen/0.1.0").join(file)
}

/// The WIT files below a folder with their paths, sorted.
fn wit_files(folder: &Path, prefix: &str, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            wit_files(&path, &format!("{name}/"), into);
        } else if path.extension().is_some_and(|end| end == "wit") {
            into.push((name, fs::read(path).unwrap()));
        }
    }
    into.sort();
}

#[test]
fn the_interfaces_are_those_that_were_released() {
    let mut files = Vec::new();
    wit_files(&root().join("wit"), "", &mut files);
    let mut hash = Sha256::new();
    for (name, content) in &files {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let recorded = fs::read_to_string(frozen("wit.sha256")).unwrap();
    assert_eq!(
        digest,
        recorded.trim(),
        "the WIT files are no longer those of tests/frozen/0.1.0. A released version is never edited: \
         make another version. Before the release, record the new digest and build the components anew"
    );
}

#[tokio::test]
async fn a_check_adapter_of_0_1_0_answers() {
    let host = host();
    let denier = host.load("denier", &frozen("denier.wasm")).unwrap();
    assert_eq!(denier.description().name, "denier");
    let handler = TestHandler::new(json!({ "status": { "code": 7, "message": "closed" } }))
        .with_instance(Template::CheckNothing)
        .with_limits(|limits| limits.check_deadline = std::time::Duration::from_secs(5))
        .build(&host, &denier)
        .await;
    let denied = handler.check(ONE, Vec::new()).await.unwrap();
    assert_eq!((denied.code, denied.message.as_str()), (7, "closed"));
}

#[tokio::test]
async fn a_report_adapter_of_0_1_0_reports() {
    let host = host();
    let prometheus = host.load("prometheus", &frozen("prometheus.wasm")).unwrap();
    let parameters = json!({ "metrics": [{
        "instance_name": "requests.instance.default",
        "name": "requests_total",
        "kind": "COUNTER",
        "label_names": ["source"],
    }] });
    let handler = TestHandler::new(parameters)
        .with(metric("requests", &["source"], ValueType::Int64))
        .with_limits(|limits| limits.report_deadline = std::time::Duration::from_secs(5))
        .build(&host, &prometheus)
        .await;
    let mut batch = MetricBatch::new();
    batch.push(0, ONE, &[AdapterValue::String("a")], AdapterValue::Int64(3));
    assert_eq!(handler.report_metrics(&batch).await.unwrap(), []);
    let mut text = String::new();
    host.series().encode_text(&mut text);
    assert!(text.contains("istio_requests_total{source=\"a\"} 3"), "{text}");
}
