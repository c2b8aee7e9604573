//! Asks as Redis commands.
//!
//! One script decides a whole ask, so a grant is one round trip and no two run at once. All its keys
//! have the counter's digest as their hash tag, so a cluster keeps them on one node. Time is the
//! server's: Mixers whose clocks differ share windows all the same.

use std::fmt::Write;
use std::time::Duration;

use redis::{Cmd, Value, cmd};
use sha2::{Digest, Sha256};

use crate::{Ask, Grant, Window};

const FIXED: &str =
    concat!(include_str!("ask.lua"), include_str!("fixed.lua"), include_str!("answer.lua"));
const ROLLING: &str =
    concat!(include_str!("ask.lua"), include_str!("rolling.lua"), include_str!("answer.lua"));

/// The scripts, with the digests that a server knows them by.
#[derive(Debug)]
pub(super) struct Scripts {
    fixed: redis::Script,
    rolling: redis::Script,
}

/// An ask ready to be sent.
#[derive(Debug)]
pub(super) struct Call {
    keys: Vec<String>,
    arguments: [String; 6],
    is_rolling: bool,
}

impl Default for Scripts {
    fn default() -> Self {
        Self { fixed: redis::Script::new(FIXED), rolling: redis::Script::new(ROLLING) }
    }
}

impl Scripts {
    /// Commands that make the scripts known.
    pub(super) fn load(&self) -> [Cmd; 2] {
        [FIXED, ROLLING].map(|text| cmd("SCRIPT").arg("LOAD").arg(text).to_owned())
    }

    /// The command for a server that knows the scripts.
    pub(super) fn by_digest(&self, call: &Call) -> Cmd {
        let script = if call.is_rolling { &self.rolling } else { &self.fixed };
        call.command("EVALSHA", script.get_hash())
    }

    /// The command for one that has forgotten them; it makes them known again.
    pub(super) fn by_text(&self, call: &Call) -> Cmd {
        call.command("EVAL", if call.is_rolling { ROLLING } else { FIXED })
    }
}

impl Call {
    /// `None` when the counter is one for ever.
    pub(super) fn new(ask: &Ask) -> Option<Self> {
        let (length, bucket) = match ask.window() {
            Window::Forever => return None,
            Window::Fixed { length } => (length, None),
            Window::Rolling { length, bucket } => (length, Some(bucket)),
        };
        let (length, bucket) = (length.as_micros(), bucket.map(|bucket| bucket.as_micros()));
        let mut counter = format!("mixmesh:quota:{{{}}}:{length}", digest(ask.key.text()));
        if let Some(bucket) = bucket {
            // Writing to a String does not fail.
            let _infallible = write!(counter, "/{bucket}");
        }
        let mut keys = vec![counter];
        let mut keep = Duration::ZERO;
        if let Some(deduplication) = &ask.deduplication {
            keys.push(format!("{}:answer:{}", keys[0], digest(&deduplication.id)));
            keep = deduplication.keep;
        }
        let arguments = [
            ask.max_amount.to_string(),
            ask.amount.to_string(),
            u8::from(ask.best_effort).to_string(),
            length.to_string(),
            bucket.unwrap_or(0).to_string(),
            keep.as_micros().div_ceil(1000).to_string(),
        ];
        Some(Self { keys, arguments, is_rolling: bucket.is_some() })
    }

    fn command(&self, how: &str, script: &str) -> Cmd {
        let mut command = cmd(how);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}

/// What a script returned; `None` when that makes no sense as an answer to `ask`.
pub(super) fn grant(reply: &Value, ask: &Ask) -> Option<Grant> {
    let Value::Array(parts) = reply else { return None };
    let [Value::Int(amount), Value::Int(micros)] = parts[..] else { return None };
    // A repeated id is answered with what was granted at first, which may have been more.
    let most = if ask.deduplication.is_some() { i64::MAX } else { ask.amount.abs() };
    let valid_for = Duration::from_micros(u64::try_from(micros).ok()?);
    (0..=most).contains(&amount).then_some(Grant { amount, valid_for })
}

/// In hexadecimal: 64 characters however long the text is, none of which means anything in a key.
fn digest(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CounterKey, Deduplication, Limit};

    #[test]
    fn all_keys_of_an_ask_have_one_hash_tag_whatever_is_in_them() {
        let window = Window::Fixed { length: Duration::from_secs(1) };
        let limit = Limit::new(1, window).unwrap();
        let key = CounterKey::new("h", "q", [("user", "}{")], window);
        let named = Deduplication { id: "}a{".to_owned(), keep: Duration::from_secs(1) };
        let call = Call::new(&Ask::new(key, limit, 1).unwrap().deduplicate(named)).unwrap();
        let tag = |key: &String| {
            let (_, rest) = key.split_once('{').unwrap();
            rest.split_once('}').unwrap().0.to_owned()
        };
        assert_eq!(call.keys.len(), 2);
        assert_eq!(tag(&call.keys[0]).len(), 64);
        assert_eq!(tag(&call.keys[0]), tag(&call.keys[1]));
    }

    #[test]
    fn a_reply_that_is_no_grant_of_this_ask_is_refused() {
        let window = Window::Fixed { length: Duration::from_secs(1) };
        let limit = Limit::new(9, window).unwrap();
        let ask = Ask::new(CounterKey::new("h", "q", [], window), limit, 3).unwrap();
        let reply = |amount, micros| Value::Array(vec![Value::Int(amount), Value::Int(micros)]);
        assert_eq!(grant(&reply(3, 1), &ask).unwrap().amount, 3);
        for wrong in [reply(4, 1), reply(-1, 1), reply(1, -1), Value::Okay, Value::Nil] {
            assert_eq!(grant(&wrong, &ask), None, "{wrong:?}");
        }
    }
}
