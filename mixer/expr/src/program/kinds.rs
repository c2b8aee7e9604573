//! The kinds of value at run time. Types that travel alike share a kind: DNS names, e-mail addresses
//! and URIs are text.

use std::borrow::Cow;
use std::convert::Infallible;

use mesh_attributes::{Bag, Span, Timestamp, Value};

use crate::program::address::{self, ParseIp};
use crate::program::map::{EmptyMap, MapValue};
use crate::program::term::{Kind, Term};
use crate::program::text::TextOperation;
use crate::program::truth::TruthOperation;
use crate::program::typed::Typed;
use crate::{Address, EvalError, error};

pub(crate) enum Text {}
pub(crate) enum Integer {}
pub(crate) enum Double {}
pub(crate) enum Truth {}
pub(crate) enum Instant {}
pub(crate) enum Length {}
pub(crate) enum Ip {}
pub(crate) enum Map {}

impl Kind for Text {
    type Value<'a> = Cow<'a, str>;
    type Constant = Box<str>;
    type Operation = TextOperation;

    const EXPECTED: &'static str = "string";

    fn accept(value: Value<'_>) -> Option<Cow<'_, str>> {
        if let Value::String(text) = value { Some(Cow::Borrowed(text)) } else { None }
    }

    fn borrow(constant: &Box<str>) -> Cow<'_, str> {
        Cow::Borrowed(constant)
    }

    fn operate<'a, B: Bag + ?Sized>(
        operation: &'a TextOperation,
        bag: &'a B,
    ) -> Result<Cow<'a, str>, EvalError> {
        operation.eval(bag)
    }

    fn operate_if_present<'a, B: Bag + ?Sized>(
        operation: &'a TextOperation,
        bag: &'a B,
    ) -> Result<Option<Cow<'a, str>>, EvalError> {
        operation.eval_if_present(bag)
    }

    fn unwrap(typed: Typed) -> Option<Term<Self>> {
        if let Typed::Text(_, term) = typed { Some(term) } else { None }
    }
}

/// `+` on integers, wrapping as Go's, and `size`.
pub(crate) enum IntegerOperation {
    Sum(Box<[Term<Integer>]>),
    Size(Term<Text>),
}

impl Kind for Integer {
    type Value<'a> = i64;
    type Constant = i64;
    type Operation = IntegerOperation;

    const EXPECTED: &'static str = "integer or duration";

    fn accept(value: Value<'_>) -> Option<i64> {
        if let Value::Int64(number) = value { Some(number) } else { None }
    }

    fn borrow(constant: &i64) -> i64 {
        *constant
    }

    fn operate<'a, B: Bag + ?Sized>(
        operation: &'a IntegerOperation,
        bag: &'a B,
    ) -> Result<i64, EvalError> {
        match operation {
            IntegerOperation::Sum(terms) => {
                terms.iter().try_fold(0_i64, |sum, term| Ok(sum.wrapping_add(term.eval(bag)?)))
            }
            IntegerOperation::Size(text) => Ok(text.eval(bag)?.len() as i64),
        }
    }

    fn unwrap(typed: Typed) -> Option<Term<Self>> {
        if let Typed::Integer(term) = typed { Some(term) } else { None }
    }
}

/// `+` on doubles, from left to right.
pub(crate) struct DoubleSum(pub(crate) Box<[Term<Double>]>);

impl Kind for Double {
    type Value<'a> = f64;
    type Constant = f64;
    type Operation = DoubleSum;

    const EXPECTED: &'static str = "double";

    fn accept(value: Value<'_>) -> Option<f64> {
        if let Value::Double(number) = value { Some(number) } else { None }
    }

    fn borrow(constant: &f64) -> f64 {
        *constant
    }

    fn operate<'a, B: Bag + ?Sized>(sum: &'a DoubleSum, bag: &'a B) -> Result<f64, EvalError> {
        // From -0.0, the neutral element: 0.0 would turn a sum of negative zeros positive.
        sum.0.iter().try_fold(-0.0, |sum, term| Ok(sum + term.eval(bag)?))
    }

    fn unwrap(typed: Typed) -> Option<Term<Self>> {
        if let Typed::Double(term) = typed { Some(term) } else { None }
    }
}

impl Kind for Truth {
    type Value<'a> = bool;
    type Constant = bool;
    type Operation = TruthOperation;

    const EXPECTED: &'static str = "bool";

    fn accept(value: Value<'_>) -> Option<bool> {
        if let Value::Bool(truth) = value { Some(truth) } else { None }
    }

    fn borrow(constant: &bool) -> bool {
        *constant
    }

    fn operate<'a, B: Bag + ?Sized>(
        operation: &'a TruthOperation,
        bag: &'a B,
    ) -> Result<bool, EvalError> {
        operation.eval(bag)
    }

    fn unwrap(typed: Typed) -> Option<Term<Self>> {
        if let Typed::Truth(term) = typed { Some(term) } else { None }
    }
}

/// `timestamp(s)`.
pub(crate) struct ParseTimestamp(pub(crate) Box<Term<Text>>);

impl Kind for Instant {
    type Value<'a> = Timestamp;
    type Constant = Timestamp;
    type Operation = ParseTimestamp;

    const EXPECTED: &'static str = "timestamp";

    fn accept(value: Value<'_>) -> Option<Timestamp> {
        if let Value::Timestamp(instant) = value { Some(instant) } else { None }
    }

    fn borrow(constant: &Timestamp) -> Timestamp {
        *constant
    }

    fn operate<'a, B: Bag + ?Sized>(
        operation: &'a ParseTimestamp,
        bag: &'a B,
    ) -> Result<Timestamp, EvalError> {
        let text = operation.0.eval(bag)?;
        Timestamp::from_rfc3339(&text).ok_or_else(|| EvalError::Timestamp(error::excerpt(&text)))
    }

    fn unwrap(typed: Typed) -> Option<Term<Self>> {
        if let Typed::Instant(term) = typed { Some(term) } else { None }
    }
}

impl Kind for Length {
    type Value<'a> = Span;
    type Constant = Span;
    type Operation = Infallible;

    const EXPECTED: &'static str = "integer or duration";

    fn accept(value: Value<'_>) -> Option<Span> {
        if let Value::Duration(span) = value { Some(span) } else { None }
    }

    fn borrow(constant: &Span) -> Span {
        *constant
    }

    fn operate<'a, B: Bag + ?Sized>(never: &'a Infallible, _: &'a B) -> Result<Span, EvalError> {
        match *never {}
    }

    fn unwrap(typed: Typed) -> Option<Term<Self>> {
        if let Typed::Length(term) = typed { Some(term) } else { None }
    }
}

impl Kind for Ip {
    type Value<'a> = Address<'a>;
    type Constant = [u8; 16];
    type Operation = ParseIp;

    const EXPECTED: &'static str = "ip address";

    fn accept(value: Value<'_>) -> Option<Address<'_>> {
        if let Value::Bytes(bytes) = value { Some(Address::Borrowed(bytes)) } else { None }
    }

    fn borrow(constant: &[u8; 16]) -> Address<'_> {
        Address::Borrowed(constant)
    }

    fn operate<'a, B: Bag + ?Sized>(
        operation: &'a ParseIp,
        bag: &'a B,
    ) -> Result<Address<'a>, EvalError> {
        address::parse(&operation.0.eval(bag)?).map(Address::Computed)
    }

    fn unwrap(typed: Typed) -> Option<Term<Self>> {
        if let Typed::Ip(term) = typed { Some(term) } else { None }
    }
}

impl Kind for Map {
    type Value<'a> = MapValue<'a>;
    type Constant = EmptyMap;
    type Operation = Infallible;

    const EXPECTED: &'static str = "string map";

    fn accept(value: Value<'_>) -> Option<MapValue<'_>> {
        if let Value::StringMap(map) = value { Some(MapValue::Borrowed(map)) } else { None }
    }

    fn borrow(_: &EmptyMap) -> MapValue<'_> {
        MapValue::Empty
    }

    fn operate<'a, B: Bag + ?Sized>(
        never: &'a Infallible,
        _: &'a B,
    ) -> Result<MapValue<'a>, EvalError> {
        match *never {}
    }

    fn unwrap(typed: Typed) -> Option<Term<Self>> {
        if let Typed::Map(term) = typed { Some(term) } else { None }
    }
}
