use smallvec::SmallVec;

use super::DecodeError;
use crate::{Span, Timestamp};

/// How deep groups of unknown fields may lie. Nothing of today sends any.
const MAX_GROUP_DEPTH: usize = 16;

/// Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the ends of protobuf's `Timestamp`.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The longest protobuf `Duration`, 10,000 years.
const DURATION_SECONDS: i64 = 315_576_000_000;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const GROUP_START: u8 = 3;
const GROUP_END: u8 = 4;
const FIXED32: u8 = 5;

/// Reads one protobuf message front to back.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Offset of `bytes` within the request, for errors.
    base: usize,
}

/// What precedes a field's value.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    pub(super) field: u32,
    wire: u8,
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, base: 0 }
    }

    /// Offset of the next byte within the request.
    pub(super) fn offset(&self) -> usize {
        self.base + self.at
    }

    /// The next field's tag, or `None` at the end.
    #[inline]
    pub(super) fn tag(&mut self) -> Result<Option<Tag>, DecodeError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let offset = self.offset();
        let key = self.varint()?;
        let wire = (key & 7) as u8;
        match u32::try_from(key >> 3) {
            Ok(field @ 1..0x2000_0000) if wire <= FIXED32 => Ok(Some(Tag { field, wire, offset })),
            _ => Err(DecodeError::FieldKey { offset, key }),
        }
    }

    /// Passes over the value of an unknown field.
    pub(super) fn skip(&mut self, tag: Tag) -> Result<(), DecodeError> {
        let mut open = SmallVec::<[u32; MAX_GROUP_DEPTH]>::new();
        let mut tag = tag;
        loop {
            let misplaced = DecodeError::Group { offset: tag.offset, field: tag.field };
            match tag.wire {
                VARINT => drop(self.varint()?),
                FIXED64 => drop(self.take(8, "a fixed field")?),
                FIXED32 => drop(self.take(4, "a fixed field")?),
                LENGTH => drop(self.delimited()?),
                GROUP_START if open.len() < MAX_GROUP_DEPTH => open.push(tag.field),
                GROUP_END if open.last() == Some(&tag.field) => drop(open.pop()),
                _ => return Err(misplaced),
            }
            if open.is_empty() {
                return Ok(());
            }
            tag = self.tag()?.ok_or(misplaced)?;
        }
    }

    /// The value of an embedded message.
    #[inline]
    pub(super) fn message(&mut self, tag: Tag) -> Result<Self, DecodeError> {
        tag.expect(LENGTH)?;
        self.delimited()
    }

    pub(super) fn raw(&mut self, tag: Tag) -> Result<&'a [u8], DecodeError> {
        Ok(self.message(tag)?.bytes)
    }

    #[inline]
    pub(super) fn text(&mut self, tag: Tag) -> Result<&'a str, DecodeError> {
        let text = self.message(tag)?;
        std::str::from_utf8(text.bytes).map_err(|_| DecodeError::Utf8 { offset: text.base })
    }

    #[inline]
    pub(super) fn int64(&mut self, tag: Tag) -> Result<i64, DecodeError> {
        tag.expect(VARINT)?;
        Ok(self.varint()? as i64)
    }

    /// Protobuf keeps the low half of a number that is too long for its type.
    pub(super) fn uint32(&mut self, tag: Tag) -> Result<u32, DecodeError> {
        tag.expect(VARINT)?;
        Ok(self.varint()? as u32)
    }

    #[inline]
    pub(super) fn sint32(&mut self, tag: Tag) -> Result<i32, DecodeError> {
        tag.expect(VARINT)?;
        let zigzag = self.varint()? as u32;
        Ok((zigzag >> 1) as i32 ^ -((zigzag & 1) as i32))
    }

    pub(super) fn bool(&mut self, tag: Tag) -> Result<bool, DecodeError> {
        tag.expect(VARINT)?;
        Ok(self.varint()? != 0)
    }

    pub(super) fn double(&mut self, tag: Tag) -> Result<f64, DecodeError> {
        tag.expect(FIXED64)?;
        let mut bits = [0; 8];
        bits.copy_from_slice(self.take(8, "a double")?);
        Ok(f64::from_le_bytes(bits))
    }

    /// Merges a `Timestamp` message into `time`. One out of range is an error: the peer refuses the
    /// whole call for it as well.
    pub(super) fn timestamp(
        &mut self,
        tag: Tag,
        time: Timestamp,
    ) -> Result<Timestamp, DecodeError> {
        let (seconds, nanos) = self.time(tag, (time.seconds, time.nanos))?;
        if TIMESTAMP_SECONDS.contains(&seconds) && (0..1_000_000_000).contains(&nanos) {
            return Ok(Timestamp { seconds, nanos });
        }
        Err(DecodeError::TimeRange { offset: tag.offset, what: "timestamp", seconds, nanos })
    }

    /// Merges a `Duration` message into `span`, as [`Self::timestamp`] does.
    pub(super) fn duration(&mut self, tag: Tag, span: Span) -> Result<Span, DecodeError> {
        let (seconds, nanos) = self.time(tag, (span.seconds, span.nanos))?;
        if (-DURATION_SECONDS..=DURATION_SECONDS).contains(&seconds)
            && (-999_999_999..=999_999_999).contains(&nanos)
            && seconds.signum() * i64::from(nanos.signum()) >= 0
        {
            return Ok(Span { seconds, nanos });
        }
        Err(DecodeError::TimeRange { offset: tag.offset, what: "duration", seconds, nanos })
    }

    fn time(&mut self, tag: Tag, merged: (i64, i32)) -> Result<(i64, i32), DecodeError> {
        let (mut seconds, mut nanos) = merged;
        let mut message = self.message(tag)?;
        while let Some(tag) = message.tag()? {
            match tag.field {
                1 => seconds = message.int64(tag)?,
                2 => nanos = message.int64(tag)? as i32,
                _ => message.skip(tag)?,
            }
        }
        Ok((seconds, nanos))
    }

    #[inline]
    fn delimited(&mut self) -> Result<Self, DecodeError> {
        let length = self.varint()?;
        let base = self.offset();
        let what = "a length-delimited field";
        let length =
            usize::try_from(length).map_err(|_| DecodeError::Truncated { offset: base, what })?;
        Ok(Self { bytes: self.take(length, what)?, at: 0, base })
    }

    #[inline]
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let rest = &self.bytes[self.at..];
        let taken = rest
            .get(..length)
            .ok_or(DecodeError::Truncated { offset: self.base + self.at, what })?;
        self.at += length;
        Ok(taken)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let offset = self.offset();
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self
                .bytes
                .get(self.at)
                .ok_or(DecodeError::Truncated { offset, what: "a number" })?;
            self.at += 1;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::Varint { offset })
    }
}

impl Tag {
    /// Where the field begins within the request.
    pub(super) fn offset(self) -> usize {
        self.offset
    }

    #[inline]
    fn expect(self, expected: u8) -> Result<(), DecodeError> {
        if self.wire == expected {
            return Ok(());
        }
        let Self { field, wire, offset } = self;
        Err(DecodeError::WireType { offset, field, expected, found: wire })
    }
}
