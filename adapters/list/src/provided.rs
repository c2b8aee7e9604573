//! The entries of a document that the host fetches.
//!
//! Read when its version has changed, not at each call. The host takes a document that cannot be fetched
//! away after `ttl`, and then nothing is known: no list is no empty list, and the host's fail policy
//! decides about requests. (Istio's adapter let everyone pass then.)
//!
//! A document with mistakes is a question of what is safe. On a whitelist a line that is no entry lets
//! nobody in: it is told and skipped. On a blacklist it would let somebody in, so a document with any such
//! line is refused as a whole, as is one without a single right line, such as a server's page of errors:
//! what was read before stays for `ttl`. Istio's adapter refused such documents of addresses and patterns
//! in both cases, and a single wrong line kept all other edits out.

use std::time::Duration;

use adapter_sdk::host::lists::Source;
use adapter_sdk::host::{clock, lists, log};
use adapter_sdk::{CallError, Problem};

use crate::document::{Mistake, Reading};
use crate::entries::Entries;
use crate::parameters::{EntryType, Parameters};

/// The largest document. Some 60,000 lines; reading them takes a good part of the time that the host
/// gives to a call.
const MAX_BYTES: u64 = 1 << 20;

/// Mistakes that the message about a document names.
const NAMED: usize = 10;

/// The entries of `provider_url`.
#[derive(Debug)]
pub(crate) struct Provided {
    list: u32,
    entry_type: EntryType,
    /// Whether being on the list is what denies.
    blacklist: bool,
    ttl: Duration,
    /// The version that was read last.
    version: Option<u64>,
    entries: Option<Entries>,
    /// Since when documents are refused, in the clock's nanoseconds.
    refused_since: Option<u64>,
}

impl Provided {
    pub(crate) fn open(parameters: &Parameters) -> Result<Self, Problem> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let source = Source {
            parameter: "provider_url".to_owned(),
            refresh: nanos(*parameters.refresh_interval),
            keep: nanos(*parameters.ttl),
            max_bytes: MAX_BYTES,
        };
        let list = lists::open(&source).map_err(|message| Problem::new("provider_url", message))?;
        Ok(Self {
            list,
            entry_type: parameters.entry_type,
            blacklist: parameters.blacklist,
            ttl: *parameters.ttl,
            version: None,
            entries: None,
            refused_since: None,
        })
    }

    /// The entries in force.
    ///
    /// # Errors
    /// When there are none, which is not the same as an empty list.
    pub(crate) fn entries(&mut self) -> Result<&Entries, CallError> {
        let version = lists::version(self.list);
        if version.is_none() {
            *self = Self { version: None, entries: None, refused_since: None, ..*self };
        } else if version != self.version {
            self.read();
        }
        if let Some(since) = self.refused_since {
            let refused = Duration::from_nanos(clock::monotonic().saturating_sub(since));
            if refused > self.ttl {
                self.entries = None;
            }
        }
        self.entries.as_ref().ok_or_else(|| {
            CallError::backend(match self.refused_since {
                None => "the list of provider_url could not be fetched, or not within ttl",
                Some(_) => "the list of provider_url has mistakes, the log names them",
            })
        })
    }

    fn read(&mut self) {
        let Some(document) = lists::read(self.list) else { return };
        self.version = Some(document.version);
        let Reading { entries, mistakes } = Reading::new(self.entry_type, &document.content);
        let is_refused = !mistakes.is_empty() && (self.blacklist || entries.is_empty());
        if !mistakes.is_empty() {
            tell(&mistakes, is_refused);
        }
        if is_refused {
            self.refused_since.get_or_insert_with(clock::monotonic);
        } else {
            self.refused_since = None;
            self.entries = Some(entries);
        }
    }
}

fn tell(mistakes: &[Mistake], is_refused: bool) {
    let named: Vec<_> = mistakes.iter().take(NAMED).map(name).collect();
    let more = match mistakes.len() - named.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let (level, what) = match is_refused {
        true => (log::Level::Error, "is refused, what was read before stays for ttl"),
        false => (log::Level::Warn, "has lines that are skipped"),
    };
    let named = named.join("; ");
    log::log(level, &format!("the document of provider_url {what}: {named}{more}"));
}

fn name(Mistake { line, message }: &Mistake) -> String {
    /// A line may be a whole page.
    const SHOWN: usize = 120;
    let shown = &message[..message.floor_char_boundary(SHOWN)];
    let cut = if shown.len() < message.len() { "…" } else { "" };
    match line {
        0 => format!("it {shown}{cut}"),
        line => format!("line {line}: {shown}{cut}"),
    }
}
