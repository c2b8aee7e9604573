use super::reader::Reader;

/// How many words of the global dictionary the sender of a message knows; 0 when it does not say, or what
/// is sent is no message.
fn word_count(bytes: &[u8], field: u32) -> u32 {
    let mut message = Reader::new(bytes);
    let mut count = 0;
    while let Ok(Some(tag)) = message.tag() {
        if tag.field == field {
            count = message.uint32(tag).unwrap_or(0);
        } else if message.skip(tag).is_err() {
            break;
        }
    }
    count
}

/// [`super::CheckRequest::global_word_count`] of a request, without reading the rest of it: for servers
/// that refuse what they do not understand.
pub fn check_word_count(bytes: &[u8]) -> u32 {
    word_count(bytes, 2)
}

/// [`super::ReportRequest::global_word_count`] of a request, without reading the rest of it.
pub fn report_word_count(bytes: &[u8]) -> u32 {
    word_count(bytes, 3)
}
