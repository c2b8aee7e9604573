//! Edges and spans through a real component: what is handed in, written down.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use adapter_host::{
    AdapterValue, ColumnBatch, ColumnTemplate, Handler, InstanceDecl, InstanceIndex,
};
use mesh_attributes::{Timestamp, ValueType};
use serde_json::json;

use crate::fixture::{TestHandler, host, load};

fn declared(name: &str, template: ColumnTemplate, tags: &[(&str, ValueType)]) -> InstanceDecl {
    InstanceDecl {
        name: format!("{name}.instance.default"),
        template: template.template(),
        fields: tags.iter().map(|(tag, of)| ((*tag).to_owned(), *of)).collect(),
        value_type: None,
    }
}

/// Values of a template's own fields: texts are their field's name, numbers its place.
fn values(template: ColumnTemplate) -> Vec<AdapterValue<'static>> {
    let value = |(place, (name, of)): (i64, &(&'static str, ValueType))| match of {
        ValueType::String => AdapterValue::String(name),
        ValueType::Timestamp => AdapterValue::Timestamp(Timestamp { seconds: place, nanos: 1 }),
        ValueType::Int64 => AdapterValue::Int64(place),
        ValueType::Bool => AdapterValue::Bool(*name == "client_span"),
        ValueType::IpAddress => AdapterValue::Bytes(match *name {
            "source_ip" => &[10, 0, 0, 1],
            _ => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        }),
        other => panic!("{other:?}"),
    };
    (0..).zip(template.fields()).map(value).collect()
}

fn set<'v>(
    values: &[AdapterValue<'v>],
    template: ColumnTemplate,
    field: &str,
    text: &'v str,
) -> Vec<AdapterValue<'v>> {
    let mut values = values.to_vec();
    let at = template.fields().iter().position(|(name, _)| *name == field).unwrap();
    values[at] = AdapterValue::String(text);
    values
}

async fn build(file: &Path, instances: Vec<InstanceDecl>) -> Arc<Handler> {
    let host = host();
    let edges = load(&host, "testing/edges");
    let handler = TestHandler::new(json!({ "log_stream": "FILE", "output_path": file }));
    let handler = instances.into_iter().fold(handler, TestHandler::with);
    handler.build(&host, &edges).await
}

/// What was written, after the last holder of the stream has waited for it.
fn written(handler: Arc<Handler>, file: &Path) -> String {
    drop(handler);
    fs::read_to_string(file).unwrap()
}

#[tokio::test]
async fn every_field_of_an_edge_arrives_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edges");
    let template = ColumnTemplate::Edge;
    let handler = build(&file, vec![declared("graph", template, &[])]).await;
    let values = values(template);
    let mut batch = ColumnBatch::new(template);
    batch.push(3, InstanceIndex(0), &values);
    batch.push(4, InstanceIndex(0), &set(&values, template, "api_protocol", "refuse"));
    batch.push(5, InstanceIndex(0), &set(&values, template, "context_protocol", "tcp"));
    let failed = handler.report_columns(&batch).await.unwrap();
    let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
    assert_eq!(failed, ["element 4: told to refuse"]);
    assert_eq!(handler.status().failed_elements, 1);
    let line = "graph.instance.default: edge 1; \
                source=source_workload_namespace/source_workload_name source_owner source_uid; \
                destination=destination_workload_namespace/destination_workload_name \
                destination_owner destination_uid; \
                service=destination_service_namespace/destination_service_name; \
                protocols=context_protocol api_protocol\n";
    let expected = format!("{line}{}", line.replace("context_protocol", "tcp"));
    assert_eq!(written(handler, &file), expected);
}

#[tokio::test]
async fn every_field_of_a_span_arrives_under_its_own_name_with_its_instances_tags() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spans");
    let template = ColumnTemplate::TraceSpan;
    let tags = [
        ("headers", ValueType::StringMap),
        ("ip", ValueType::IpAddress),
        ("retries", ValueType::Int64),
    ];
    let plain = declared("plain", template, &[]);
    let handler = build(&file, vec![declared("tagged", template, &tags), plain]).await;
    let values = values(template);
    let headers = [("b", "2"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let headers: std::collections::BTreeMap<_, _> = headers.into();
    let mut tagged = values.clone();
    tagged.extend([
        AdapterValue::StringMap(&headers),
        AdapterValue::Bytes(&[127, 0, 0, 1]),
        AdapterValue::Int64(7),
    ]);
    let mut batch = ColumnBatch::new(template);
    batch.push(0, InstanceIndex(0), &tagged);
    batch.push(1, InstanceIndex(1), &set(&values, template, "span_name", "second"));
    batch.push(2, InstanceIndex(0), &values);
    let failed = handler.report_columns(&batch).await.unwrap();
    assert_eq!(failed[0].to_string(), "element 2: 17 values instead of 20");
    let span = "ids=trace_id span_id parent_span_id; time=4000000001 5000000001; code=6; \
                client=true rewrite=false; source=source_name 10.0.0.1; \
                destination=destination_name ::1; request=13 14; response=15 16; tags=";
    let expected = format!(
        "tagged.instance.default: span span_name; {span}headers=a=1&b=2 ip=127.0.0.1 retries=7\n\
         plain.instance.default: span second; {span}\n"
    );
    assert_eq!(written(handler, &file), expected);
}

#[tokio::test]
async fn a_batch_of_spans_that_crashes_the_adapter_is_lost_and_the_next_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spans");
    let template = ColumnTemplate::TraceSpan;
    let handler = build(&file, vec![declared("plain", template, &[])]).await;
    let values = values(template);
    for (name, works) in [("crash", false), ("fine", true)] {
        let mut batch = ColumnBatch::new(template);
        batch.push(0, InstanceIndex(0), &set(&values, template, "span_name", name));
        assert_eq!(handler.report_columns(&batch).await.is_ok(), works);
    }
    assert_eq!(handler.status().traps, 1);
    assert!(written(handler, &file).starts_with("plain.instance.default: span fine; "));
}
