//! Random bags over few words, so that words repeat, and the bytes of messages that hold them.

use std::collections::BTreeMap;

use mesh_attributes::{
    AttributeBag, AttributeName, Bag, EachAttribute, OwnedValue, Span, Timestamp,
};
use proptest::prelude::*;

/// Names and keys: the ends of the dictionary, words of it that are no attributes, and others.
pub(crate) const NAMES: [&str; 12] = [
    "source.ip",
    "request.headers",
    "request.path",
    "context.proxy_version",
    "'200'",
    "GET",
    "origin.ip",
    "x",
    "",
    "rbac.permissive.response_code",
    "envoy.filters.http.jwt_authn",
    "größe",
];

pub(crate) fn name() -> impl Strategy<Value = String> {
    proptest::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    // Beyond 127 bytes a length takes two.
    prop_oneof![16 => name(), 2 => ".{0,8}", 1 => (120..300usize).prop_map(|n| "long".repeat(n / 4))]
}

pub(crate) fn timestamp() -> impl Strategy<Value = Timestamp> {
    (-62_135_596_800i64..253_402_300_800, 0..1_000_000_000)
        .prop_map(|(seconds, nanos)| Timestamp { seconds, nanos })
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    (-315_576_000_000i64..=315_576_000_000, 0..1_000_000_000i32).prop_map(|(seconds, nanos)| Span {
        seconds,
        nanos: if seconds < 0 { -nanos } else { nanos },
    })
}

pub(crate) fn value() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        text().prop_map(OwnedValue::String),
        any::<i64>().prop_map(OwnedValue::Int64),
        any::<f64>().prop_filter("equal to itself", |v| !v.is_nan()).prop_map(OwnedValue::Double),
        any::<bool>().prop_map(OwnedValue::Bool),
        timestamp().prop_map(OwnedValue::Timestamp),
        span().prop_map(OwnedValue::Duration),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(OwnedValue::Bytes),
        proptest::collection::btree_map(text(), text(), 0..12).prop_map(OwnedValue::StringMap),
    ]
}

pub(crate) fn bag() -> impl Strategy<Value = AttributeBag> {
    proptest::collection::btree_map(text(), value(), 0..20).prop_map(|attributes| {
        let mut bag = AttributeBag::new();
        for (name, value) in attributes {
            bag.set(&name, value);
        }
        bag
    })
}

/// The attributes of any bag, as an owned one.
pub(crate) fn owned(bag: &dyn EachAttribute) -> AttributeBag {
    let mut copy = AttributeBag::new();
    bag.each(&mut |name, value| {
        let twice = copy.iter().any(|(known, _)| known == name);
        assert!(!twice, "{name} is listed twice");
        copy.set(name.as_str(), OwnedValue::from(value));
    });
    copy
}

/// Looks everything up that a test may ask for and compares the answers.
pub(crate) fn assert_alike(a: &impl Bag, b: &impl Bag, names: &[&str]) {
    for text in names {
        let name = AttributeName::new(text);
        assert_eq!(a.get(&name).map(OwnedValue::from), b.get(&name).map(OwnedValue::from));
        for key in NAMES {
            assert_eq!(a.get_key(&name, key), b.get_key(&name, key), "{text}[{key}]");
        }
        if let Some(OwnedValue::StringMap(entries)) = a.get(&name).map(OwnedValue::from) {
            for key in BTreeMap::keys(&entries) {
                assert_eq!(a.get_key(&name, key), b.get_key(&name, key), "{text}[{key}]");
            }
        }
    }
}
