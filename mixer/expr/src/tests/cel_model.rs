//! CEL held against another implementation, the crate `cel`, on random expressions without attributes.

use std::collections::BTreeMap;

use cel::{Context, Program};
use mesh_attributes::{
    AttributeBag, AttributeName, Bag, Condition, OwnedValue, References, Tracked, Value as Held,
};
use proptest::prelude::*;

use super::{show, types};
use crate::Language::{Cel, Compat};
use crate::compile_in;

/// Random choices, all 0 when they run out.
struct Dice {
    rolls: std::vec::IntoIter<u8>,
    /// Whether expressions may read attributes.
    attributes: bool,
}

impl Dice {
    fn roll(&mut self, sides: u8) -> u8 {
        self.rolls.next().unwrap_or(0) % sides
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.roll(all.len() as u8))]
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Of {
    Bool,
    Int,
    Double,
    Text,
    Ints,
    Texts,
    Map,
}

/// An expression that is meant to be of this type.
fn expression(dice: &mut Dice, of: Of, depth: u8) -> String {
    if depth == 0 || dice.roll(5) == 0 {
        return constant(dice, of);
    }
    let depth = depth - 1;
    let two =
        |dice: &mut Dice, one, two| (expression(dice, one, depth), expression(dice, two, depth));
    if dice.roll(8) == 0 {
        let condition = expression(dice, Of::Bool, depth);
        let (then, otherwise) = two(dice, of, of);
        return format!("(({condition}) ? ({then}) : ({otherwise}))");
    }
    match of {
        Of::Ints => {
            let (list, element) = two(dice, Of::Ints, Of::Int);
            format!("({list} + [{element}])")
        }
        Of::Texts => {
            let (first, second) = two(dice, Of::Text, Of::Text);
            format!("[{first}, {second}]")
        }
        Of::Map => {
            let (key, value) = two(dice, Of::Text, Of::Text);
            format!("{{{key}: {value}}}")
        }
        // The other one refuses to compare what is not a number, so there must not be any.
        Of::Double => infix(dice, Of::Double, &["+", "-", "*"], depth),
        Of::Int => match dice.roll(5) {
            0 => format!("size({})", expression(dice, Of::Text, depth)),
            1 => format!("size({})", expression(dice, Of::Ints, depth)),
            2 => {
                let (list, place) = two(dice, Of::Ints, Of::Int);
                format!("{list}[{place}]")
            }
            3 => format!("-({})", expression(dice, Of::Int, depth)),
            _ => infix(dice, Of::Int, &["+", "-", "*", "/", "%"], depth),
        },
        Of::Text => match dice.roll(3) {
            0 => {
                let (map, key) = two(dice, Of::Map, Of::Text);
                format!("{map}[{key}]")
            }
            1 => format!("string({})", expression(dice, Of::Int, depth)),
            _ => infix(dice, Of::Text, &["+"], depth),
        },
        Of::Bool => match dice.roll(6) {
            0 => format!("!({})", expression(dice, Of::Bool, depth)),
            1 => {
                let method = dice.pick(&["startsWith", "endsWith", "contains", "matches"]);
                let (text, part) = two(dice, Of::Text, Of::Text);
                format!("{text}.{method}({part})")
            }
            2 => {
                let (element, container) =
                    dice.pick(&[(Of::Int, Of::Ints), (Of::Text, Of::Texts), (Of::Text, Of::Map)]);
                let (element, container) = two(dice, element, container);
                format!("{element} in {container}")
            }
            3 => {
                let of = dice.pick(&[Of::Int, Of::Text, Of::Double]);
                infix(dice, of, &["==", "!=", "<", "<=", ">", ">="], depth)
            }
            _ => infix(dice, Of::Bool, &["&&", "||"], depth),
        },
    }
}

/// With or without parentheses: both parsers have to find out what binds closer. Where that leaves an
/// ill-typed expression there is nothing to compare.
fn infix(dice: &mut Dice, of: Of, operators: &[&str], depth: u8) -> String {
    let (left, right) = (expression(dice, of, depth), expression(dice, of, depth));
    let operator = dice.pick(operators);
    if dice.roll(2) == 0 {
        format!("({left} {operator} {right})")
    } else {
        format!("{left} {operator} {right}")
    }
}

fn constant(dice: &mut Dice, of: Of) -> String {
    if dice.attributes && dice.roll(4) != 0 {
        return attribute(dice, of);
    }
    match of {
        Of::Bool => dice.pick(&["true", "false", "1/0 == 0"]),
        Of::Int => {
            dice.pick(&["0", "1", "2", "-3", "7", "9223372036854775807", "-9223372036854775808"])
        }
        Of::Double => dice.pick(&["0.0", "1.5", "-2.25", "1e3"]),
        Of::Text => {
            dice.pick(&["''", "'a'", "\"ab\"", "'é€'", r"'\n\x41\u00e9'", "r'a.b'", "'''a'''"])
        }
        Of::Ints => dice.pick(&["[]", "[1]", "[0, -3, 7]"]),
        Of::Texts => dice.pick(&["['a']", "['', 'ab']"]),
        Of::Map => dice.pick(&["{'a': 'b'}", "{'ab': 'a', 'é€': ''}"]),
    }
    .to_owned()
}

fn attribute(dice: &mut Dice, of: Of) -> String {
    match of {
        Of::Bool => {
            dice.pick(&["ab", "bb", "has(request.path)", "has(ar.k)", "'k' in request.headers"])
        }
        Of::Int => dice.pick(&["ai", "bi", "pick(request.size, 5)", "request.time.getSeconds()"]),
        Of::Double => dice.pick(&["ad", "bd"]),
        Of::Text => dice.pick(&[
            "xs",
            "bs",
            "request.path",
            "ar.k",
            "br['k']",
            "pick(request.headers[xs], source.name, 'd')",
        ]),
        Of::Ints => dice.pick(&["[ai, 1]", "[request.size]"]),
        Of::Texts => dice.pick(&["[xs, 'ab']", "[request.path, bs]"]),
        Of::Map => dice.pick(&["ar", "br", "request.headers", "pick(source.labels, ar)"]),
    }
    .to_owned()
}

/// A bag in which each attribute is missing, right or, rarely, of another type.
fn bag(dice: &mut Dice) -> AttributeBag {
    let mut bag = AttributeBag::new();
    for name in ["xs", "bs", "request.path", "source.name"] {
        if dice.roll(2) == 0 {
            bag.set(name, dice.pick(&["", "a", "k", "ab"]));
        }
    }
    for name in ["ai", "bi", "request.size"] {
        if dice.roll(2) == 0 {
            bag.set(name, dice.pick(&[0_i64, 1, i64::MAX]));
        }
    }
    for name in ["ab", "bb"] {
        if dice.roll(2) == 0 {
            bag.set(name, dice.roll(2) == 0);
        }
    }
    for name in ["ar", "br", "request.headers", "source.labels"] {
        if dice.roll(2) == 0 {
            bag.set(name, [("k", "v"), ("a", "ab"), ("", "none")]);
        }
    }
    if dice.roll(2) == 0 {
        bag.set("ad", 2.25);
    }
    if dice.roll(6) == 0 {
        bag.set(
            dice.pick(&["xs", "ai", "ar", "ab", "request.headers"]),
            OwnedValue::Bytes(vec![1]),
        );
    }
    bag
}

/// What `references` lists of the bag and nothing else.
fn only(bag: &AttributeBag, references: &References) -> AttributeBag {
    let mut least = AttributeBag::new();
    let mut maps: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (name, key, condition) in references.iter() {
        let held = bag.get(name);
        match (key, held) {
            (Some(key), Some(Held::StringMap(map))) => {
                let entry = map.get(key).map(|value| (key.to_owned(), value.to_owned()));
                assert_eq!(entry.is_some(), condition == Condition::Exact, "{name}[{key}]");
                maps.entry(name.to_string()).or_default().extend(entry);
            }
            (Some(key), _) => panic!("{name}[{key}] is said to be read of what is no map"),
            (None, held) => {
                assert_eq!(held.is_some(), condition == Condition::Exact, "{name}");
                held.into_iter().for_each(|held| least.set(name.as_str(), held));
            }
        }
    }
    for (name, entries) in maps {
        if least.get(&AttributeName::new(&name)).is_none() {
            least.set(&name, OwnedValue::StringMap(entries));
        }
    }
    least
}

/// The value in the form of [`show`], or "eval" for any error.
fn second_opinion(text: &str) -> String {
    let value = match Program::compile(text) {
        Ok(program) => program.execute(&Context::default()),
        Err(cause) => return format!("compile: {cause}"),
    };
    match value {
        Ok(cel::Value::Bool(truth)) => truth.to_string(),
        Ok(cel::Value::Int(number)) => number.to_string(),
        Ok(cel::Value::Float(number)) => format!("{number:?}"),
        Ok(cel::Value::String(text)) => format!("{text:?}"),
        Ok(other) => format!("{other:?}"),
        Err(_) => "eval".to_owned(),
    }
}

const TOKENS: [&str; 50] = [
    "xs",
    "ai",
    "ab",
    "ar",
    "request",
    "request.headers",
    "true",
    "1",
    "1u",
    "1.5",
    "'s'",
    "b's'",
    "r'",
    "'''",
    "0x",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    ":",
    "?",
    "==",
    "<",
    "in",
    " ",
    "&&",
    "||",
    "+",
    "-",
    "*",
    "/",
    "%",
    "!",
    "has(",
    "pick(",
    "size(",
    ".matches(",
    "duration(",
    "é",
    "//",
    "\\",
    "\n",
    ".getHours(",
    "int(",
    "string(",
    "aip",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn two_implementations_agree_on_expressions_without_attributes(
        bytes in proptest::collection::vec(any::<u8>(), 0..120)
    ) {
        let mut dice = Dice { rolls: bytes.into_iter(), attributes: false };
        let of = dice.pick(&[Of::Bool, Of::Int, Of::Double, Of::Text]);
        let text = expression(&mut dice, of, 4);
        if let Ok(compiled) = compile_in(&text, Cel, &types()) {
            let bag = AttributeBag::new();
            let ours = show(compiled.eval(&bag));
            let ours = if ours.starts_with("eval") { "eval" } else { &ours };
            prop_assert_eq!(ours, second_opinion(&text), "{}", &text);
        }
    }

    /// What caches build on: who agrees on the references has the same answer.
    #[test]
    fn an_answer_depends_on_nothing_but_its_references(
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
        more in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut dice = Dice { rolls: bytes.into_iter(), attributes: true };
        let of = dice.pick(&[Of::Bool, Of::Int, Of::Double, Of::Text, Of::Map]);
        let text = expression(&mut dice, of, 4);
        let bag = bag(&mut Dice { rolls: more.into_iter(), attributes: true });
        if let Ok(compiled) = compile_in(&text, Cel, &types()) {
            let tracked = Tracked::new(&bag);
            let answer = show(compiled.eval(&tracked));
            prop_assert_eq!(&answer, &show(compiled.eval(&bag)), "{} on {:?}", &text, &bag);
            let least = only(&bag, &tracked.references());
            prop_assert_eq!(&answer, &show(compiled.eval(&least)), "{} on {:?}, of {:?}", &text, &least, &bag);
        }
    }

    #[test]
    fn random_tokens_compile_or_are_refused_within_the_text(
        tokens in proptest::collection::vec(prop::sample::select(&TOKENS[..]), 0..30)
    ) {
        let text = tokens.concat();
        match compile_in(&text, Cel, &types()) {
            Ok(expression) => drop(show(expression.eval(&AttributeBag::new()))),
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.offset), "{} at {}", text, error.offset);
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn random_text_compiles_or_is_refused(text in any::<String>()) {
        let _ = compile_in(&text, Cel, &types());
        let _ = compile_in(&text, Compat, &types());
    }
}
