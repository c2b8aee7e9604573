//! YAML text as a tree of nodes that know their lines.
//!
//! Scalars keep their text: what a plain `y` or `010` means depends on what the reader of the tree
//! wants there. Every dimension is bounded, and a mistake in one document leaves the others readable.

mod document;
mod node;
mod scalar;
mod tree;

#[cfg(test)]
mod tests;

pub(crate) use document::{Document, documents};
pub(crate) use node::{Entry, Node, NodeValue, same_field, shorten};
pub(crate) use scalar::Scalar;
