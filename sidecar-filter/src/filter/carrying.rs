//! What a request carries for this filter: taken at its beginning, and handed on.

use std::rc::Rc;

use super::Filter;
use crate::attributes::{
    Carried, FORWARDED_ATTRIBUTES, Forwarded, HeaderMap, RequestBag, Token, TokenSource,
};
use crate::config::{Scope, Trust};
use crate::host::{HeaderBlock, StreamHost, StreamText};
use crate::stats::Counter;

impl Filter {
    /// Takes what a new request carries; nothing is allocated when it carries nothing.
    pub(super) fn carry<H: StreamHost>(
        &self,
        host: &H,
        scope: &Scope,
        headers: &HeaderMap<'_>,
    ) -> Option<Rc<Carried>> {
        let forwarded = headers.forwarded().and_then(|header| self.believe(host, header));
        let token = scope.token.as_ref().and_then(|source| token(host, headers, source));
        if forwarded.is_none() && token.is_none() {
            return None;
        }
        Some(Rc::new(Carried { forwarded: forwarded.unwrap_or_default(), token }))
    }

    /// Whether the request goes on with other headers than it came with.
    pub(super) fn hands_on(&self, scope: &Scope, headers: &HeaderMap<'_>) -> bool {
        let removes = match &scope.token {
            Some(TokenSource::Header { name, remove: true }) => headers.first(name).is_some(),
            _ => false,
        };
        removes || headers.forwarded().is_some() || scope.forward.is_some()
    }

    /// Takes off what was for us, and puts on what is for the next.
    pub(super) fn hand_on<H: StreamHost>(&self, host: &mut H, scope: &Scope) {
        let forward = scope.forward.as_deref().map(str::as_bytes);
        host.set_header(HeaderBlock::Request, FORWARDED_ATTRIBUTES, forward);
        if let Some(TokenSource::Header { name, remove: true }) = &scope.token {
            host.set_header(HeaderBlock::Request, name, None);
        }
    }

    /// Runs `look` on the request's attributes.
    pub(super) fn with_bag<H: StreamHost, R>(
        &self,
        host: &H,
        scope: &Scope,
        look: impl FnOnce(&RequestBag<'_, H>) -> R,
    ) -> R {
        let carried = self.carried();
        let bag = RequestBag::new(host, &scope.statics, self.began().1);
        look(&bag.with_carried(carried.as_deref()))
    }

    /// What the request carried.
    pub(super) fn carried(&self) -> Option<Rc<Carried>> {
        self.state.borrow().begun.as_ref().and_then(|begun| begun.carried.clone())
    }

    fn believe<H: StreamHost>(&self, host: &H, header: &[u8]) -> Option<Forwarded> {
        let trusted = match &self.site.config.settings().trust {
            Trust::Nobody => false,
            Trust::Anybody => true,
            Trust::MutualTls(principals) => {
                host.mutual_tls() == Some(true)
                    && principals.as_ref().is_none_or(|principals| is_one_of(host, principals))
            }
        };
        if !trusted {
            host.count(Counter::ForwardedUntrusted, 1);
            return None;
        }
        let forwarded = Forwarded::read(header);
        if forwarded.is_none() {
            host.count(Counter::ForwardedMalformed, 1);
        }
        forwarded
    }
}

fn is_one_of<H: StreamHost>(host: &H, principals: &[String]) -> bool {
    let Some(uri) = host.text(StreamText::PeerUri) else { return false };
    principals.iter().any(|beginning| begins(uri, beginning.as_bytes()))
}

/// Whether a URI is `beginning`, or begins so with whole segments of its path.
fn begins(uri: &[u8], beginning: &[u8]) -> bool {
    uri.strip_prefix(beginning)
        .is_some_and(|rest| rest.is_empty() || beginning.ends_with(b"/") || rest.starts_with(b"/"))
}

fn token<H: StreamHost>(host: &H, headers: &HeaderMap<'_>, source: &TokenSource) -> Option<Token> {
    match source {
        TokenSource::FilterState(key) => host.filter_state(key).map(Token::from_json),
        TokenSource::Header { name, .. } => {
            headers.first(name)?;
            // Several are not what the verifying filter leaves.
            let only = headers.only(name);
            if only.is_none() {
                host.count(Counter::TokensMalformed, 1);
            }
            only.map(Token::from_header)
        }
    }
}
