/// The longest text that an adapter gets into an answer or an error, in bytes.
const MAX_TEXT: usize = 8 << 10;

/// A text from an adapter, held to a length that a log line or an HTTP body can bear.
pub(crate) fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}
