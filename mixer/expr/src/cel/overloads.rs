//! Which functions and operators there are, and of which types.

use super::arithmetic::Arithmetic;
use super::calls::Function;
use super::civil::Part;
use super::types::Type;
use crate::format::Format;
use crate::syntax::ast::Comparison;
use mesh_attributes::ValueType;

/// What can be called, for hints.
pub(crate) const FUNCTIONS: [&str; 24] = [
    "bool",
    "bytes",
    "conditional",
    "contains",
    "dnsName",
    "double",
    "duration",
    "email",
    "emptyStringMap",
    "endsWith",
    "has",
    "int",
    "ip",
    "match",
    "matches",
    "pick",
    "reverse",
    "size",
    "startsWith",
    "string",
    "timestamp",
    "toLower",
    "uint",
    "uri",
];

/// The function `name` for arguments of these types, and the type of its outcome. Of a method the
/// target is the first argument. `Err(true)` when there is such a function, for other types.
pub(crate) fn function(
    name: &str,
    is_method: bool,
    types: &[Type],
) -> Result<(Function, Type), bool> {
    use Type as T;
    let (is_known, found) = match (name, is_method) {
        ("size", _) => {
            let fits = matches!(types, [T::Text | T::Bytes | T::Map | T::List(_)]);
            (true, fits.then_some((Function::Size, T::Int)))
        }
        ("startsWith" | "endsWith" | "contains", true) => {
            let function = match name {
                "startsWith" => Function::StartsWith,
                "endsWith" => Function::EndsWith,
                _ => Function::Contains,
            };
            (true, texts(types, 2).then_some((function, T::Bool)))
        }
        ("matches", _) => (true, texts(types, 2).then_some((Function::Matches, T::Bool))),
        ("match", false) => (true, texts(types, 2).then_some((Function::Match, T::Bool))),
        ("reverse", _) => (true, texts(types, 1).then_some((Function::Reverse, T::Text))),
        ("toLower", false) => (true, texts(types, 1).then_some((Function::ToLower, T::Text))),
        ("emptyStringMap", false) => {
            (true, types.is_empty().then_some((Function::EmptyStringMap, T::Map)))
        }
        ("ip" | "dnsName" | "email" | "uri", false) => {
            let (function, of) = match name {
                "ip" => (Function::Ip, ValueType::IpAddress),
                "dnsName" => (Function::Format(Format::DnsName), ValueType::DnsName),
                "email" => (Function::Format(Format::Email), ValueType::EmailAddress),
                _ => (Function::Format(Format::Uri), ValueType::Uri),
            };
            (true, texts(types, 1).then_some((function, T::Wrapped(of))))
        }
        (_, false) => match conversion(name) {
            Some((function, from, to)) => {
                let fits = matches!(types, [of] if from.contains(of));
                (true, fits.then_some((function, to)))
            }
            None => (false, None),
        },
        (_, true) => match Part::of_method(name) {
            Some(part) => {
                let fits = match types {
                    [T::Timestamp] | [T::Timestamp, T::Text] => true,
                    [T::Duration] => part.is_of_durations(),
                    _ => false,
                };
                (true, fits.then_some((Function::Part(part), T::Int)))
            }
            None => (false, None),
        },
    };
    found.ok_or(is_known)
}

fn texts(types: &[Type], count: usize) -> bool {
    types.len() == count && types.iter().all(|of| *of == Type::Text)
}

fn conversion(name: &str) -> Option<(Function, &'static [Type], Type)> {
    use Type as T;
    Some(match name {
        "int" => (Function::ToInt, &[T::Int, T::Uint, T::Double, T::Text, T::Timestamp], T::Int),
        "uint" => (Function::ToUint, &[T::Int, T::Uint, T::Double, T::Text], T::Uint),
        "double" => (Function::ToDouble, &[T::Int, T::Uint, T::Double, T::Text], T::Double),
        "bool" => (Function::ToBool, &[T::Bool, T::Text], T::Bool),
        "string" => (
            Function::ToText,
            &[T::Text, T::Bool, T::Int, T::Uint, T::Double, T::Bytes, T::Timestamp, T::Duration],
            T::Text,
        ),
        "bytes" => (Function::ToBytes, &[T::Bytes, T::Text], T::Bytes),
        "timestamp" => (Function::ToTimestamp, &[T::Timestamp, T::Text, T::Int], T::Timestamp),
        "duration" => (Function::ToDuration, &[T::Duration, T::Text], T::Duration),
        _ => return None,
    })
}

pub(crate) fn is_arithmetic(name: &str) -> bool {
    matches!(name, "_+_" | "_-_" | "_*_" | "_/_" | "_%_")
}

pub(crate) fn is_comparison(name: &str) -> bool {
    matches!(name, "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_")
}

/// The operator of this name between two operands, with the type of the outcome.
pub(crate) fn arithmetic(name: &str, left: &Type, right: &Type) -> Option<(Arithmetic, Type)> {
    use Arithmetic as A;
    use Type as T;
    let operator = match name {
        "_+_" => A::Add,
        "_-_" => A::Subtract,
        "_*_" => A::Multiply,
        "_/_" => A::Divide,
        "_%_" => A::Modulo,
        _ => return None,
    };
    let of = match (operator, left, right) {
        (_, T::Int, T::Int) => T::Int,
        (_, T::Uint, T::Uint) => T::Uint,
        (A::Add | A::Subtract | A::Multiply | A::Divide, T::Double, T::Double) => T::Double,
        (A::Add, T::Text, T::Text) => T::Text,
        (A::Add, T::Bytes, T::Bytes) => T::Bytes,
        (A::Add, T::List(_), T::List(_)) => left.join(right)?,
        (A::Add | A::Subtract, T::Duration, T::Duration) => T::Duration,
        (A::Add | A::Subtract, T::Timestamp, T::Duration) => T::Timestamp,
        (A::Add, T::Duration, T::Timestamp) => T::Timestamp,
        (A::Subtract, T::Timestamp, T::Timestamp) => T::Duration,
        _ => return None,
    };
    Some((operator, of))
}

/// The comparison of this name, if values of such types can be so compared.
pub(crate) fn comparison(name: &str, left: &Type, right: &Type) -> Option<Comparison> {
    use Type as T;
    let how = match name {
        "_==_" => Comparison::Equal,
        "_!=_" => Comparison::NotEqual,
        "_<_" => Comparison::Less,
        "_<=_" => Comparison::LessOrEqual,
        "_>_" => Comparison::Greater,
        "_>=_" => Comparison::GreaterOrEqual,
        _ => return None,
    };
    let of = left.join(right)?;
    let fits = match of {
        T::Prefix(_) => false,
        T::Wrapped(_) | T::Map | T::List(_) => how.is_equality(),
        _ => true,
    };
    fits.then_some(how)
}
