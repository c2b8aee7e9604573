use std::sync::Arc;

use mesh_api::etcd::{KeyValue, RangeRequest, RangeResponse};

use super::connection::Connection;
use super::error::{EtcdError, is_compacted, is_too_large};
use crate::source::{Event, Inventory, Object, Scope};

/// Keys asked for at once; fewer when their values are so large that the answer is.
const PAGE: i64 = 512;

/// The keys that begin with a prefix.
#[derive(Debug, Clone)]
pub(super) struct Prefix {
    text: Scope,
    end: Vec<u8>,
}

impl Prefix {
    /// `text` ends with `/`.
    pub(super) fn new(text: &str) -> Self {
        let mut end = text.as_bytes().to_vec();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        Self { text: text.into(), end }
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.text
    }

    pub(super) fn start(&self) -> Vec<u8> {
        self.text.as_bytes().to_vec()
    }

    /// The first key after those of the prefix.
    pub(super) fn end(&self) -> Vec<u8> {
        self.end.clone()
    }
}

/// Reads all keys of `prefix` at one revision into `inventory`, and returns the revision.
pub(super) async fn read_all(
    connection: &Connection,
    prefix: &Prefix,
    inventory: &mut Inventory,
) -> Result<i64, EtcdError> {
    inventory.note(prefix.scope(), Event::Init);
    let mut next = RangeRequest {
        key: prefix.start(),
        range_end: prefix.end(),
        limit: PAGE,
        revision: 0,
        keys_only: false,
    };
    loop {
        let page = match connection.range(prefix.scope(), next.clone()).await {
            Ok(page) => page,
            Err(EtcdError::Read { status, .. }) if is_compacted(&status) => {
                return Err(EtcdError::Compacted { endpoint: connection.endpoint().to_owned() });
            }
            Err(EtcdError::Read { status, .. }) if is_too_large(&status) => {
                if next.limit == 1 {
                    skip_one(connection, prefix, &mut next, inventory).await?;
                } else {
                    next.limit = (next.limit / 4).max(1);
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        turn(connection, &mut next, &page)?;
        let last = page.kvs.last().map(|pair| pair.key.clone());
        for pair in page.kvs {
            inventory.note(prefix.scope(), Event::InitApply(object(pair)));
        }
        match last {
            Some(last) if page.more => next.key = after(last),
            _ => break,
        }
        next.limit = (next.limit * 2).min(PAGE);
    }
    inventory.note(prefix.scope(), Event::InitDone);
    Ok(next.revision)
}

/// Refuses the key that `next` begins with: its value alone is larger than any message we take.
async fn skip_one(
    connection: &Connection,
    prefix: &Prefix,
    next: &mut RangeRequest,
    inventory: &mut Inventory,
) -> Result<(), EtcdError> {
    let key_alone = RangeRequest { keys_only: true, ..next.clone() };
    let page = connection.range(prefix.scope(), key_alone).await?;
    turn(connection, next, &page)?;
    if let Some(pair) = page.kvs.into_iter().next() {
        let text = Err("its value is larger than the longest message that is taken".to_owned());
        let refused = Object { name: name_of(&pair.key).0, text };
        inventory.note(prefix.scope(), Event::InitApply(refused));
        next.key = after(pair.key);
    }
    Ok(())
}

/// All further pages are read at the revision of the first.
fn turn(
    connection: &Connection,
    next: &mut RangeRequest,
    page: &RangeResponse,
) -> Result<(), EtcdError> {
    let header = page.header.as_ref().filter(|header| header.revision > 0);
    let endpoint = || connection.endpoint().to_owned();
    let header =
        header.ok_or_else(|| EtcdError::Strange { endpoint: endpoint(), what: "a revision" })?;
    if next.revision == 0 {
        next.revision = header.revision;
    }
    Ok(())
}

fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// A key with its value, as the inventory takes it.
pub(super) fn object(pair: KeyValue) -> Object {
    let (name, readable) = name_of(&pair.key);
    let text = String::from_utf8(pair.value).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        format!("its value is not UTF-8 text: line {line} has other bytes")
    });
    let text = if readable { text } else { Err("its name is not plain UTF-8 text".to_owned()) };
    Object { name, text }
}

/// How problems name a key, and whether that is the key itself.
pub(super) fn name_of(key: &[u8]) -> (Arc<str>, bool) {
    match str::from_utf8(key) {
        Ok(text) if !text.contains(char::is_control) => (text.into(), true),
        _ => (key.escape_ascii().to_string().into(), false),
    }
}
