//! placeholder
#[derive(Default)]
pub(crate) struct SeriesInterner;
