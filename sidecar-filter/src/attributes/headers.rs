use std::borrow::Cow;
use std::cell::OnceCell;

use mesh_attributes::StringMap;

use super::forwarded::FORWARDED_ATTRIBUTES;
use crate::host::{HeaderBlock, RawHeaders, StreamHost};

/// Above this many headers a search for repeated names is left to a sort.
const PAIRWISE_LIMIT: usize = 48;

/// The headers of a request or response as a map of texts, read once and borrowed from the proxy.
///
/// What a map holds is the same for look-ups, which make cache keys, and for [`each`](StringMap::each),
/// which makes messages: a name that is repeated has its values joined by a comma, as HTTP reads
/// them, so that no value hides behind another; bytes that are not UTF-8 become U+FFFD in values, and
/// a header whose name is not UTF-8 is left out.
#[derive(Debug)]
pub struct HeaderMap<'h> {
    raw: RawHeaders<'h>,
    /// The header of forwarded attributes, of which policy sees what it says and never itself.
    forwarded: Option<&'h [u8]>,
    /// The same with repeated names joined and values made text; made when the first look-up or walk
    /// finds that borrowing will not do.
    merged: OnceCell<Vec<(&'h str, String)>>,
}

impl<'h> HeaderMap<'h> {
    /// The headers of `block` now.
    pub fn read<H: StreamHost>(host: &'h H, block: HeaderBlock) -> Self {
        let mut raw = RawHeaders::new();
        host.headers(block, &mut raw);
        let mut forwarded = None;
        raw.retain(|(name, value)| {
            let is_forwarded = *name == FORWARDED_ATTRIBUTES.as_bytes();
            if is_forwarded {
                forwarded = Some(*value);
            }
            !is_forwarded
        });
        Self { raw, forwarded, merged: OnceCell::new() }
    }

    /// The same, with what later filters or the router may have rewritten put back.
    #[must_use]
    pub fn with_original(mut self, name: &[u8], value: &'h [u8]) -> Self {
        if let Some(header) = self.raw.iter_mut().find(|header| header.0 == name) {
            header.1 = value;
        }
        self
    }

    /// The raw value of the first header of this name.
    pub fn first(&self, name: &str) -> Option<&'h [u8]> {
        self.raw.iter().find(|header| header.0 == name.as_bytes()).map(|header| header.1)
    }

    /// The header of forwarded attributes; the last, if there are several.
    pub fn forwarded(&self) -> Option<&'h [u8]> {
        self.forwarded
    }

    /// The raw value of the only header of this name.
    pub fn only(&self, name: &str) -> Option<&'h [u8]> {
        let mut named = self.raw.iter().filter(|header| header.0 == name.as_bytes());
        let (_, value) = named.next()?;
        named.next().is_none().then_some(*value)
    }

    /// Whether these are the headers of a gRPC request.
    pub fn is_grpc(&self) -> bool {
        const GRPC: &[u8] = b"application/grpc";
        self.first("content-type")
            .and_then(|content_type| content_type.strip_prefix(GRPC))
            .is_some_and(|suffix| suffix.is_empty() || suffix.starts_with(b"+"))
    }

    /// Adds the headers of another block, such as trailers.
    pub fn read_also<H: StreamHost>(&mut self, host: &'h H, block: HeaderBlock) {
        host.headers(block, &mut self.raw);
        self.merged = OnceCell::new();
    }

    /// Whether there are no headers at all.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    fn merged(&self) -> &[(&'h str, String)] {
        self.merged.get_or_init(|| {
            let mut merged: Vec<(&'h str, String)> = Vec::with_capacity(self.raw.len());
            for (name, value) in &self.raw {
                let Ok(name) = std::str::from_utf8(name) else { continue };
                merged.push((name, text(value).into_owned()));
            }
            // Stable, so that the values of one name keep their order.
            merged.sort_by_key(|(name, _)| *name);
            merged.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    earlier.1.push(',');
                    earlier.1.push_str(&later.1);
                }
                same
            });
            merged
        })
    }

    fn is_plain(&self) -> bool {
        self.raw.len() <= PAIRWISE_LIMIT
            && self.raw.iter().enumerate().all(|(index, (name, value))| {
                !self.raw[..index].iter().any(|(earlier, _)| earlier == name)
                    && std::str::from_utf8(value).is_ok()
            })
    }
}

impl StringMap for HeaderMap<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut found = self.raw.iter().filter(|(name, _)| *name == key.as_bytes());
        let (_, value) = found.next()?;
        if found.next().is_none()
            && let Ok(value) = std::str::from_utf8(value)
        {
            return Some(value);
        }
        let merged = self.merged();
        let index = merged.binary_search_by(|(name, _)| (*name).cmp(key)).ok()?;
        Some(&merged[index].1)
    }

    fn each(&self, f: &mut dyn FnMut(&str, &str)) {
        if self.is_plain() {
            for (name, value) in &self.raw {
                if let (Ok(name), Ok(value)) =
                    (std::str::from_utf8(name), std::str::from_utf8(value))
                {
                    f(name, value);
                }
            }
        } else {
            for (name, value) in self.merged() {
                f(name, value);
            }
        }
    }
}

/// Bytes as text, the same wherever it is done.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
