//! What makes two requests equal for a cached answer: shapes and keys.
//!
//! For both cache levels, the one in the sidecar filter and the one in Mixer; there is no second way
//! to make a key. This crate decides equality only: it stores no answers, knows no clock and no
//! generation.

mod key;
mod shape;
mod table;

pub use shape::{MAX_PROBES, Probe, Shape};
pub use table::{Learned, MAX_SHAPES, ShapeId, ShapeTable};

pub use key::key_for;
