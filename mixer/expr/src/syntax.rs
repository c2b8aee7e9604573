//! From text to tree, by the grammar of Go expressions.

pub(crate) mod ast;
pub(crate) mod duration;
mod lex;
mod literal;
pub(crate) mod parse;
