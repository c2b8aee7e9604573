use mesh_attributes::{Value, ValueType};

use super::*;
use crate::{InstanceIndex, Template};

fn declared() -> [InstanceDecl; 1] {
    [InstanceDecl {
        name: "m.instance.default".to_owned(),
        template: Template::Metric,
        fields: vec![("source".to_owned(), ValueType::String)],
        value_type: Some(ValueType::Int64),
    }]
}

fn batch_of<'s>(sources: impl IntoIterator<Item = &'s str>) -> MetricBatch {
    let mut batch = MetricBatch::new();
    for (element, source) in (100..).zip(sources) {
        batch.push(element, InstanceIndex(0), &[Value::String(source)], Value::Int64(1));
    }
    batch
}

fn ids(chunk: &Chunk<'_>) -> Vec<u32> {
    chunk.samples.iter().map(|sample| sample.series).collect()
}

#[test]
fn a_series_is_introduced_once() {
    let (mut interner, mut failed) = (SeriesInterner::default(), Vec::new());
    let batch = batch_of(["a", "b", "a"]);
    let first = interner.chunk(&batch, 0, &declared(), &mut failed);
    assert_eq!((ids(&first), first.introduced.len(), first.end), (vec![0, 1, 0], 2, 3));
    assert_eq!(first.elements(), [100, 101, 102]);
    let second = interner.chunk(&batch, 0, &declared(), &mut failed);
    assert_eq!((ids(&second), second.introduced.len()), (vec![0, 1, 0], 0));
    assert!(failed.is_empty());
}

#[test]
fn elements_that_are_not_as_declared_fail_alone() {
    let (mut interner, mut failed) = (SeriesInterner::default(), Vec::new());
    let mut batch = batch_of(["good"]);
    let one = Value::Int64(1);
    batch.push(1, InstanceIndex(0), &[Value::Int64(5)], one);
    batch.push(2, InstanceIndex(0), &[], one);
    batch.push(3, InstanceIndex(9), &[Value::String("a")], one);
    batch.push(4, InstanceIndex(0), &[Value::String("a")], Value::Double(1.0));
    batch.push(5, InstanceIndex(0), &[Value::String(&"x".repeat(100_000))], one);
    batch.push(6, InstanceIndex(0), &[Value::String("a")], Value::Bytes(&[1]));
    let chunk = interner.chunk(&batch, 0, &declared(), &mut failed);
    assert_eq!((chunk.elements(), chunk.end), (&[100][..], batch.len()));
    let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
    assert_eq!(
        failed,
        [
            "element 1: dimension source is no STRING",
            "element 2: 0 dimensions instead of 1",
            "element 3: there is no such instance",
            "element 4: the value is no INT64",
            "element 5: the dimensions take more than 65536 bytes",
            "element 6: the value is no INT64",
        ]
    );
}

#[test]
fn beyond_the_limit_the_series_unused_for_longest_are_forgotten_and_their_ids_used_again() {
    let (mut interner, mut failed) = (SeriesInterner::default(), Vec::new());
    let names: Vec<String> = (0..=MAX_SERIES).map(|n| n.to_string()).collect();
    let declared = declared();
    for names in names[..MAX_SERIES].chunks(MAX_SAMPLES) {
        let batch = batch_of(names.iter().map(String::as_str));
        assert_eq!(interner.chunk(&batch, 0, &declared, &mut failed).end, names.len());
    }
    // The first is used again, the last is new.
    let batch = batch_of([names[0].as_str(), names[MAX_SERIES].as_str()]);
    let chunk = interner.chunk(&batch, 0, &declared, &mut failed);
    assert_eq!(chunk.introduced.len(), 1);
    assert!(!chunk.forgotten.contains(&0), "the one just used stays");
    assert!(chunk.forgotten.len() >= MAX_SERIES / 2 - 1);
    assert!(chunk.forgotten.contains(&chunk.introduced[0].id));
    assert_eq!(interner.ids.len(), MAX_SERIES + 1 - chunk.forgotten.len());
}

#[test]
fn a_batch_with_more_text_than_a_call_carries_goes_in_several() {
    let (mut interner, mut failed) = (SeriesInterner::default(), Vec::new());
    let names: Vec<String> = (0..300).map(|n| format!("{n:060000}")).collect();
    let batch = batch_of(names.iter().map(String::as_str));
    let (mut start, mut calls, mut elements) = (0, 0, 0);
    while start < batch.len() {
        let chunk = interner.chunk(&batch, start, &declared(), &mut failed);
        assert!(chunk.end > start);
        elements += chunk.elements().len();
        (start, calls) = (chunk.end, calls + 1);
    }
    assert_eq!((elements, failed.len()), (300, 0));
    assert!(calls >= 8, "{calls} calls");
    assert!(interner.key_bytes <= MAX_KEY_BYTES);
}
