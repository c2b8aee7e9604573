//! Bytes that nobody meant: whatever arrives, reading it ends with a bag or an error.
//!
//! The bodies of `exercise_*` are what a fuzz target would call.

use mesh_attributes::wire::{CheckRequest, ReportEncoder, ReportRequest};
use mesh_attributes::{Bag, EachAttribute, OwnedValue};
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;

use crate::bags::{self, owned};
use crate::check::encoded;
use crate::{messages, model};

/// One thing that goes wrong with a message.
#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Flip(Index, u32),
    Cut(Index),
    Drop(Index, Index),
    Repeat(Index, Index),
    Insert(Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(i, byte)| Damage::Set(i, byte)),
        (at(), 0..8u32).prop_map(|(i, bit)| Damage::Flip(i, bit)),
        at().prop_map(Damage::Cut),
        (at(), at()).prop_map(|(a, b)| Damage::Drop(a, b)),
        (at(), at()).prop_map(|(a, b)| Damage::Repeat(a, b)),
        (at(), proptest::collection::vec(any::<u8>(), 1..5))
            .prop_map(|(i, b)| Damage::Insert(i, b)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let at = |index: &Index| index.index(bytes.len());
        let range = |a: &Index, b: &Index| at(a).min(at(b))..at(a).max(at(b));
        match damage {
            Damage::Set(i, byte) => {
                let i = at(i);
                bytes[i] = *byte;
            }
            Damage::Flip(i, bit) => {
                let i = at(i);
                bytes[i] ^= 1 << bit;
            }
            Damage::Cut(i) => bytes.truncate(at(i)),
            Damage::Drop(a, b) => drop(bytes.drain(range(a, b))),
            Damage::Repeat(a, b) => bytes.extend_from_within(range(a, b)),
            Damage::Insert(i, more) => drop(bytes.splice(at(i)..at(i), more.iter().copied())),
        }
    }
    bytes
}

fn exercise_bag(bag: &(impl Bag + EachAttribute)) {
    let copy = owned(bag);
    for (name, value) in copy.iter() {
        let found = bag.get(name).map(OwnedValue::from);
        // NaN is not equal to itself.
        assert!(
            found.as_ref() == Some(value) || matches!(value, OwnedValue::Double(v) if v.is_nan())
        );
    }
}

/// Reads `bytes` as a Check request and looks at all it holds.
fn exercise_check(bytes: &[u8]) {
    match CheckRequest::decode(bytes) {
        Ok(request) => exercise_bag(&request.attributes),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Reads `bytes` as a Report request and looks at all it holds.
fn exercise_report(bytes: &[u8]) {
    let Ok(request) = ReportRequest::decode(bytes) else {
        return;
    };
    let mut bags = request.bags();
    let mut seen = 0;
    while let Some(bag) = bags.next_bag() {
        seen += 1;
        if let Ok(bag) = bag {
            exercise_bag(bag);
        }
    }
    assert_eq!(seen, request.len());
}

/// Whatever prost refuses to read as protobuf we refuse as well; we refuse more (times out of range).
fn assert_no_laxer_than_prost(bytes: &[u8]) {
    if CheckRequest::decode(bytes).is_ok() {
        let read = messages::CheckRequest::decode(bytes);
        assert!(read.is_ok(), "{read:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        exercise_check(&bytes);
        exercise_report(&bytes);
        assert_no_laxer_than_prost(&bytes);
    }

    #[test]
    fn damaged_checks_never_panic(
        bag in bags::bag(),
        damages in proptest::collection::vec(damage(), 1..4),
    ) {
        let bytes = damaged(encoded(&bag), &damages);
        exercise_check(&bytes);
        assert_no_laxer_than_prost(&bytes);
    }

    #[test]
    fn damaged_reports_never_panic(
        sent in proptest::collection::vec(bags::bag(), 1..4),
        damages in proptest::collection::vec(damage(), 1..4),
    ) {
        let mut encoder = ReportEncoder::new();
        for bag in &sent {
            prop_assert!(encoder.push(bag));
        }
        exercise_report(&damaged(encoder.finish().unwrap(), &damages));
    }

    #[test]
    fn damaged_deltas_never_panic(
        attributes in proptest::collection::vec(model::message(), 1..6),
        damages in proptest::collection::vec(damage(), 1..4),
    ) {
        let report = messages::ReportRequest { attributes, ..Default::default() };
        exercise_report(&damaged(report.encode_to_vec(), &damages));
    }

    #[test]
    fn every_way_to_cut_a_message_is_an_error_or_a_smaller_bag(bag in bags::bag()) {
        let bytes = encoded(&bag);
        for end in 0..bytes.len() {
            if let Ok(request) = CheckRequest::decode(&bytes[..end]) {
                prop_assert!(owned(&request.attributes).len() <= bag.len());
            }
        }
    }
}
