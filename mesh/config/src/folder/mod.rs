mod listing;
mod text;

pub(crate) use listing::list;
pub(crate) use text::read_text;
