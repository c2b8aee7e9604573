//! Keys are equal exactly when a shape finds the same in both bags.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use mesh_attributes::wire::{CheckRequest, encode_check_request};
use mesh_attributes::{
    AttributeBag, AttributeName, Bag, Condition, KeyState, OwnedValue, References, Span, Timestamp,
};
use mesh_cache_key::{Shape, ShapeId, ShapeTable, key_for};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: [&str; 3] = ["request.headers", "request.path", "x"];
const KEYS: [&str; 3] = ["", "a", "ab"];

/// What a probe found, comparable.
#[derive(Debug, PartialEq)]
enum Finding {
    Whole(Option<OwnedValue>),
    Key(Result<String, &'static str>),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a\0\u{1}]{0,3}", 1 => "a{250,260}"]
}

fn value() -> impl Strategy<Value = OwnedValue> {
    let number = || select(vec![0, 1, -1, 97, i64::MAX]);
    let time = (number(), 0..2i32);
    prop_oneof![
        text().prop_map(OwnedValue::String),
        text().prop_map(|text| OwnedValue::Bytes(text.into_bytes())),
        number().prop_map(OwnedValue::Int64),
        number().prop_map(|bits| OwnedValue::Double(f64::from_bits(bits as u64 >> 2))),
        any::<bool>().prop_map(OwnedValue::Bool),
        time.clone().prop_map(|(seconds, nanos)| Timestamp { seconds, nanos }.into()),
        time.prop_map(|(seconds, nanos)| Span { seconds, nanos }.into()),
        btree_map(select(&KEYS[..]).prop_map(str::to_owned), text(), 0..3)
            .prop_map(OwnedValue::StringMap),
    ]
}

fn bag() -> impl Strategy<Value = AttributeBag> {
    btree_map(select(&NAMES[..]), value(), 0..4).prop_map(|attributes| {
        let mut bag = AttributeBag::new();
        for (name, value) in attributes {
            bag.set(name, value);
        }
        bag
    })
}

/// Two bags that share about half of what they hold.
fn two_bags() -> impl Strategy<Value = (AttributeBag, AttributeBag)> {
    (bag(), bag(), vec(any::<bool>(), NAMES.len())).prop_map(|(a, b, shared)| {
        let mut second = AttributeBag::new();
        for (name, shared) in NAMES.iter().zip(shared) {
            let from = if shared { &a } else { &b };
            if let Some(value) = from.get(&AttributeName::new(name)) {
                second.set(name, value);
            }
        }
        (a, second)
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    let probe = (select(&NAMES[..]), proptest::option::of(select(&KEYS[..])));
    vec(probe, 0..5).prop_map(|probes| {
        let mut references = References::new();
        for (name, key) in probes {
            references.record(&AttributeName::new(name), key, Condition::Exact);
        }
        Shape::of(&references).unwrap()
    })
}

fn findings(shape: &Shape, bag: &impl Bag) -> Vec<Finding> {
    let find = |name: &AttributeName, key: Option<&str>| match key {
        None => Finding::Whole(bag.get(name).map(OwnedValue::from)),
        Some(key) => Finding::Key(match bag.get_key(name, key) {
            KeyState::Value(text) => Ok(text.to_owned()),
            KeyState::KeyAbsent => Err("key absent"),
            KeyState::MapAbsent => Err("map absent"),
            KeyState::NotAMap => Err("no map"),
        }),
    };
    shape.probes().iter().map(|probe| find(probe.name(), probe.key())).collect()
}

fn id() -> ShapeId {
    ShapeTable::new().learn(Shape::of(&References::new()).unwrap(), 0).id().unwrap()
}

fn key(id: ShapeId, shape: &Shape, bag: &impl Bag) -> Vec<u8> {
    let mut key = vec![1, 2, 3];
    key_for(id, shape, bag, &mut key);
    key
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn keys_are_equal_exactly_when_findings_are((a, b) in two_bags(), shape in shape()) {
        let id = id();
        let same = findings(&shape, &a) == findings(&shape, &b);
        prop_assert_eq!(key(id, &shape, &a) == key(id, &shape, &b), same);
    }

    #[test]
    fn a_bag_on_the_wire_has_the_key_of_the_owned_one(bag in bag(), shape in shape()) {
        let mut bytes = Vec::new();
        encode_check_request(&bag, "", &[], &mut bytes);
        // Times of this test that protobuf does not allow are not on the wire.
        let Ok(request) = CheckRequest::decode(&bytes) else { return Ok(()) };
        let id = id();
        prop_assert_eq!(key(id, &shape, &request.attributes), key(id, &shape, &bag));
    }

    #[test]
    fn the_order_of_a_map_does_not_count(entries in btree_map(text(), text(), 0..100)) {
        struct Backwards(BTreeMap<String, String>);
        impl mesh_attributes::StringMap for Backwards {
            fn get(&self, key: &str) -> Option<&str> {
                self.0.get(key).map(String::as_str)
            }
            fn each(&self, f: &mut dyn FnMut(&str, &str)) {
                self.0.iter().rev().for_each(|(key, value)| f(key, value));
            }
        }
        struct One(Backwards);
        impl Bag for One {
            fn get(&self, _: &AttributeName) -> Option<mesh_attributes::Value<'_>> {
                Some(mesh_attributes::Value::StringMap(&self.0))
            }
        }
        let name = AttributeName::new("x");
        let mut references = References::new();
        references.record(&name, None, Condition::Exact);
        let shape = Shape::of(&references).unwrap();
        let id = id();
        let mut forwards = AttributeBag::new();
        forwards.set("x", OwnedValue::StringMap(entries.clone()));
        prop_assert_eq!(key(id, &shape, &One(Backwards(entries))), key(id, &shape, &forwards));
    }

    #[test]
    fn an_answer_agrees_with_the_bag_it_was_read_from(bag in bag(), shape in shape()) {
        let tracked = mesh_attributes::Tracked::new(&bag);
        for probe in shape.probes() {
            match probe.key() {
                None => drop(tracked.get(probe.name())),
                Some(key) => drop(tracked.get_key(probe.name(), key)),
            }
        }
        let references = tracked.references();
        let shape = Shape::of(&references).unwrap();
        prop_assert!(shape.agrees(&references, &bag));
        for (name, _, condition) in references.iter() {
            let mut other = bag.clone();
            match condition {
                Condition::Absence => continue,
                _ => drop(other.remove(name.as_str())),
            }
            prop_assert!(!shape.agrees(&references, &other), "{name} is gone");
        }
    }
}

#[test]
fn equal_findings_under_two_shapes_make_two_keys() {
    let mut table = ShapeTable::new();
    let bag = AttributeBag::new().with("request.path", "/").with("x", "/");
    let mut keys = Vec::new();
    for name in ["request.path", "x"] {
        let mut references = References::new();
        references.record(&AttributeName::new(name), None, Condition::Exact);
        let shape = Shape::of(&references).unwrap();
        let id = table.learn(shape.clone(), 0).id().unwrap();
        keys.push(key(id, &shape, &bag));
    }
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[0][8..], keys[1][8..]);
}
