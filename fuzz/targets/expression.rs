//! Expression text in all three languages. Whatever it is, it compiles or is refused at a place in the
//! text; what compiles evaluates without panic; and a bag that holds no more than what the first answer
//! is said to depend on gives the same answer again, which is what caches build on.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mesh_attributes::{
    AttributeBag, Bag, Condition, OwnedValue, References, Span, StringMap, Timestamp, Tracked,
    Value, ValueType,
};
use mixer_expr::{Evaluated, Expression, Language, compile_in};

static TYPES: LazyLock<BTreeMap<String, ValueType>> = LazyLock::new(|| {
    let mut types = BTreeMap::new();
    for value_type in ValueType::ALL {
        // `a.string`, `b.string`, and so on: the former are there, the latter are not.
        for side in ["a", "b"] {
            types.insert(format!("{side}.{}", value_type.name().to_lowercase()), value_type);
        }
    }
    types.insert("as".to_owned(), ValueType::String);
    types
});

static BAG: LazyLock<AttributeBag> = LazyLock::new(|| {
    AttributeBag::new()
        .with("as", "*")
        .with("a.string", "k")
        .with("a.int64", 7)
        .with("a.double", 2.5)
        .with("a.bool", true)
        .with("a.timestamp", Timestamp { seconds: 1_569_999_845, nanos: 250_000_000 })
        .with("a.ip_address", &[10, 0, 0, 1][..])
        .with("a.email_address", "a@istio.io")
        .with("a.uri", "http://istio.io/a")
        .with("a.dns_name", "istio.io")
        .with("a.duration", Span::from_nanos(5_000_000))
        .with("a.string_map", [("k", "v"), ("x", "")])
        // Of another type than declared.
        .with("b.int64", "no number")
});

fuzz_target!(|data: &[u8]| {
    let Some((language, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let language = Language::ALL[usize::from(*language) % Language::ALL.len()];
    let expression = match compile_in(text, language, &*TYPES) {
        Ok(expression) => expression,
        Err(cause) => {
            assert!(text.is_char_boundary(cause.offset), "{cause:?}");
            assert!(!cause.to_string().is_empty());
            return;
        }
    };
    let tracked = Tracked::new(&*BAG);
    let answer = outcome(&expression, &tracked);
    assert_eq!(answer, outcome(&expression, &*BAG), "a tracked bag answers as the bag does");
    let least = only(&BAG, &tracked.references());
    assert_eq!(answer, outcome(&expression, &least), "{:?} depend on more", tracked.references());
});

fn outcome<B: Bag>(expression: &Expression, bag: &B) -> String {
    let value = expression.eval(bag);
    if let Ok(value) = &value {
        let is_truth = matches!(value, Evaluated::Bool(_));
        assert_eq!(is_truth, expression.value_type() == ValueType::Bool);
    }
    match value {
        Ok(Evaluated::StringMap(map)) => {
            let mut entries = BTreeMap::new();
            map.each(&mut |key, value| {
                entries.insert(key.to_owned(), value.to_owned());
            });
            format!("{entries:?}")
        }
        other => format!("{other:?}"),
    }
}

/// What `references` lists of the bag and nothing else.
fn only(bag: &AttributeBag, references: &References) -> AttributeBag {
    let mut least: BTreeMap<String, OwnedValue> = BTreeMap::new();
    for (name, key, condition) in references.iter() {
        let held = bag.get(name);
        match (key, held) {
            (None, Some(value)) => {
                assert_eq!(condition, Condition::Exact);
                least.insert(name.to_string(), value.into());
            }
            (None, None) => assert_eq!(condition, Condition::Absence),
            (Some(key), Some(Value::StringMap(map))) => {
                let entry = least
                    .entry(name.to_string())
                    .or_insert_with(|| OwnedValue::StringMap(BTreeMap::new()));
                let OwnedValue::StringMap(entries) = entry else { panic!("{name} is a map") };
                entries.extend(map.get(key).map(|value| (key.to_owned(), value.to_owned())));
            }
            (Some(key), _) => panic!("{name}[{key}] is said to be read of what is no map"),
        }
    }
    let mut bag = AttributeBag::new();
    for (name, value) in least {
        bag.set(&name, value);
    }
    bag
}
