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

fn text(value: &str) -> [Value<'_>; 1] {
    [Value::String(value)]
}

#[test]
fn each_text_crosses_once_and_each_instance_has_its_columns() {
    let instances =
        [declared(&[("url", ValueType::String)]), declared(&[("size", ValueType::Int64)])];
    let mut batch = LogBatch::new();
    batch.push(5, InstanceIndex(0), "info", Timestamp::default(), &text("/a"));
    batch.push(6, InstanceIndex(1), "info", Timestamp::default(), &[Value::Int64(7)]);
    batch.push(7, InstanceIndex(0), "/a", Timestamp { seconds: 1, nanos: 1 }, &text("/b"));
    let mut failed = Vec::new();
    let calls = batch.calls(&instances, &mut failed);
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.texts, ["info", "/a", "/b"]);
    let [urls, sizes] = &call.groups[..] else { panic!("{call:?}") };
    assert_eq!((&urls.elements[..], &urls.severities[..]), (&[5, 7][..], &[0, 1][..]));
    assert_eq!(urls.timestamps, [0, 1_000_000_001]);
    assert!(matches!(&urls.columns[..], [Column::Text(numbers)] if *numbers == [1, 2]));
    assert_eq!(sizes.elements, [6]);
    assert!(matches!(&sizes.columns[..], [Column::Int64(numbers)] if *numbers == [7]));
    assert!(failed.is_empty());
}

#[test]
fn more_text_than_a_call_carries_goes_in_several_with_only_the_texts_of_each() {
    let instances = [declared(&[("url", ValueType::String)])];
    let mut batch = LogBatch::new();
    let long = "x".repeat(60_000);
    for element in 0..200 {
        let url = format!("{element}{long}");
        batch.push(element, InstanceIndex(0), "info", Timestamp::default(), &text(&url));
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
    let mut batch = LogBatch::new();
    let now = Timestamp::default();
    batch.push(1, InstanceIndex(0), "", now, &[Value::Int64(1)]);
    batch.push(2, InstanceIndex(4), "", now, &text("/"));
    batch.push(3, InstanceIndex(0), "", now, &text("/"));
    let mut failed = Vec::new();
    let calls = batch.calls(&instances, &mut failed);
    assert_eq!(calls.iter().flat_map(Call::elements).collect::<Vec<_>>(), [3]);
    let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
    assert_eq!(
        failed,
        ["element 1: variable url is no STRING", "element 2: there is no such instance"]
    );
}
