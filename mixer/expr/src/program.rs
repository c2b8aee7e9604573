//! What a checked expression becomes: terms that are typed by construction and evaluate themselves.

pub(crate) mod address;
pub(crate) mod comparison;
pub(crate) mod formatted;
pub(crate) mod kinds;
pub(crate) mod map;
pub(crate) mod matches;
pub(crate) mod pattern;
pub(crate) mod re2;
pub(crate) mod term;
pub(crate) mod text;
pub(crate) mod truth;
pub(crate) mod typed;
