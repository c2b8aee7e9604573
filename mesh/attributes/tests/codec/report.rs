use mesh_attributes::wire::{DecodeError, ReportEncoder, ReportRequest};
use mesh_attributes::{AttributeBag, AttributeName, EachAttribute, Value};
use proptest::prelude::*;
use prost::Message;

use crate::bags::{self, owned};
use crate::messages::{self, CompressedAttributes, StringMap};
use crate::model;

/// The bags of a report; `None` for an element that is an error.
fn decoded(bytes: &[u8]) -> Vec<Option<AttributeBag>> {
    let request = ReportRequest::decode(bytes).unwrap();
    let mut bags = request.bags();
    let mut decoded = Vec::new();
    while let Some(bag) = bags.next_bag() {
        match bag {
            Ok(bag) => decoded.push(Some(owned(bag))),
            Err(error) => {
                assert_eq!(error.index, decoded.len());
                decoded.push(None);
            }
        }
    }
    assert_eq!(decoded.len(), request.len());
    decoded
}

fn report(attributes: &[CompressedAttributes], semantics: i32) -> Vec<u8> {
    let attributes = attributes.to_vec();
    messages::ReportRequest { attributes, semantics, ..Default::default() }.encode_to_vec()
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(sent in proptest::collection::vec(bags::bag(), 0..5)) {
        let mut encoder = ReportEncoder::new();
        for _round in 0..2 {
            for bag in &sent {
                prop_assert!(encoder.push(bag));
            }
            prop_assert_eq!(encoder.len(), sent.len());
            let bound = encoder.encoded_len();
            let Some(bytes) = encoder.finish() else {
                prop_assert!(sent.is_empty());
                continue;
            };
            prop_assert!(bytes.len() <= bound);
            prop_assert!(encoder.is_empty());
            prop_assert_eq!(ReportRequest::decode(&bytes).unwrap().global_word_count(), 222);
            let want: Vec<_> = sent.iter().cloned().map(Some).collect();
            prop_assert_eq!(decoded(&bytes), want);
        }
    }

    #[test]
    fn elements_that_stand_alone_mean_what_the_model_says(
        mut elements in proptest::collection::vec(model::message(), 0..5),
    ) {
        let default_words = vec!["request.path".to_owned(), "x".to_owned()];
        let message = messages::ReportRequest {
            attributes: elements.clone(),
            default_words: default_words.clone(),
            global_word_count: 111,
            semantics: 1,
        };
        for element in &mut elements {
            if element.words.is_empty() {
                element.words.clone_from(&default_words);
            }
        }
        let want: Vec<_> =
            elements.iter().map(|element| Some(model::bag(&model::attributes(element).0))).collect();
        prop_assert_eq!(decoded(&message.encode_to_vec()), want);
    }

    #[test]
    fn deltas_mean_what_the_model_says(
        elements in proptest::collection::vec(model::message(), 1..6),
    ) {
        let mut sum = Default::default();
        let mut want = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let (mut attributes, fault) = model::attributes(element);
            if index == 0 {
                sum = attributes;
            } else {
                sum.append(&mut attributes);
            }
            want.push((index == 0 || fault.is_ok()).then(|| model::bag(&sum)));
        }
        prop_assert_eq!(decoded(&report(&elements, 0)), want);
    }
}

fn strings<const N: usize>(words: &[&str], entries: [(i32, i32); N]) -> CompressedAttributes {
    CompressedAttributes {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        strings: entries.into(),
        ..Default::default()
    }
}

#[test]
fn a_delta_replaces_a_map_whole_and_deletes_nothing() {
    let map = |entries| CompressedAttributes {
        string_maps: [(15, StringMap { entries })].into(),
        ..Default::default()
    };
    let elements =
        [map([(31, 90), (92, 90)].into()), strings(&[], [(1, 90)]), map([(31, 92)].into())];
    let first =
        AttributeBag::new().with("request.headers", [(":authority", "GET"), ("http", "GET")]);
    let second = first.clone().with("source.port", "GET");
    let third = second.clone().with("request.headers", [(":authority", "http")]);
    assert_eq!(decoded(&report(&elements, 0)), [Some(first), Some(second), Some(third)]);
}

#[test]
fn a_bad_element_harms_no_other() {
    let good = strings(&["/"], [(0, -1)]);
    let mut bytes = report(std::slice::from_ref(&good), 1);
    bytes.extend([0x0a, 2, 0x12, 9]);
    bytes.extend(report(&[good], 1));
    let bag = AttributeBag::new().with("source.ip", "/");
    assert_eq!(decoded(&bytes), [Some(bag.clone()), None, Some(bag)]);

    let request = ReportRequest::decode(&bytes).unwrap();
    let mut bags = request.bags();
    assert!(bags.next_bag().unwrap().is_ok());
    let error = bags.next_bag().unwrap().err().unwrap();
    let what = "a length-delimited field";
    // The second element's content begins after the first element, its semantics and two bytes.
    let offset = bytes.iter().position(|byte| *byte == 9).unwrap() + 1;
    assert_eq!(error.source, DecodeError::Truncated { offset, what });
    assert_eq!(
        error.to_string(),
        format!(
            "report element 1: byte {offset}: {what} reaches beyond the end of its message; was it cut short?"
        )
    );
}

#[test]
fn a_bad_delta_is_an_error_and_its_good_part_counts_for_the_next() {
    let elements = [
        strings(&["a", "b"], [(0, -1), (1, -1)]),
        strings(&["b"], [(0, -1), (1, -9)]),
        strings(&["c"], [(2, -1)]),
    ];
    let first = AttributeBag::new().with("source.ip", "a").with("source.port", "a");
    let third = AttributeBag::new().with("source.ip", "b").with("source.name", "c");
    assert_eq!(decoded(&report(&elements, 0)), [Some(first), None, Some(third)]);
}

#[test]
fn a_delta_that_sets_a_name_twice_names_it() {
    let mut twice = strings(&["a"], [(0, -1)]);
    twice.int64s = [(0, 1)].into();
    let bytes = report(&[twice.clone(), twice], 0);
    let request = ReportRequest::decode(&bytes).unwrap();
    let mut bags = request.bags();
    assert!(bags.next_bag().unwrap().is_ok());
    let error = bags.next_bag().unwrap().err().unwrap();
    assert_eq!(error.source, DecodeError::Duplicate { name: "source.ip".into() });
}

#[test]
fn an_empty_report_is_none_and_an_element_may_be_empty() {
    let mut encoder = ReportEncoder::default();
    assert_eq!(encoder.finish(), None);
    assert!(encoder.push(&AttributeBag::new()));
    assert_eq!(decoded(&encoder.finish().unwrap()), [Some(AttributeBag::new())]);
}

#[test]
fn a_bag_that_panics_leaves_the_report_whole() {
    struct Panics;
    impl EachAttribute for Panics {
        fn each(&self, f: &mut dyn FnMut(&AttributeName, Value<'_>)) {
            f(&AttributeName::new("x"), Value::String("half"));
            panic!("a bag's own mistake");
        }
    }
    let bag = AttributeBag::new().with("x", "whole");
    let mut encoder = ReportEncoder::new();
    assert!(encoder.push(&bag));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| encoder.push(&Panics)));
    assert!(caught.is_err());
    assert_eq!(encoder.len(), 1);
    assert!(encoder.push(&bag));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| encoder.push(&Panics)));
    assert!(caught.is_err());
    assert_eq!(decoded(&encoder.finish().unwrap()), [Some(bag.clone()), Some(bag)]);
}
