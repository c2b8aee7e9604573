use mesh_attributes::wire::{DecodeError, MAX_REFERENCES, encode_references, resolve_references};
use mesh_attributes::{AttributeName, Condition, References};
use proptest::prelude::*;
use prost::Message;

use crate::bags;
use crate::messages::{AttributeMatch, ReferencedAttributes};

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![Just(Condition::Absence), Just(Condition::Exact), Just(Condition::Regex)]
}

fn encoded(references: &References, global_word_count: u32) -> ReferencedAttributes {
    let mut bytes = Vec::new();
    encode_references(references, global_word_count, &mut bytes);
    ReferencedAttributes::decode(&bytes[..]).unwrap()
}

fn resolved(message: &ReferencedAttributes) -> Result<References, DecodeError> {
    let matches = message.matches.iter().map(|m| (m.name, m.condition, m.map_key));
    resolve_references(&message.words, matches)
}

proptest! {
    #[test]
    fn references_survive_the_wire_whatever_words_the_client_knows(
        list in proptest::collection::vec(
            (bags::text(), proptest::option::of(bags::text()), condition()),
            0..12,
        ),
        known in prop_oneof![Just(0u32), Just(111), Just(222), any::<u32>()],
    ) {
        let mut references = References::new();
        for (name, key, condition) in &list {
            references.record(&AttributeName::new(name), key.as_deref(), *condition);
        }
        let message = encoded(&references, known);
        for found in &message.matches {
            prop_assert!(i64::from(found.name) < i64::from(known));
            prop_assert!(i64::from(found.map_key) < i64::from(known.max(1)));
        }
        prop_assert_eq!(resolved(&message).unwrap(), references);
    }

    #[test]
    fn any_indices_resolve_or_are_refused(
        words in proptest::collection::vec(bags::text(), 0..5),
        matches in proptest::collection::vec((-9..230i32, -1..5i32, -9..230i32), 0..9),
        wild: (i32, i32, i32),
    ) {
        let matches = matches.into_iter().chain([wild]);
        if let Ok(references) = resolve_references(&words, matches) {
            prop_assert!(references.len() <= 10);
        }
    }
}

#[test]
fn a_key_that_would_have_index_0_is_listed() {
    let mut references = References::new();
    references.record(&AttributeName::new("source.ip"), Some("source.ip"), Condition::Exact);
    let message = encoded(&references, 222);
    assert_eq!(message.words, ["source.ip"]);
    assert_eq!(
        message.matches[0],
        AttributeMatch { name: 0, condition: 2, map_key: -1, regex: String::new() }
    );
}

#[test]
fn unusable_references_are_errors_that_name_the_cause() {
    let none: [&str; 0] = [];
    for (matched, error) in [
        ((-1, 1, 0), DecodeError::UnknownWord { index: -1 }),
        ((0, 2, 222), DecodeError::UnknownWord { index: 222 }),
        ((0, 4, 0), DecodeError::UnknownCondition { name: "source.ip".into(), condition: 4 }),
    ] {
        assert_eq!(resolve_references(&none, [matched].into_iter()), Err(error));
    }
}

#[test]
fn a_match_without_condition_says_nothing() {
    assert!(resolve_references(&["x"], [(-1, 0, 0)].into_iter()).unwrap().is_empty());
}

#[test]
fn an_answer_has_a_limited_number_of_references() {
    let words: Vec<String> = (0..=MAX_REFERENCES).map(|i| i.to_string()).collect();
    let matches = || (0..words.len() as i32).map(|slot| (!slot, 2, 0));
    assert!(resolve_references(&words, matches().skip(1)).is_ok());
    let limit = MAX_REFERENCES;
    let error = DecodeError::TooManyReferences { limit };
    assert_eq!(resolve_references(&words, matches()), Err(error));
}
