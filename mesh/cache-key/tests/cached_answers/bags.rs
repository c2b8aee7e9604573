//! Bags over few names, keys and values, so that requests are alike in most and differ in little.

use std::collections::BTreeMap;

use mesh_attributes::{AttributeBag, OwnedValue};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const TEXTS: [&str; 3] = ["a.text", "request.path", "x.text"];
pub(crate) const NUMBER: &str = "request.size";
pub(crate) const MAPS: [&str; 2] = ["request.headers", "x.map"];
pub(crate) const NAMES: [&str; 6] =
    ["a.text", "request.path", "x.text", "request.size", "request.headers", "x.map"];
pub(crate) const KEYS: [&str; 3] = ["a", "b", "source.ip"];
pub(crate) const WORDS: [&str; 3] = ["", "a", "b"];

fn word() -> impl Strategy<Value = String> {
    select(&WORDS[..]).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = OwnedValue> {
    word().prop_map(OwnedValue::String)
}

fn number() -> impl Strategy<Value = OwnedValue> {
    (0..2i64).prop_map(OwnedValue::Int64)
}

fn map() -> impl Strategy<Value = OwnedValue> {
    let key = select(&KEYS[..]).prop_map(str::to_owned);
    btree_map(key, word(), 0..3).prop_map(OwnedValue::StringMap)
}

/// A value of any type; texts and bytes, numbers and truth values look alike but for their type.
fn any_value() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        text(),
        number(),
        map(),
        any::<bool>().prop_map(OwnedValue::Bool),
        word().prop_map(|word| OwnedValue::Bytes(word.into_bytes())),
    ]
}

/// What a bag holds under a name: mostly the declared type, sometimes another, sometimes nothing.
fn value(name: &'static str) -> impl Strategy<Value = Option<OwnedValue>> {
    let declared = if TEXTS.contains(&name) {
        text().boxed()
    } else if MAPS.contains(&name) {
        map().boxed()
    } else {
        number().boxed()
    };
    prop_oneof![
        5 => declared.prop_map(Some),
        2 => Just(None),
        1 => any_value().prop_map(Some),
    ]
}

fn change() -> impl Strategy<Value = (&'static str, Option<OwnedValue>)> {
    select(&NAMES[..]).prop_flat_map(|name| value(name).prop_map(move |value| (name, value)))
}

/// A bag and others that differ from it in one attribute each.
pub(crate) fn similar() -> impl Strategy<Value = Vec<AttributeBag>> {
    let first = NAMES.map(|name| value(name).prop_map(move |value| (name, value)));
    (first, vec(change(), 0..4)).prop_map(|(first, changes)| {
        let bag = |attributes: BTreeMap<&str, Option<OwnedValue>>| {
            let mut bag = AttributeBag::new();
            for (name, value) in attributes {
                if let Some(value) = value {
                    bag.set(name, value);
                }
            }
            bag
        };
        let first = BTreeMap::from(first);
        let changed = changes.into_iter().map(|(name, value)| {
            let mut attributes = first.clone();
            attributes.insert(name, value);
            bag(attributes)
        });
        let mut bags: Vec<_> = changed.collect();
        bags.push(bag(first));
        bags
    })
}
