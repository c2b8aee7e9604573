//! The language told a second time, as plainly as possible, and random expressions run by both.

use std::collections::{BTreeMap, BTreeSet};

use mesh_attributes::{AttributeBag, OwnedValue, Span, Tracked, ValueType};
use proptest::prelude::*;

use super::{list, show, types};
use crate::compile;
use crate::syntax::parse::parse;

/// An expression as one would draw it on paper.
#[derive(Debug, Clone)]
enum Model {
    Constant(String, Value),
    Attribute(&'static str, ValueType),
    Binary(&'static str, Box<Model>, Box<Model>),
    Index(Box<Model>, Box<Model>),
    Call(&'static str, Vec<Model>),
    Method(&'static str, Box<Model>, Box<Model>),
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    Duration(i64),
    /// The attribute's name, if it is one, and the entries.
    Map(Option<&'static str>, BTreeMap<String, String>),
}

/// Random decisions, from bytes so that a failing case shrinks.
struct Dice(std::vec::IntoIter<u8>);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        usize::from(self.0.next().unwrap_or_default()) % sides
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len())]
    }
}

fn constant(source: impl Into<String>, value: Value) -> Model {
    Model::Constant(source.into(), value)
}

/// A random expression of the type.
fn expression(dice: &mut Dice, of: ValueType, depth: usize) -> Model {
    let names = match of {
        ValueType::String => ["as", "bs", "request.path"],
        ValueType::Int64 => ["ai", "bi", "ai"],
        ValueType::Double => ["ad", "bd", "ad"],
        ValueType::Bool => ["ab", "bb", "ab"],
        ValueType::Duration => ["adur", "bdur", "adur"],
        _ => ["ar", "br", "request.headers"],
    };
    if depth == 0 || dice.roll(5) == 0 {
        if dice.roll(2) == 0 {
            return Model::Attribute(dice.pick(&names), of);
        }
        return match of {
            ValueType::String => {
                let text = dice.pick(&["", "a", "k", "ab", "*", "a*", "*b", "É"]);
                constant(format!("{text:?}"), Value::Text(text.into()))
            }
            ValueType::Int64 => {
                let number = dice.pick(&[0, 1, 2, i64::MAX]);
                constant(number.to_string(), Value::Int(number))
            }
            ValueType::Double => constant("1.5", Value::Double(1.5)),
            ValueType::Bool => {
                let truth = dice.roll(2) == 0;
                constant(truth.to_string(), Value::Bool(truth))
            }
            ValueType::Duration => constant("\"5ns\"", Value::Duration(5)),
            _ => Model::Call("emptyStringMap", Vec::new()),
        };
    }
    let first = Box::new(expression(dice, of, depth - 1));
    match dice.roll(if of == ValueType::Bool { 12 } else { 8 }) {
        0 | 1 => Model::Binary("|", first, Box::new(expression(dice, of, depth - 1))),
        2 => {
            let condition = expression(dice, ValueType::Bool, depth - 1);
            let other = expression(dice, of, depth - 1);
            Model::Call("conditional", vec![condition, *first, other])
        }
        kind => special(dice, of, depth, kind, first),
    }
}

fn special(dice: &mut Dice, of: ValueType, depth: usize, kind: usize, first: Box<Model>) -> Model {
    let text = |dice: &mut Dice| Box::new(expression(dice, ValueType::String, depth - 1));
    match of {
        ValueType::String => match kind {
            3 => Model::Binary("+", first, text(dice)),
            4 => Model::Call("toLower", vec![*first]),
            5 => {
                let condition = expression(dice, ValueType::Bool, depth - 1);
                Model::Call("conditionalString", vec![condition, *first, *text(dice)])
            }
            _ => Model::Index(Box::new(expression(dice, ValueType::StringMap, depth - 1)), first),
        },
        ValueType::Int64 if kind == 3 => Model::Call("size", vec![*text(dice)]),
        ValueType::Int64 | ValueType::Double => {
            Model::Binary("+", first, Box::new(expression(dice, of, depth - 1)))
        }
        ValueType::Bool => match kind {
            3 | 4 => Model::Binary("&&", first, Box::new(expression(dice, of, depth - 1))),
            5 | 6 => Model::Binary("||", first, Box::new(expression(dice, of, depth - 1))),
            7 => Model::Call("match", vec![*text(dice), *text(dice)]),
            8 => Model::Method(dice.pick(&["startsWith", "endsWith"]), text(dice), text(dice)),
            9 => {
                let other = Box::new(expression(dice, of, depth - 1));
                Model::Binary(dice.pick(&["==", "!="]), first, other)
            }
            _ => {
                let of = dice.pick(&[ValueType::String, ValueType::Int64, ValueType::Double]);
                let left = Box::new(expression(dice, of, depth - 1));
                let right = Box::new(expression(dice, of, depth - 1));
                Model::Binary(dice.pick(&["==", "!=", "<", "<=", ">", ">="]), left, right)
            }
        },
        _ => *first,
    }
}

impl Model {
    fn precedence(&self) -> usize {
        match self {
            Self::Binary("||", ..) => 1,
            Self::Binary("&&", ..) => 2,
            Self::Binary("|" | "+", ..) => 4,
            Self::Binary(..) => 3,
            _ => 5,
        }
    }

    /// As a user would write it; parentheses where they are needed, and sometimes where not.
    fn write(&self, dice: &mut Dice, at_least: usize, out: &mut String) {
        let wrapped = self.precedence() < at_least || dice.roll(8) == 0;
        out.push_str(if wrapped { "(" } else { "" });
        match self {
            Self::Constant(source, _) => out.push_str(source),
            Self::Attribute(name, _) => out.push_str(name),
            Self::Binary(operator, left, right) => {
                left.write(dice, self.precedence(), out);
                out.push_str(dice.pick(&["", " "]));
                out.push_str(operator);
                out.push_str(dice.pick(&["", " ", "\n"]));
                right.write(dice, self.precedence() + 1, out);
            }
            Self::Index(map, key) => {
                map.write(dice, 5, out);
                out.push('[');
                key.write(dice, 0, out);
                out.push(']');
            }
            Self::Call(name, arguments) => {
                out.push_str(name);
                out.push('(');
                for (i, argument) in arguments.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    argument.write(dice, 0, out);
                }
                out.push(')');
            }
            Self::Method(name, target, argument) => {
                let bare = !matches!(**target, Self::Index(..));
                target.write(dice, if bare { 5 } else { 6 }, out);
                out.push('.');
                out.push_str(name);
                out.push('(');
                argument.write(dice, 0, out);
                out.push(')');
            }
        }
        out.push_str(if wrapped { ")" } else { "" });
    }

    /// The prefix form in which messages show expressions.
    fn prefix(&self) -> String {
        let list = |all: &[Self]| all.iter().map(Self::prefix).collect::<Vec<_>>().join(", ");
        match self {
            Self::Constant(source, _) => source.clone(),
            Self::Attribute(name, _) => format!("${name}"),
            Self::Index(map, key) => format!("INDEX({}, {})", map.prefix(), key.prefix()),
            Self::Call(name, arguments) => format!("{name}({})", list(arguments)),
            Self::Method(name, target, argument) => {
                format!("{}:{name}({})", target.prefix(), argument.prefix())
            }
            Self::Binary(operator, left, right) => {
                let name = match *operator {
                    "|" => "OR",
                    "+" => "ADD",
                    "&&" => "LAND",
                    "||" => "LOR",
                    "==" => "EQ",
                    "!=" => "NEQ",
                    "<" => "LT",
                    "<=" => "LEQ",
                    ">" => "GT",
                    _ => "GEQ",
                };
                format!("{name}({}, {})", left.prefix(), right.prefix())
            }
        }
    }
}

/// Evaluates by the book and notes what is read.
struct Machine<'b> {
    bag: &'b AttributeBag,
    read: BTreeMap<(String, Option<String>), bool>,
    maps: BTreeSet<&'static str>,
}

/// A value, nothing on the left of `|`, or a message.
type Outcome = Result<Option<Value>, String>;

impl Machine<'_> {
    fn must(&mut self, model: &Model) -> Result<Value, String> {
        Ok(self.eval(model, false)?.expect("only the left of | may be nothing"))
    }

    fn truth(&mut self, model: &Model) -> Result<bool, String> {
        match self.must(model)? {
            Value::Bool(truth) => Ok(truth),
            other => panic!("{other:?} is no truth"),
        }
    }

    fn text(&mut self, model: &Model) -> Result<String, String> {
        match self.must(model)? {
            Value::Text(text) => Ok(text),
            other => panic!("{other:?} is no text"),
        }
    }

    /// `soft`: on the left of a `|`.
    fn eval(&mut self, model: &Model, soft: bool) -> Outcome {
        let value = match model {
            Model::Constant(_, value) => value.clone(),
            Model::Attribute(name, of) => return self.attribute(name, *of, soft),
            Model::Binary("|", left, right) => match self.eval(left, true)? {
                Some(value) => value,
                None => return self.eval(right, soft),
            },
            Model::Binary("&&", left, right) => {
                Value::Bool(self.truth(left)? && self.truth(right)?)
            }
            Model::Binary("||", left, right) => {
                Value::Bool(self.truth(left)? || self.truth(right)?)
            }
            Model::Binary(operator, left, right) => {
                let (left, right) = (self.must(left)?, self.must(right)?);
                binary(operator, &left, &right)
            }
            Model::Index(map, key) => {
                let Some(map) = self.eval(map, soft)? else { return Ok(None) };
                let Some(Value::Text(key)) = self.eval(key, soft)? else { return Ok(None) };
                let Value::Map(name, entries) = map else { panic!("{map:?} is no map") };
                let found = entries.get(&key);
                if let Some(name) = name {
                    self.read.insert((name.into(), Some(key)), found.is_some());
                }
                match found {
                    Some(text) => Value::Text(text.clone()),
                    None if soft => return Ok(None),
                    None => Value::Text(String::new()),
                }
            }
            Model::Call("emptyStringMap", _) => Value::Map(None, BTreeMap::new()),
            Model::Call("size", arguments) => Value::Int(self.text(&arguments[0])?.len() as i64),
            Model::Call("toLower", arguments) => {
                Value::Text(self.text(&arguments[0])?.to_lowercase())
            }
            Model::Call("conditional", arguments) => {
                let chosen = if self.truth(&arguments[0])? { 1 } else { 2 };
                self.must(&arguments[chosen])?
            }
            Model::Call("conditionalString", arguments) => {
                let condition = self.truth(&arguments[0])?;
                let arms = [self.text(&arguments[1])?, self.text(&arguments[2])?];
                Value::Text(arms[usize::from(!condition)].clone())
            }
            Model::Call(_, arguments) => {
                let (text, pattern) = (self.text(&arguments[0])?, self.text(&arguments[1])?);
                let (first, last) = (pattern.starts_with('*'), pattern.ends_with('*'));
                Value::Bool(match pattern.len() {
                    n if last => text.get(..n - 1) == Some(&pattern[..n - 1]),
                    n if first => {
                        let start = (text.len() + 1).checked_sub(n);
                        start.and_then(|start| text.get(start..)) == Some(&pattern[1..])
                    }
                    _ => text == pattern,
                })
            }
            Model::Method(name, target, argument) => {
                let (text, part) = (self.text(target)?, self.text(argument)?);
                let place = if *name == "startsWith" {
                    text.get(..part.len())
                } else {
                    text.len().checked_sub(part.len()).and_then(|start| text.get(start..))
                };
                Value::Bool(place == Some(part.as_str()))
            }
        };
        Ok(Some(value))
    }

    fn attribute(&mut self, name: &'static str, of: ValueType, soft: bool) -> Outcome {
        let found = self.bag.iter().find(|(n, _)| n.as_str() == name).map(|(_, value)| value);
        let value = match (found, of) {
            (None, _) => {
                self.read.insert((name.into(), None), false);
                return if soft { Ok(None) } else { Err(format!("lookup failed: '{name}'")) };
            }
            (Some(OwnedValue::StringMap(entries)), ValueType::StringMap) => {
                self.maps.insert(name);
                return Ok(Some(Value::Map(Some(name), entries.clone())));
            }
            (Some(OwnedValue::String(text)), ValueType::String) => Some(Value::Text(text.clone())),
            (Some(OwnedValue::Int64(number)), ValueType::Int64) => Some(Value::Int(*number)),
            (Some(OwnedValue::Double(number)), ValueType::Double) => Some(Value::Double(*number)),
            (Some(OwnedValue::Bool(truth)), ValueType::Bool) => Some(Value::Bool(*truth)),
            (Some(OwnedValue::Duration(span)), ValueType::Duration) => {
                Some(Value::Duration(span.as_nanos()))
            }
            _ => None,
        };
        self.read.insert((name.into(), None), true);
        value.map(Some).ok_or_else(|| format!("wrong type of {name}"))
    }

    /// In the form of [`list`]: a map that was read by no key counts whole.
    fn listed(mut self) -> String {
        for name in std::mem::take(&mut self.maps) {
            if !self.read.keys().any(|(read, _)| read == name) {
                self.read.insert((name.to_owned(), None), true);
            }
        }
        let texts = self.read.iter().map(|((name, key), found)| {
            let key = key.as_ref().map(|key| format!("[{key}]")).unwrap_or_default();
            format!("{}{name}{key}", if *found { '+' } else { '-' })
        });
        texts.collect::<Vec<_>>().join(" ")
    }
}

fn binary(operator: &str, left: &Value, right: &Value) -> Value {
    let order = match (left, right) {
        (Value::Text(a), Value::Text(b)) if operator == "+" => {
            return Value::Text(format!("{a}{b}"));
        }
        (Value::Int(a), Value::Int(b)) if operator == "+" => {
            return Value::Int((i128::from(*a) + i128::from(*b)) as i64);
        }
        (Value::Double(a), Value::Double(b)) if operator == "+" => return Value::Double(a + b),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Double(a), Value::Double(b)) => a.total_cmp(b),
        _ => panic!("{left:?} {operator} {right:?}"),
    };
    Value::Bool(match operator {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn print(outcome: Result<Value, String>) -> String {
    match outcome {
        Ok(Value::Text(text)) => format!("{text:?}"),
        Ok(Value::Int(number)) => number.to_string(),
        Ok(Value::Double(number)) => format!("{number:?}"),
        Ok(Value::Bool(truth)) => truth.to_string(),
        Ok(Value::Duration(nanos)) => format!("{nanos}ns"),
        Ok(Value::Map(_, entries)) => format!("{entries:?}"),
        Err(message) => format!("eval: {message}"),
    }
}

/// A bag in which each attribute is missing, right or, rarely, of another type.
fn bag(dice: &mut Dice) -> AttributeBag {
    let mut bag = AttributeBag::new();
    for name in ["as", "bs", "request.path"] {
        if dice.roll(2) == 0 {
            bag.set(name, dice.pick(&["", "a", "ab", "k", "a*", "É"]));
        }
    }
    for (name, number) in [("ai", 1), ("bi", i64::MAX)] {
        if dice.roll(2) == 0 {
            bag.set(name, number);
        }
    }
    if dice.roll(2) == 0 {
        bag.set("ad", 2.25);
    }
    for name in ["ab", "bb"] {
        if dice.roll(4) != 0 {
            bag.set(name, dice.roll(2) == 0);
        }
    }
    if dice.roll(2) == 0 {
        bag.set("adur", Span::from_nanos(7));
    }
    for name in ["ar", "br", "request.headers"] {
        if dice.roll(2) == 0 {
            bag.set(name, [("k", "v"), ("a", "ab"), ("", "none")]);
        }
    }
    if dice.roll(6) == 0 {
        bag.set(dice.pick(&["as", "ai", "ar", "ab", "adur"]), OwnedValue::Bytes(vec![1]));
    }
    bag
}

fn dice() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn both_tellings_of_the_language_agree(bytes in dice(), more in dice(), print_bytes in dice()) {
        let mut rolls = Dice(bytes.into_iter());
        let of = rolls.pick(&[
            ValueType::Bool, ValueType::String, ValueType::Int64, ValueType::Double,
            ValueType::Duration, ValueType::StringMap,
        ]);
        let model = expression(&mut rolls, of, 4);
        let bag = bag(&mut Dice(more.into_iter()));
        let mut text = String::new();
        model.write(&mut Dice(print_bytes.into_iter()), 0, &mut text);

        let tree = parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(tree.to_string(), model.prefix(), "{}", &text);

        let compiled = compile(&text, &types()).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(compiled.value_type(), of);
        let tracked = Tracked::new(&bag);
        let mut ours = show(compiled.eval(&tracked));
        if let Some((_, name)) = ours.split_once("(attribute ") {
            ours = format!("eval: wrong type of {}", name.trim_end_matches(')'));
        }
        let mut machine = Machine { bag: &bag, read: BTreeMap::new(), maps: BTreeSet::new() };
        let theirs = machine.must(&model);
        if let Ok(Value::Map(Some(name), _)) = theirs {
            // To be shown it is read whole, whatever was read of it before.
            machine.read.insert((name.to_owned(), None), true);
        }
        let theirs = print(theirs);
        prop_assert_eq!(ours, theirs, "{} on {:?}", &text, &bag);
        prop_assert_eq!(list(&tracked), machine.listed(), "{} on {:?}", &text, &bag);

        let plain = show(compiled.eval(&bag));
        prop_assert_eq!(plain, show(compiled.eval(&tracked)));
    }

    #[test]
    fn random_text_compiles_or_is_refused(text in any::<String>()) {
        let _ = compile(&text, &types());
    }

    #[test]
    fn random_tokens_compile_or_are_refused_within_the_text(tokens in proptest::collection::vec(
        prop::sample::select(vec![
            "as", "ai", "ab", "ar", "adns", "aip", "at", "true", "1", "1.5", "\"s\"", "\"5s\"", "'c'",
            "`r`", "(", ")", "[", "]", ",", ".", "==", "!=", "<", "<=", "|", "||", "&&", "+", "-", "!",
            "*", "\n", " ", "match(", "ip(", ".matches(", "conditional(", "é", "/*", "*/", "//", "\\",
        ]), 0..30)
    ) {
        let text = tokens.concat();
        match compile(&text, &types()) {
            Ok(expression) => drop(show(expression.eval(&AttributeBag::new()))),
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.offset), "{} at {}", text, error.offset);
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn random_values_are_checked_without_panic(text in any::<String>(), other in any::<String>()) {
        for source in [
            "ip(as) == ip(bs)", "timestamp(as) < timestamp(bs)", "email(as) == email(bs)",
            "uri(as) == uri(bs)", "dnsName(as) == dnsName(bs)", "as.matches(bs)",
        ] {
            let expression = compile(source, &types()).unwrap();
            let bag = AttributeBag::new().with("as", text.as_str()).with("bs", other.as_str());
            show(expression.eval(&bag));
        }
    }

    #[test]
    fn random_values_of_their_alphabet_are_checked_without_panic(
        text in r#"[a-c<>@:/?#%".\\ \[\]é(){}*+^$0-9,-]{0,20}"#,
        other in r#"[a-cA-C<>@:/?#%".\\ \[\]-]{0,12}"#,
    ) {
        for source in ["aemail == bemail", "auri == buri", "adns == bdns", "as.matches(bs)"] {
            let expression = compile(source, &types()).unwrap();
            let mut bag = AttributeBag::new().with("as", text.as_str()).with("bs", other.as_str());
            for suffix in ["email", "uri", "dns"] {
                bag.set(&format!("a{suffix}"), text.as_str());
                bag.set(&format!("b{suffix}"), other.as_str());
            }
            show(expression.eval(&bag));
        }
    }
}
