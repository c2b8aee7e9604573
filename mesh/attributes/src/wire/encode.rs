use smallvec::SmallVec;

use super::dictionary::Dictionary;
use super::report::INDEPENDENT;
use super::writer::{put_bytes, put_double, put_message, put_sint32, put_uint};
use super::{MAX_WORDS, QuotaRequest, field};
use crate::{AttributeName, EachAttribute, GlobalWord, Value};

/// Appends to `out` an `istio.mixer.v1.CheckRequest` that asks about `bag`. Words of the global
/// dictionary travel by index, others are listed once each.
pub fn encode_check_request(
    bag: &dyn EachAttribute,
    deduplication_id: &str,
    quotas: &[QuotaRequest<'_>],
    out: &mut Vec<u8>,
) {
    let mut words = Dictionary::new(GlobalWord::COUNT);
    put_message(out, 1, |out| {
        bag.each(&mut |name, value| put_attribute(&mut words, name, value, out));
        words.write(field::WORDS, out);
    });
    put_uint(out, 2, GlobalWord::COUNT as u64);
    if !deduplication_id.is_empty() {
        put_bytes(out, 3, deduplication_id.as_bytes());
    }
    for quota in quotas {
        put_message(out, 4, |out| {
            put_bytes(out, field::KEY, quota.name.as_bytes());
            put_message(out, field::VALUE, |out| {
                put_uint(out, 1, quota.amount as u64);
                put_uint(out, 2, quota.best_effort.into());
            });
        });
    }
}

/// Writes an `istio.mixer.v1.ReportRequest` whose elements stand alone and share one list of words.
pub struct ReportEncoder {
    words: Dictionary,
    elements: Vec<u8>,
    /// Bytes of `elements` that are whole; what follows is left of a bag that panicked.
    whole: usize,
    len: usize,
}

impl ReportEncoder {
    /// A report without elements.
    pub fn new() -> Self {
        Self { words: Dictionary::new(GlobalWord::COUNT), elements: Vec::new(), whole: 0, len: 0 }
    }

    /// Adds an element. `false` says that it was not taken: the report would list more words than
    /// readers accept, [`MAX_WORDS`]; finish it first. Only an element that lists as many alone is
    /// refused by an empty report.
    #[must_use = "an element that was not taken is lost"]
    pub fn push(&mut self, bag: &dyn EachAttribute) -> bool {
        let words = self.words.len();
        self.elements.truncate(self.whole);
        put_message(&mut self.elements, 1, |out| {
            bag.each(&mut |name, value| put_attribute(&mut self.words, name, value, out));
        });
        if self.words.len() > MAX_WORDS {
            self.words.truncate(words);
            return false;
        }
        self.whole = self.elements.len();
        self.len += 1;
        true
    }

    /// How many elements the report has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the report has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes the report takes, or a few more.
    pub fn encoded_len(&self) -> usize {
        const COUNT_AND_SEMANTICS: usize = 5;
        self.whole + self.words.encoded_len() + COUNT_AND_SEMANTICS
    }

    /// The report's bytes, `None` when it has no elements. The encoder starts a new report.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        let missing = self.encoded_len() - self.whole;
        let mut out = std::mem::take(&mut self.elements);
        out.truncate(self.whole);
        out.reserve_exact(missing);
        self.words.write(2, &mut out);
        put_uint(&mut out, 3, GlobalWord::COUNT as u64);
        put_uint(&mut out, 4, INDEPENDENT.into());
        self.words.truncate(0);
        (self.whole, self.len) = (0, 0);
        Some(out)
    }
}

impl Default for ReportEncoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends one attribute as an entry of the typed map it belongs to.
fn put_attribute(
    words: &mut Dictionary,
    name: &AttributeName,
    value: Value<'_>,
    out: &mut Vec<u8>,
) {
    let name = match name {
        AttributeName::Global(word) => word.index() as i32,
        AttributeName::Custom(text) => words.index(text),
    };
    let mut put = |field, put_value: &mut dyn FnMut(&mut Vec<u8>)| {
        put_message(out, field, |out| {
            put_sint32(out, field::KEY, name);
            put_value(out);
        });
    };
    match value {
        Value::String(text) => {
            let word = words.index(text);
            put(field::STRINGS, &mut |out| put_sint32(out, field::VALUE, word));
        }
        Value::Int64(v) => put(field::INT64S, &mut |out| put_uint(out, field::VALUE, v as u64)),
        Value::Double(v) => put(field::DOUBLES, &mut |out| put_double(out, field::VALUE, v)),
        Value::Bool(v) => put(field::BOOLS, &mut |out| put_uint(out, field::VALUE, v.into())),
        Value::Timestamp(v) => {
            put(field::TIMESTAMPS, &mut |out| put_time(v.seconds, v.nanos, out));
        }
        Value::Duration(v) => put(field::DURATIONS, &mut |out| put_time(v.seconds, v.nanos, out)),
        Value::Bytes(v) => put(field::BYTES, &mut |out| put_bytes(out, field::VALUE, v)),
        Value::StringMap(map) => {
            let mut entries = SmallVec::<[(i32, i32); 32]>::new();
            map.each(&mut |key, value| entries.push((words.index(key), words.index(value))));
            put(field::STRING_MAPS, &mut |out| {
                put_message(out, field::VALUE, |out| {
                    for (key, value) in &entries {
                        put_message(out, field::MAP_ENTRIES, |out| {
                            put_sint32(out, field::KEY, *key);
                            put_sint32(out, field::VALUE, *value);
                        });
                    }
                });
            });
        }
    }
}

fn put_time(seconds: i64, nanos: i32, out: &mut Vec<u8>) {
    put_message(out, field::VALUE, |out| {
        put_uint(out, 1, seconds as u64);
        put_uint(out, 2, i64::from(nanos) as u64);
    });
}
