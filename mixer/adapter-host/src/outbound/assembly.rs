use std::time::Duration;

/// How messages are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assembling {
    pub(crate) prefix: Vec<u8>,
    pub(crate) separator: Vec<u8>,
    pub(crate) suffix: Vec<u8>,
    pub(crate) max_bytes: usize,
    pub(crate) linger: Duration,
}

/// Prefix, separator and suffix are kept for as long as the handler, and the prefix and suffix are sent
/// with each bundle.
const MAX_PART: usize = 64 << 10;

/// Who waits longer for a bundle loses more with a crash than the bundle is worth.
const MAX_LINGER: Duration = Duration::from_secs(600);

impl Assembling {
    /// The mistake in it.
    pub(super) fn problem(&self) -> Option<String> {
        let parts = [&self.prefix, &self.separator, &self.suffix];
        if parts.iter().any(|part| part.len() > MAX_PART) {
            return Some(format!(
                "is sent bundles with more than {MAX_PART} bytes around messages"
            ));
        }
        if self.linger > MAX_LINGER {
            return Some(format!("is sent bundles that wait for more than {MAX_LINGER:?}"));
        }
        None
    }

    /// The length of a bundle of `messages` with `bytes` in all.
    pub(super) fn length(&self, messages: usize, bytes: usize) -> usize {
        let separators = self.separator.len().saturating_mul(messages.saturating_sub(1));
        let around = self.prefix.len() + self.suffix.len();
        around.saturating_add(separators).saturating_add(bytes)
    }

    /// How many messages, from the first on, go into one bundle. The first always does, be it as long as
    /// it may.
    pub(super) fn fit(&self, lengths: impl Iterator<Item = usize>) -> usize {
        let mut bytes = 0;
        let mut count = 0;
        for length in lengths {
            bytes += length;
            if count > 0 && self.length(count + 1, bytes) > self.max_bytes {
                break;
            }
            count += 1;
        }
        count
    }

    /// The bundle.
    pub(super) fn bundle<'m>(&self, messages: impl Iterator<Item = &'m [u8]>) -> Vec<u8> {
        let mut bundle = self.prefix.clone();
        for (position, message) in messages.enumerate() {
            if position > 0 {
                bundle.extend_from_slice(&self.separator);
            }
            bundle.extend_from_slice(message);
        }
        bundle.extend_from_slice(&self.suffix);
        bundle
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn part() -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>(), 0..4)
    }

    proptest! {
        #[test]
        fn bundles_hold_all_messages_in_order_and_are_as_long_as_they_may_be(
            (prefix, separator, suffix) in (part(), part(), part()),
            max_bytes in 0_usize..40,
            messages in vec(vec(any::<u8>(), 0..20), 0..30),
        ) {
            let assembling =
                Assembling { prefix, separator, suffix, max_bytes, linger: Duration::ZERO };
            let mut rest = &messages[..];
            while !rest.is_empty() {
                let count = assembling.fit(rest.iter().map(Vec::len));
                let (now, later) = rest.split_at(count);
                let bundle = assembling.bundle(now.iter().map(Vec::as_slice));
                let bytes = now.iter().map(Vec::len).sum();
                prop_assert_eq!(bundle.len(), assembling.length(count, bytes));
                prop_assert!(count == 1 || bundle.len() <= max_bytes);
                let inner = &bundle[assembling.prefix.len()..bundle.len() - assembling.suffix.len()];
                prop_assert_eq!(inner, now.join(&assembling.separator[..]));
                // One more would not have fitted.
                if let Some(next) = later.first() {
                    prop_assert!(assembling.length(count + 1, bytes + next.len()) > max_bytes);
                }
                rest = later;
            }
        }
    }
}
