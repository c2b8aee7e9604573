//! The Common Expression Language over attributes.
//!
//! Goal: expressions of the modes CEL and COMPAT, checked against the declared attributes when they are
//! compiled, reading the bag lazily and only by its look-ups, so that a tracking bag sees exactly what
//! an answer depends on; no allocation for matches and look-ups; no panic and no loop.
//!
//! Choice: an own front end and an own evaluator, some functions of which are those of the attribute
//! language. Refused: the crate `cel`. It checks no types before it runs, so an expression's type would
//! be unknown when a rule is loaded; its values own their memory; and it takes variables from a context
//! by their first segment, while an attribute's name is the whole dotted path. It serves the tests as
//! the second opinion on expressions without attributes.
//!
//! What is there: all operators, `has`, `in`, the standard functions and conversions, and the functions
//! of the attribute language. What is refused when compiled, by name: macros that loop (`all`, `map`, …),
//! as policies never had them; `dyn`, `type` and `null`, as every type is known beforehand; maps other
//! than from text to text; construction of messages.

pub(crate) mod arithmetic;
pub(crate) mod ast;
pub(crate) mod calls;
pub(crate) mod check;
pub(crate) mod civil;
pub(crate) mod compat;
pub(crate) mod convert;
pub(crate) mod lex;
pub(crate) mod literal;
pub(crate) mod overloads;
pub(crate) mod parse;
pub(crate) mod path;
pub(crate) mod program;
pub(crate) mod types;
pub(crate) mod value;
