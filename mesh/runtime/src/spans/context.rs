use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

/// The span that a call belongs to, from its B3 (single or multiple) or W3C headers; none when the
/// headers are missing, malformed, or say that the trace is not sampled. The first of the three that is
/// there decides: what one of them says is not sampled is not looked for in the others.
pub fn parent_context(headers: &HeaderMap) -> Option<Context> {
    let parent = b3_single(headers).or_else(|| b3_multiple(headers)).or_else(|| w3c(headers))?;
    let Parent::Sampled { trace, span } = parent else { return None };
    let trace = TraceId::from_hex(hex(trace, &[16, 32])?).ok()?;
    let span = SpanId::from_hex(hex(span, &[16])?).ok()?;
    let parent = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
    parent.is_valid().then(|| Context::new().with_remote_span_context(parent))
}

/// What one kind of header says.
enum Parent<'h> {
    Sampled {
        trace: &'h str,
        span: &'h str,
    },
    /// Not sampled, or not to be understood.
    None,
}

/// `b3: <trace>-<span>[-<sampled>[-<parent>]]`, or `b3: 0`. Without the third part the decision is ours:
/// the caller records, so we do.
fn b3_single(headers: &HeaderMap) -> Option<Parent<'_>> {
    let mut parts = text(headers, "b3")?.split('-');
    let (Some(trace), Some(span)) = (parts.next(), parts.next()) else { return Some(Parent::None) };
    Some(match parts.next() {
        None | Some("1" | "d") => Parent::Sampled { trace, span },
        Some(_) => Parent::None,
    })
}

/// `x-b3-traceid`, `x-b3-spanid`, `x-b3-sampled`; `x-b3-flags: 1` is debug, which is sampled.
fn b3_multiple(headers: &HeaderMap) -> Option<Parent<'_>> {
    let sampled = text(headers, "x-b3-sampled");
    let debug = text(headers, "x-b3-flags") == Some("1");
    let trace = text(headers, "x-b3-traceid");
    if !debug && sampled.is_some_and(|sampled| sampled != "1" && sampled != "true") {
        return Some(Parent::None);
    }
    Some(match (trace?, text(headers, "x-b3-spanid")) {
        (trace, Some(span)) => Parent::Sampled { trace, span },
        (_, None) => Parent::None,
    })
}

/// `traceparent: <version>-<trace>-<span>-<flags>`; flag 1 is sampled.
fn w3c(headers: &HeaderMap) -> Option<Parent<'_>> {
    let mut parts = text(headers, "traceparent")?.split('-');
    let mut sampled = || {
        let (_version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
        let flags = u8::from_str_radix(hex(parts.next()?, &[2])?, 16).ok()?;
        (flags & 1 == 1).then_some(Parent::Sampled { trace, span })
    };
    Some(sampled().unwrap_or(Parent::None))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Number parsers take signs; ids have none.
fn hex<'h>(text: &'h str, lengths: &[usize]) -> Option<&'h str> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && lengths.contains(&text.len())).then_some(text)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "0000000000000000000000000000abcd";
    const SPAN: &str = "00000000000000ef";
    const B3: (&str, &str) = ("b3", "0000000000000000000000000000abcd-00000000000000ef-1");
    const W3C: (&str, &str) =
        ("traceparent", "00-0000000000000000000000000000abcd-00000000000000ef-01");

    fn parent(headers: &[(&'static str, &'static str)]) -> Option<(String, String)> {
        let headers = headers
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v)))
            .collect();
        let context = parent_context(&headers)?;
        let span = context.span().span_context().clone();
        Some((span.trace_id().to_string(), span.span_id().to_string()))
    }

    #[test]
    fn reads_every_spelling_of_a_parent() {
        let expected = Some((TRACE.to_owned(), SPAN.to_owned()));
        for headers in [
            &[B3][..],
            &[("b3", "0000000000000000000000000000abcd-00000000000000ef")],
            &[("b3", "000000000000abcd-00000000000000ef-d-0000000000000001")],
            &[("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)],
            &[("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-sampled", "1")],
            &[
                ("x-b3-traceid", TRACE),
                ("x-b3-spanid", SPAN),
                ("x-b3-sampled", "0"),
                ("x-b3-flags", "1"),
            ],
            &[W3C],
        ] {
            assert_eq!(parent(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn ignores_a_parent_that_is_malformed_or_not_sampled() {
        for (name, value) in [
            ("b3", "0"),
            ("b3", "0000000000000000000000000000abcd-00000000000000ef-0"),
            ("b3", "xyz-00000000000000ef-1"),
            ("b3", "+000000000000000000000000000abcd-00000000000000ef-1"),
            ("b3", "abcd-ef-1"),
            ("b3", "00000000000000000000000000000000-00000000000000ef-1"),
            ("traceparent", "00-0000000000000000000000000000abcd-00000000000000ef-00"),
            ("traceparent", "00-0000000000000000000000000000abcd-00000000000000ef-+1"),
            ("traceparent", "00"),
            ("x-b3-traceid", TRACE),
        ] {
            assert_eq!(parent(&[(name, value)]), None, "{name}: {value}");
        }
    }

    #[test]
    fn a_kind_of_header_that_says_not_sampled_is_not_overruled_by_another() {
        assert_eq!(parent(&[("b3", "0"), W3C]), None);
        assert_eq!(parent(&[("x-b3-sampled", "0"), W3C]), None);
        assert_eq!(parent(&[]), None);
    }
}
