//! Labels as they stand in the text formats, `a="x",b="y"`, which is how series keep them: escaping keeps
//! different values different, so the text is a key as good as the values, and a scrape in text has
//! nothing left to do.

/// A label value longer than this is cut: they come from clients.
const MAX_VALUE: usize = 1024;

pub(super) fn write<N: AsRef<str>, V: AsRef<str>>(out: &mut String, names: &[N], values: &[V]) {
    for (name, value) in names.iter().zip(values) {
        let value = value.as_ref();
        write_one(out, name.as_ref(), &value[..value.floor_char_boundary(MAX_VALUE)]);
    }
}

/// Appends a label, after a comma unless `out` is empty.
pub(super) fn write_one(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(name);
    out.push_str("=\"");
    escape(out, value, true);
    out.push('"');
}

/// Escapes backslash, line feed and, in a quoted text, the quotation mark. A NUL, where Prometheus takes
/// the page to end, becomes the sign for what cannot be shown: one request could spoil every scrape.
pub(super) fn escape(out: &mut String, text: &str, quoted: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            '"' if quoted => out.push_str("\\\""),
            _ => out.push(c),
        }
    }
}

/// The names and values of what [`write`] has written.
pub(super) fn read(text: &str) -> impl Iterator<Item = (&str, String)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    rest = after[at + 1..].trim_start_matches(',');
                    return Some((name, value));
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped)) => value.push(escaped),
                    None => return None,
                },
                plain => value.push(plain),
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read_back(values in proptest::collection::vec("(\\PC|[\n\",\\\\=]){0,9}", 0..4)) {
            let names = ["a", "b", "c", "d"];
            let mut text = String::new();
            write(&mut text, &names, &values);
            let back: Vec<_> = read(&text).map(|(name, value)| (name.to_owned(), value)).collect();
            let given: Vec<_> = names.iter().map(|name| (*name).to_owned()).zip(values).collect();
            prop_assert_eq!(back, given);
        }
    }
}
