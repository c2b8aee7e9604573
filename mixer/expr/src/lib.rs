//! The expressions of rules and instances: text in, decisions out.
//!
//! For Mixer and its tools. [`compile_in`] checks an expression, in Istio's attribute language or in
//! CEL, against the declared attributes and makes it ready; [`Expression::eval`] runs it on a [`Bag`](mesh_attributes::Bag) as often as wanted. What
//! the expression reads it reads through the bag alone, in order, and no more than the answer needs:
//! a tracking bag therefore sees exactly what the answer depends on. This crate knows nothing of
//! rules, caches or the wire.

mod cel;
mod check;
mod error;
mod expression;
mod format;
mod language;
mod program;
mod syntax;
mod types;

#[cfg(test)]
mod tests;

pub use error::{CompileError, EvalError, Problem, WrongType};
pub use expression::{Evaluated, Expression, compile, compile_in};
pub use language::{LANGUAGE_ANNOTATION, Language};
pub use program::address::Address;
pub use program::map::MapValue;
pub use syntax::parse::{MAX_DEPTH, MAX_LENGTH};
pub use types::AttributeTypes;
