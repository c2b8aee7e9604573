//! Fields of instances, evaluated for a request.

use std::borrow::Cow;

use adapter_host::{AdapterValue, OwnedValue};
use mesh_attributes::{Bag, Timestamp};
use mixer_expr::{EvalError, Evaluated};

use crate::policy::rule::Field;

/// A field of an instance could not be evaluated for a request.
#[derive(Debug, thiserror::Error)]
#[error("field {field}: {cause}")]
pub(crate) struct FieldError {
    field: String,
    cause: EvalError,
}

impl Field {
    /// The value; a field that is not set is the empty text.
    pub(crate) fn evaluate<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Evaluated<'a>, FieldError> {
        match &self.expression {
            None => Ok(Evaluated::String(Cow::Borrowed(""))),
            Some(expression) => {
                expression.eval(bag).map_err(|cause| FieldError { field: self.name.clone(), cause })
            }
        }
    }

    /// The value of a field that was checked to be STRING.
    pub(crate) fn evaluate_text<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Cow<'a, str>, FieldError> {
        Ok(match self.evaluate(bag)? {
            Evaluated::String(text) => text,
            _ => Cow::Borrowed(""),
        })
    }

    /// The value of a field that was checked to be TIMESTAMP; the epoch when it is not set.
    pub(crate) fn evaluate_timestamp<B: Bag + ?Sized>(
        &self,
        bag: &B,
    ) -> Result<Timestamp, FieldError> {
        Ok(match self.evaluate(bag)? {
            Evaluated::Timestamp(timestamp) => timestamp,
            _ => Timestamp::default(),
        })
    }
}

/// The values of fields, in their order.
pub(crate) fn evaluate_owned<B: Bag + ?Sized>(
    fields: &[Field],
    bag: &B,
) -> Result<Vec<OwnedValue>, FieldError> {
    fields.iter().map(|field| Ok(adapter_value(&field.evaluate(bag)?).into())).collect()
}

/// The value as adapters take it.
pub(crate) fn adapter_value<'a>(evaluated: &'a Evaluated<'_>) -> AdapterValue<'a> {
    match evaluated {
        Evaluated::String(text) => AdapterValue::String(text),
        Evaluated::Int64(number) => AdapterValue::Int64(*number),
        Evaluated::Double(number) => AdapterValue::Double(*number),
        Evaluated::Bool(truth) => AdapterValue::Bool(*truth),
        Evaluated::Timestamp(timestamp) => AdapterValue::Timestamp(*timestamp),
        Evaluated::Duration(span) => AdapterValue::Duration(*span),
        Evaluated::IpAddress(address) => AdapterValue::Bytes(address),
        Evaluated::StringMap(map) => AdapterValue::StringMap(map),
    }
}
