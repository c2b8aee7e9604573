//! What a message means, written as plainly as possible over prost's types: facts of the old
//! protocol, with dictionary words found both ways.

use std::collections::BTreeMap;

use mesh_attributes::{AttributeBag, GlobalWord, OwnedValue, Span, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::bags;
use crate::messages::{CompressedAttributes, StringMap, Time};

/// Attributes by name and typed map; `None` for a value with an unknown word.
type Attributes = BTreeMap<String, (usize, Option<OwnedValue>)>;

/// The attributes of one message. Where typed maps disagree on a name the earlier one in
/// `typed_maps` wins; `Err` tells that they did, or that a word is unknown.
pub(crate) fn attributes(message: &CompressedAttributes) -> (Attributes, Result<(), ()>) {
    let mut found = Attributes::new();
    let mut fault = Ok(());
    for (kind, typed_map) in typed_maps(message).into_iter().enumerate() {
        for (name, value) in typed_map {
            if value.is_none() {
                fault = Err(());
            }
            let Some(name) = word(&message.words, name) else {
                fault = Err(());
                continue;
            };
            match found.get(&name) {
                Some((winner, _)) if *winner < kind => fault = Err(()),
                _ => drop(found.insert(name, (kind, value))),
            }
        }
    }
    (found, fault)
}

pub(crate) fn bag(attributes: &Attributes) -> AttributeBag {
    let mut bag = AttributeBag::new();
    for (name, (_, value)) in attributes {
        if let Some(value) = value {
            bag.set(name, value.clone());
        }
    }
    bag
}

fn typed_maps(message: &CompressedAttributes) -> [Vec<(i32, Option<OwnedValue>)>; 8] {
    let words = &message.words;
    let string = |index: &i32| word(words, *index).map(OwnedValue::String);
    let string_map = |map: &StringMap| {
        let entries = map.entries.iter().map(|(k, v)| Some((word(words, *k)?, word(words, *v)?)));
        entries.collect::<Option<BTreeMap<_, _>>>().map(OwnedValue::StringMap)
    };
    [
        each(&message.strings, string),
        each(&message.string_maps, string_map),
        each(&message.int64s, |v| Some(OwnedValue::Int64(*v))),
        each(&message.doubles, |v| Some(OwnedValue::Double(*v))),
        each(&message.bools, |v| Some(OwnedValue::Bool(*v))),
        each(&message.timestamps, |v| {
            Some(Timestamp { seconds: v.seconds, nanos: v.nanos }.into())
        }),
        each(&message.durations, |v| Some(Span { seconds: v.seconds, nanos: v.nanos }.into())),
        each(&message.bytes, |v| Some(OwnedValue::Bytes(v.clone()))),
    ]
}

fn each<V>(
    typed_map: &BTreeMap<i32, V>,
    value: impl Fn(&V) -> Option<OwnedValue>,
) -> Vec<(i32, Option<OwnedValue>)> {
    typed_map.iter().map(|(name, v)| (*name, value(v))).collect()
}

fn word(words: &[String], index: i32) -> Option<String> {
    match usize::try_from(index) {
        Ok(index) => GlobalWord::from_index(index).map(|word| word.as_str().to_owned()),
        Err(_) => words.get((-1 - i64::from(index)) as usize).cloned(),
    }
}

/// Messages in which names collide, words are unknown, and words are listed although the dictionary
/// has them.
pub(crate) fn message() -> impl Strategy<Value = CompressedAttributes> {
    let words = proptest::sample::subsequence(&bags::NAMES[..], 0..=7).prop_shuffle();
    let timestamp = bags::timestamp().prop_map(|t| Time { seconds: t.seconds, nanos: t.nanos });
    let span = bags::span().prop_map(|t| Time { seconds: t.seconds, nanos: t.nanos });
    let string_map = btree_map(index(), index(), 0..4).prop_map(|entries| StringMap { entries });
    let typed_maps = (
        btree_map(index(), index(), 0..5),
        btree_map(index(), any::<i64>(), 0..2),
        btree_map(index(), -1e9..1e9, 0..2),
        btree_map(index(), any::<bool>(), 0..2),
        btree_map(index(), timestamp, 0..2),
        btree_map(index(), span, 0..2),
        btree_map(index(), vec(any::<u8>(), 0..5), 0..2),
        btree_map(index(), string_map, 0..3),
    );
    (words, typed_maps).prop_map(|(words, maps)| CompressedAttributes {
        words: words.into_iter().map(str::to_owned).collect(),
        strings: maps.0,
        int64s: maps.1,
        doubles: maps.2,
        bools: maps.3,
        timestamps: maps.4,
        durations: maps.5,
        bytes: maps.6,
        string_maps: maps.7,
    })
}

fn index() -> impl Strategy<Value = i32> {
    prop_oneof![6 => -7..0i32, 4 => 0..3i32, 2 => 220..223i32, 1 => any::<i32>()]
}
