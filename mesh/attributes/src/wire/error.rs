use thiserror::Error;

/// Why bytes are not the message they should be. Offsets count from the first byte of the request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The message ends where more was announced.
    #[error("byte {offset}: {what} reaches beyond the end of its message; was it cut short?")]
    Truncated {
        /// Where the thing begins.
        offset: usize,
        /// What was being read.
        what: &'static str,
    },
    /// A number does not fit 64 bits.
    #[error("byte {offset}: a number takes more than 64 bits; is this protobuf?")]
    Varint {
        /// Where the number begins.
        offset: usize,
    },
    /// A field's key is none that protobuf has.
    #[error("byte {offset}: {key} is no field key; is this protobuf?")]
    FieldKey {
        /// Where the key stands.
        offset: usize,
        /// The key: field number and wire type in one.
        key: u64,
    },
    /// A known field has another wire type than its definition says.
    #[error(
        "byte {offset}: field {field} has wire type {found} instead of {expected}; is it another message?"
    )]
    WireType {
        /// Where the field begins.
        offset: usize,
        /// The field's number.
        field: u32,
        /// The wire type of the field's definition.
        expected: u8,
        /// The wire type in the message.
        found: u8,
    },
    /// Groups of an unknown field are not closed in order, or lie too deep.
    #[error("byte {offset}: a group of field {field} is not closed properly or lies too deep")]
    Group {
        /// Where the group begins or ends.
        offset: usize,
        /// The number of the group's field.
        field: u32,
    },
    /// A text is not UTF-8.
    #[error("byte {offset}: a text is not UTF-8; were raw bytes sent as a string?")]
    Utf8 {
        /// Where the text begins.
        offset: usize,
    },
    /// A time is outside the range that protobuf defines.
    #[error("byte {offset}: the {what} {seconds}s {nanos}ns is out of protobuf's range")]
    TimeRange {
        /// Where the time's message begins.
        offset: usize,
        /// `timestamp` or `duration`.
        what: &'static str,
        /// The seconds sent.
        seconds: i64,
        /// The nanoseconds sent.
        nanos: i32,
    },
    /// There is more of something than is accepted.
    #[error("byte {offset}: more than {limit} {what}")]
    TooMany {
        /// Where the first that is too much begins.
        offset: usize,
        /// What there is too much of.
        what: &'static str,
        /// How much is accepted.
        limit: usize,
    },
    /// A word is neither in the message nor in the global dictionary.
    #[error(
        "word {index} is neither in the message nor in the global dictionary; does the sender know a newer one?"
    )]
    UnknownWord {
        /// The index on the wire: from 0 the global dictionary, from -1 down the message's words.
        index: i32,
    },
    /// One delta sets an attribute twice with different types.
    #[error("attribute {name} is set twice with different types")]
    Duplicate {
        /// The attribute's name.
        name: String,
    },
    /// A reference's condition has a number that is not defined.
    #[error("the reference to {name} has the unknown condition {condition}; is the server newer?")]
    UnknownCondition {
        /// The attribute's name.
        name: String,
        /// The number on the wire.
        condition: i32,
    },
    /// An answer depends on more than anyone would cache.
    #[error("an answer with more than {limit} references is not worth caching")]
    TooManyReferences {
        /// How many are accepted.
        limit: usize,
    },
}

/// Why one element of a report was not understood. The others are unharmed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("report element {index}: {source}")]
pub struct ElementError {
    /// The element's place in the report, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub source: DecodeError,
}
