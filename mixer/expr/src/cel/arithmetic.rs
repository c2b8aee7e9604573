//! `+ - * / %`. What does not fit its type is an error, as CEL has it, and never wraps.

use std::borrow::Cow;

use mesh_attributes::{Bag, Span, Timestamp};

use super::program::Op;
use super::value::Value;
use crate::EvalError;
use crate::program::text::MAX_COMPUTED;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

const NANOS: i128 = 1_000_000_000;

impl Arithmetic {
    pub(crate) fn fold<'a, B: Bag + ?Sized>(
        self,
        operands: &'a [Op],
        bag: &'a B,
    ) -> Result<Value<'a>, EvalError> {
        let Some((first, others)) = operands.split_first() else {
            unreachable!("an operator has operands")
        };
        let mut value = first.eval(bag)?;
        for operand in others {
            value = self.apply(value, operand.eval(bag)?)?;
        }
        Ok(value)
    }

    fn apply<'a>(self, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, EvalError> {
        Ok(match (left, right) {
            (Value::Int(one), Value::Int(two)) => Value::Int(self.int(one, two)?),
            (Value::Uint(one), Value::Uint(two)) => Value::Uint(self.uint(one, two)?),
            (Value::Double(one), Value::Double(two)) => Value::Double(match self {
                Self::Add => one + two,
                Self::Subtract => one - two,
                Self::Multiply => one * two,
                Self::Divide => one / two,
                Self::Modulo => one % two,
            }),
            (Value::Text(one), Value::Text(two)) => {
                let mut joined = one.into_owned();
                check_length(joined.len() + two.len())?;
                joined.push_str(&two);
                Value::Text(Cow::Owned(joined))
            }
            (Value::Bytes(one), Value::Bytes(two)) => {
                let mut joined = one.into_owned();
                check_length(joined.len() + two.len())?;
                joined.extend_from_slice(&two);
                Value::Bytes(Cow::Owned(joined))
            }
            (Value::List(mut one), Value::List(two)) => {
                one.extend(two);
                Value::List(one)
            }
            (Value::Duration(one), Value::Duration(two)) => {
                Value::Duration(span(self.signed(span_nanos(one), span_nanos(two)))?)
            }
            (Value::Timestamp(at), Value::Duration(span)) => {
                Value::Timestamp(timestamp(self.signed(instant(at), span_nanos(span)))?)
            }
            (Value::Duration(span), Value::Timestamp(at)) => {
                Value::Timestamp(timestamp(span_nanos(span) + instant(at))?)
            }
            (Value::Timestamp(one), Value::Timestamp(two)) => {
                Value::Duration(span(instant(one) - instant(two))?)
            }
            (left, right) => unreachable!("operands were checked: {left:?}, {right:?}"),
        })
    }

    fn signed(self, left: i128, right: i128) -> i128 {
        if self == Self::Subtract { left - right } else { left + right }
    }

    fn int(self, left: i64, right: i64) -> Result<i64, EvalError> {
        let outcome = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide if right == 0 => return Err(EvalError::DivideByZero),
            Self::Divide => left.checked_div(right),
            Self::Modulo if right == 0 => return Err(EvalError::ModulusByZero),
            Self::Modulo => left.checked_rem(right),
        };
        outcome.ok_or(EvalError::Overflow("integer"))
    }

    fn uint(self, left: u64, right: u64) -> Result<u64, EvalError> {
        let outcome = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide if right == 0 => return Err(EvalError::DivideByZero),
            Self::Divide => left.checked_div(right),
            Self::Modulo if right == 0 => return Err(EvalError::ModulusByZero),
            Self::Modulo => left.checked_rem(right),
        };
        outcome.ok_or(EvalError::Overflow("unsigned integer"))
    }
}

fn check_length(length: usize) -> Result<(), EvalError> {
    if length > MAX_COMPUTED {
        return Err(EvalError::TextTooLong { limit: MAX_COMPUTED });
    }
    Ok(())
}

fn instant(at: Timestamp) -> i128 {
    i128::from(at.seconds) * NANOS + i128::from(at.nanos)
}

fn span_nanos(span: Span) -> i128 {
    i128::from(span.seconds) * NANOS + i128::from(span.nanos)
}

/// Within what 64 bits of nanoseconds hold, about 292 years.
fn span(nanos: i128) -> Result<Span, EvalError> {
    i64::try_from(nanos).map(Span::from_nanos).map_err(|_| EvalError::Overflow("duration"))
}

/// Within the years 1 to 9999.
fn timestamp(nanos: i128) -> Result<Timestamp, EvalError> {
    let out_of_range = || EvalError::Overflow("timestamp");
    let seconds = i64::try_from(nanos.div_euclid(NANOS)).map_err(|_| out_of_range())?;
    let at = Timestamp { seconds, nanos: nanos.rem_euclid(NANOS) as i32 };
    if at.is_in_range() { Ok(at) } else { Err(out_of_range()) }
}
