//! Fields of instances, evaluated for a request.

use std::borrow::Cow;

use adapter_host::{AdapterValue, OwnedValue};
use mesh_attributes::{Bag, Span, Timestamp, ValueType};
use mixer_expr::{Address, EvalError, Evaluated, MapValue};

use crate::policy::rule::Field;

/// A field of an instance could not be evaluated for a request.
#[derive(Debug, thiserror::Error)]
#[error("field {field}: {cause}")]
pub(crate) struct FieldError {
    field: String,
    cause: EvalError,
}

impl Field {
    /// The value; a field that is not set has the zero value of its type, as in Istio.
    pub(crate) fn evaluate<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Evaluated<'a>, FieldError> {
        match &self.expression {
            None => Ok(zero(self.unset)),
            Some(expression) => {
                expression.eval(bag).map_err(|cause| FieldError { field: self.name.clone(), cause })
            }
        }
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

fn zero<'a>(of: ValueType) -> Evaluated<'a> {
    match of {
        ValueType::String | ValueType::EmailAddress | ValueType::Uri | ValueType::DnsName => {
            Evaluated::String(Cow::Borrowed(""))
        }
        ValueType::Int64 => Evaluated::Int64(0),
        ValueType::Double => Evaluated::Double(0.0),
        ValueType::Bool => Evaluated::Bool(false),
        ValueType::Timestamp => Evaluated::Timestamp(Timestamp::default()),
        ValueType::Duration => Evaluated::Duration(Span::default()),
        ValueType::IpAddress => Evaluated::IpAddress(Address::Borrowed(&[])),
        ValueType::StringMap => Evaluated::StringMap(MapValue::Empty),
    }
}
