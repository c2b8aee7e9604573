//! Texts with a form of their own: what is valid and what is the same.

mod dns;
mod email;
mod uri;

use mesh_attributes::ValueType;

use crate::EvalError;

/// A type of text with a form of its own and with its own notion of "the same".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    DnsName,
    Email,
    Uri,
}

impl Format {
    pub(crate) fn of(value_type: ValueType) -> Option<Self> {
        match value_type {
            ValueType::DnsName => Some(Self::DnsName),
            ValueType::EmailAddress => Some(Self::Email),
            ValueType::Uri => Some(Self::Uri),
            _ => None,
        }
    }

    pub(crate) fn value_type(self) -> ValueType {
        match self {
            Self::DnsName => ValueType::DnsName,
            Self::Email => ValueType::EmailAddress,
            Self::Uri => ValueType::Uri,
        }
    }

    pub(crate) fn check(self, text: &str) -> Result<(), EvalError> {
        match self {
            Self::DnsName => dns::check(text),
            Self::Email => email::check(text),
            Self::Uri => uri::check(text),
        }
    }

    pub(crate) fn same(self, left: &str, right: &str) -> Result<bool, EvalError> {
        match self {
            Self::DnsName => dns::same(left, right),
            Self::Email => email::same(left, right),
            Self::Uri => uri::same(left, right),
        }
    }
}
