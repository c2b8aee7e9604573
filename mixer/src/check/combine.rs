//! One verdict of all that handlers said.
//!
//! Everything goes by the order of the rules – the root namespace's first, then by name – so that equal
//! requests get equal answers: the first failing code, the texts of all that failed, the direct response
//! of the first that failed, the shortest lifetime and the fewest uses. A handler that answers OK without
//! lifetime, uses or anything else has no opinion and takes no part.
//!
//! Refused: the order of completion, as in Istio, where the same request may be answered differently.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{CheckResult, DirectResponse};
use http::{HeaderName, HeaderValue};
use mesh_api::mixer::v1::header_operation::Operation;
use mesh_api::mixer::v1::{HeaderOperation, RouteDirective};
use mesh_config::FailPolicy;

use crate::answer::{UseCount, Verdict};
use crate::codes;
use crate::handlers::HandlerUnit;
use crate::policy::rule::CheckCall;

/// What an answer is worth on which no handler had an opinion (as in Istio's Mixer).
const NO_OPINION: (Duration, UseCount) = (Duration::from_secs(60), UseCount(10_000));

/// What one handler said, or Mixer in its place.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) handler: Arc<HandlerUnit>,
    pub(crate) result: CheckResult,
    pub(crate) source: Source,
    /// Under which header operations know the result's output.
    pub(crate) action: Option<Arc<str>>,
    /// The rule that asked, as `name.rule.namespace`.
    pub(crate) rule: Arc<str>,
}

/// Whose word an outcome is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The handler's.
    Handler,
    /// Mixer's: the handler, or what it depends on, is away and may come back.
    Outage,
    /// Mixer's: what is wrong stays wrong until the configuration or the request changes.
    Mistake,
}

impl Outcome {
    /// By the rule's fail policy: closed refuses, open has no opinion. Neither may be used again.
    pub(super) fn failed(
        call: &CheckCall,
        rule: &Arc<str>,
        code: i32,
        why: &dyn Display,
        source: Source,
    ) -> Self {
        let handler = Arc::clone(&call.target.handler);
        let (code, message) = match call.fail_policy {
            FailPolicy::Closed => (code, format!("instance {}: {why}", call.target.instance)),
            FailPolicy::Open => (0, String::new()),
        };
        let result = CheckResult { code, message, ..CheckResult::default() };
        Self { handler, result, source, action: None, rule: Arc::clone(rule) }
    }

    fn is_no_opinion(&self) -> bool {
        let r = &self.result;
        self.source == Source::Handler
            && r.code == 0
            && r.valid_duration_ns == 0
            && r.valid_use_count == 0
    }
}

/// Whether all that refuse the request do so because a handler is away.
pub(super) fn is_away(outcomes: &[Outcome]) -> bool {
    let mut refusals = outcomes.iter().filter(|outcome| outcome.result.code != 0).peekable();
    refusals.peek().is_some() && refusals.all(|refusal| refusal.source == Source::Outage)
}

pub(super) fn combine(outcomes: &[Outcome]) -> Verdict {
    let mut verdict = Verdict {
        code: 0,
        message: String::new(),
        valid_duration: Duration::MAX,
        valid_use_count: UseCount(-1),
        directive: RouteDirective::default(),
        rule: None,
    };
    let mut opinions = 0;
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_no_opinion()) {
        opinions += 1;
        let result = &outcome.result;
        let lifetime = Duration::from_nanos(result.valid_duration_ns);
        verdict.valid_duration = verdict.valid_duration.min(lifetime);
        verdict.valid_use_count = verdict.valid_use_count.fewer(UseCount(result.valid_use_count));
        if result.code == 0 {
            continue;
        }
        if verdict.code == 0 {
            verdict.code = result.code;
            verdict.rule = Some(Arc::clone(&outcome.rule));
            if let Some(response) = &result.direct_response {
                verdict.directive = directive(response, result.code);
            }
        } else {
            verdict.message.push_str(", ");
        }
        verdict.message.push_str(&outcome.handler.name);
        verdict.message.push(':');
        verdict.message.push_str(&result.message);
    }
    if opinions == 0 {
        (verdict.valid_duration, verdict.valid_use_count) = NO_OPINION;
    }
    verdict
}

/// A direct response as the proxy takes it. Headers that HTTP does not allow are left out; a header
/// replaces what is there, but for cookies, of which there may be several.
fn directive(response: &DirectResponse, code: i32) -> RouteDirective {
    let status = match response.code {
        code @ 200..=599 => u32::from(code),
        _ => codes::http_status(code),
    };
    let header = |(name, value): &(String, String)| {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        HeaderValue::try_from(value.as_str()).ok()?;
        let operation =
            if name == http::header::SET_COOKIE { Operation::Append } else { Operation::Replace };
        Some(HeaderOperation {
            name: name.as_str().to_owned(),
            value: value.clone(),
            operation: operation.into(),
        })
    };
    RouteDirective {
        request_header_operations: Vec::new(),
        response_header_operations: response.headers.iter().filter_map(header).collect(),
        direct_response_code: status,
        direct_response_body: response.body.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, result: CheckResult) -> Outcome {
        let (name, signature) = (name.to_owned(), [0; 32]);
        let handler = HandlerUnit::missing(name.clone(), String::new(), signature, String::new());
        Outcome {
            handler: Arc::new(handler),
            result,
            source: Source::Handler,
            action: None,
            rule: format!("asks-{name}").into(),
        }
    }

    fn result(code: i32, message: &str, seconds: u64, uses: i32) -> CheckResult {
        CheckResult {
            code,
            message: message.to_owned(),
            valid_duration_ns: seconds * 1_000_000_000,
            valid_use_count: uses,
            ..CheckResult::default()
        }
    }

    #[test]
    fn the_first_failure_gives_the_code_and_all_give_their_words() {
        let verdict = combine(&[
            outcome("a.ns", result(0, "", 60, -1)),
            outcome("b.ns", result(7, "no", 30, 5)),
            outcome("c.ns", result(16, "who", 90, 9)),
        ]);
        assert_eq!((verdict.code, verdict.message.as_str()), (7, "b.ns:no, c.ns:who"));
        assert_eq!(verdict.rule.as_deref(), Some("asks-b.ns"));
        assert_eq!(verdict.valid_duration, Duration::from_secs(30));
        assert_eq!(verdict.valid_use_count, UseCount(5));
    }

    #[test]
    fn an_answer_without_an_opinion_takes_no_part_wherever_it_stands() {
        let (nothing, some) = (result(0, "", 0, 0), result(0, "", 10, 3));
        for order in [[&nothing, &some], [&some, &nothing]] {
            let outcomes = order.map(|result| outcome("h.ns", result.clone()));
            let verdict = combine(&outcomes);
            assert_eq!(verdict.valid_duration, Duration::from_secs(10));
            assert_eq!(verdict.valid_use_count, UseCount(3));
        }
        let verdict = combine(&[outcome("h.ns", nothing)]);
        assert_eq!((verdict.valid_duration, verdict.valid_use_count), NO_OPINION);
    }

    #[test]
    fn a_handler_that_is_away_counts_as_such_only_when_no_other_refuses() {
        let outage = || Outcome { source: Source::Outage, ..outcome("a.ns", result(14, "", 0, 0)) };
        let mistake = || Outcome { source: Source::Mistake, ..outage() };
        let (allow, deny) = (|| outcome("b.ns", result(0, "", 9, 9)), result(7, "no", 9, 9));
        assert!(is_away(&[allow(), outage()]));
        assert!(!is_away(&[outage(), outcome("b.ns", deny)]));
        assert!(!is_away(&[mistake(), outage()]));
        assert!(!is_away(&[allow()]));
        // An open rule has no opinion on it.
        let open = Outcome { source: Source::Outage, ..outcome("a.ns", result(0, "", 0, 0)) };
        assert!(!is_away(&[open]));
    }

    #[test]
    fn the_first_failures_direct_response_is_taken_with_the_headers_that_http_allows() {
        let response = |code| DirectResponse {
            code,
            body: "later".to_owned(),
            headers: vec![
                ("Retry-After".to_owned(), "7".to_owned()),
                ("Set-Cookie".to_owned(), "a=b; Expires=Thu, 01 Jan 2026 00:00:00 GMT".to_owned()),
                ("bad name".to_owned(), "x".to_owned()),
                ("x-bad-value".to_owned(), "a\r\nb".to_owned()),
            ],
        };
        let refusal =
            |code| CheckResult { direct_response: Some(response(code)), ..result(8, "busy", 1, 1) };
        let verdict = combine(&[outcome("a.ns", refusal(0)), outcome("b.ns", refusal(418))]);
        let directive = verdict.directive;
        assert_eq!(
            (directive.direct_response_code, directive.direct_response_body.as_str()),
            (429, "later")
        );
        let headers: Vec<_> = directive
            .response_header_operations
            .iter()
            .map(|header| (header.name.as_str(), header.operation()))
            .collect();
        let expected = [("retry-after", Operation::Replace), ("set-cookie", Operation::Append)];
        assert_eq!(headers, expected);
        let verdict = combine(&[outcome("a.ns", refusal(418))]);
        assert_eq!(verdict.directive.direct_response_code, 418);
        let verdict = combine(&[outcome("a.ns", refusal(99))]);
        assert_eq!(verdict.directive.direct_response_code, 429);
    }
}
