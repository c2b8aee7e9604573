use mesh_attributes::{Timestamp, Value, ValueType};

use super::*;
use crate::{InstanceDecl, InstanceIndex, Template};

fn declared(fields: &[(&str, ValueType)]) -> InstanceDecl {
    InstanceDecl {
        name: "log.instance.default".to_owned(),
        template: Template::LogEntry,
        fields: fields.iter().map(|(name, t)| ((*name).to_owned(), *t)).collect(),
        value_type: None,
    }
}

fn entry<'v>(severity: &'v str, timestamp: Timestamp, variable: Value<'v>) -> [Value<'v>; 3] {
    [Value::String(severity), Value::Timestamp(timestamp), variable]
}

#[test]
fn each_text_crosses_once_and_each_instance_has_its_columns() {
    let instances =
        [declared(&[("url", ValueType::String)]), declared(&[("size", ValueType::Int64)])];
    let mut batch = ColumnBatch::new(ColumnTemplate::LogEntry);
    let (epoch, later) = (Timestamp::default(), Timestamp { seconds: 1, nanos: 1 });
    batch.push(5, InstanceIndex(0), &entry("info", epoch, Value::String("/a")));
    batch.push(6, InstanceIndex(1), &entry("info", epoch, Value::Int64(7)));
    batch.push(7, InstanceIndex(0), &entry("/a", later, Value::String("/b")));
    let mut failed = Vec::new();
    let calls = batch.calls(&instances, &mut failed);
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.texts, ["info", "/a", "/b"]);
    let [urls, sizes] = &call.groups[..] else { panic!("{call:?}") };
    assert_eq!(urls.elements, [5, 7]);
    let [Column::Text(severities), Column::Timestamp(times), Column::Text(paths)] =
        &urls.columns[..]
    else {
        panic!("{urls:?}")
    };
    assert_eq!((&severities[..], &paths[..]), (&[0, 1][..], &[1, 2][..]));
    assert_eq!(times[..], [0, 1_000_000_001]);
    assert_eq!(sizes.elements, [6]);
    assert!(matches!(&sizes.columns[2..], [Column::Int64(numbers)] if *numbers == [7]));
    assert!(failed.is_empty());
}

#[test]
fn more_text_than_a_call_carries_goes_in_several_with_only_the_texts_of_each() {
    let instances = [declared(&[("url", ValueType::String)])];
    let mut batch = ColumnBatch::new(ColumnTemplate::LogEntry);
    let long = "x".repeat(60_000);
    for element in 0..200 {
        let url = format!("{element}{long}");
        let entry = entry("info", Timestamp::default(), Value::String(&url));
        batch.push(element, InstanceIndex(0), &entry);
    }
    let mut failed = Vec::new();
    let calls = batch.calls(&instances, &mut failed);
    assert!(calls.len() > 1);
    let elements: Vec<u32> = calls.iter().flat_map(Call::elements).collect();
    assert_eq!(elements, (0..200).collect::<Vec<_>>());
    for call in &calls {
        assert_eq!(call.texts.len(), call.elements().count() + 1);
        assert!(call.bytes < MAX_CALL_BYTES + (64 << 10) + 1000);
    }
}

#[test]
fn entries_that_are_not_as_declared_fail_alone() {
    let instances = [declared(&[("url", ValueType::String)])];
    let mut batch = ColumnBatch::new(ColumnTemplate::LogEntry);
    let now = Timestamp::default();
    batch.push(1, InstanceIndex(0), &entry("", now, Value::Int64(1)));
    batch.push(2, InstanceIndex(4), &entry("", now, Value::String("/")));
    batch.push(3, InstanceIndex(0), &entry("", now, Value::String("/")));
    batch.push(4, InstanceIndex(0), &[Value::Int64(1), Value::Timestamp(now), Value::Bool(true)]);
    batch.push(5, InstanceIndex(0), &[Value::String("")]);
    let mut failed = Vec::new();
    let calls = batch.calls(&instances, &mut failed);
    assert_eq!(calls.iter().flat_map(Call::elements).collect::<Vec<_>>(), [3]);
    let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
    assert_eq!(
        failed,
        [
            "element 1: field url is no STRING",
            "element 2: there is no such instance",
            "element 4: field severity is no STRING",
            "element 5: 1 values instead of 3",
        ]
    );
}

#[test]
fn an_instance_of_another_template_is_none_of_the_batchs() {
    let instances = [declared(&[])];
    let mut batch = ColumnBatch::new(ColumnTemplate::Edge);
    let mut edge = vec![Value::String(""); ColumnTemplate::Edge.fields().len()];
    edge[0] = Value::Timestamp(Timestamp::default());
    batch.push(1, InstanceIndex(0), &edge);
    let mut failed = Vec::new();
    assert!(batch.calls(&instances, &mut failed).is_empty());
    assert_eq!(failed[0].to_string(), "element 1: there is no such instance");
}
