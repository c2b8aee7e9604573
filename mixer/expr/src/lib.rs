//! The attribute expression language of rules and instances (CEXL): text in, decisions out.
//!
//! For Mixer and its tools. [`compile`] checks an expression against the declared attributes and makes
//! it ready; [`Expression::eval`] runs it on a [`Bag`](mesh_attributes::Bag) as often as wanted. What
//! the expression reads it reads through the bag alone, in order, and no more than the answer needs:
//! a tracking bag therefore sees exactly what the answer depends on. This crate knows nothing of
//! rules, caches or the wire.

mod check;
mod error;
mod expression;
mod format;
mod program;
mod syntax;
mod types;

#[cfg(test)]
mod tests;

pub use error::{CompileError, EvalError, Problem, WrongType};
pub use expression::{Evaluated, Expression, compile};
pub use program::address::Address;
pub use program::map::MapValue;
pub use syntax::parse::{MAX_DEPTH, MAX_LENGTH};
pub use types::AttributeTypes;
