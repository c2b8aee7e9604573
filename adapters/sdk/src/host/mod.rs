//! What an adapter can ask its host for. In native tests [`crate::testing`] answers.

pub mod log;
