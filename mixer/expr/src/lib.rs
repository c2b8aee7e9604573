//! The attribute expression language of rules and instances (CEXL): text in, decisions out.
//!
//! For Mixer and its tools. [`compile`] checks an expression against the declared attributes and makes
//! it ready; [`Expression::eval`] runs it on a [`Bag`](mesh_attributes::Bag) as often as wanted. What
//! the expression reads it reads through the bag alone, in order, and no more than the answer needs:
//! a tracking bag therefore sees exactly what the answer depends on. This crate knows nothing of
//! rules, caches or the wire.

mod address;
mod ast;
mod check;
mod comparison;
mod duration;
mod error;
mod expression;
mod kinds;
mod lex;
mod literal;
mod map;
mod parse;
mod pattern;
mod term;
mod text;
mod truth;
mod types;

#[cfg(test)]
mod tests;

pub use address::Address;
pub use error::{CompileError, EvalError, Problem, WrongType};
pub use expression::{Evaluated, Expression, compile};
pub use map::MapValue;
pub use parse::{MAX_DEPTH, MAX_LENGTH};
pub use types::AttributeTypes;
