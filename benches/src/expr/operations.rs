use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use mesh_attributes::wire::{CheckRequest, encode_check_request};
use mesh_attributes::{Span, ValueType};
use mixer_expr::{Language, compile_in};

use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::measure;
use crate::request::{self, NAMESPACE};
use crate::subject::{Promise, Subject};

/// An operation, written for each language that has it.
struct Case {
    /// In the order of [`Language::ALL`].
    names: [&'static str; 3],
    cexl: Option<&'static str>,
    cel: Option<&'static str>,
    compat: Option<&'static str>,
    /// Whether it makes a text, a list or a map: then it allocates.
    makes: bool,
}

macro_rules! case {
    ($name:literal, $cexl:expr, $cel:expr, $compat:expr) => {
        Case {
            names: [concat!($name, "_cexl"), concat!($name, "_cel"), concat!($name, "_compat")],
            cexl: $cexl,
            cel: $cel,
            compat: $compat,
            makes: false,
        }
    };
    (all $name:literal, $text:expr) => {
        case!($name, Some($text), Some($text), Some($text))
    };
    (bar $name:literal, $cexl:expr, $cel:expr) => {
        case!($name, Some($cexl), Some($cel), Some($cexl))
    };
    (cel $name:literal, $text:expr) => {
        case!($name, None, Some($text), None)
    };
    (makes $case:expr) => {
        Case { makes: true, ..$case }
    };
}

/// Every operator and function, on attributes where they can be: of constants the outcome is known when
/// an expression is compiled. An operation on texts reads one or two, whose cost is that of `read_text`.
fn cases() -> Vec<Case> {
    vec![
        case!(all "constant", "true"),
        case!(all "read_bool", "connection.mtls"),
        case!(all "read_text", "request.method"),
        case!(all "read_map", "request.headers"),
        case!("read_absent", None, Some("source.name"), Some("source.name")),
        case!(all "equal_text", r#"request.method == "GET""#),
        case!(all "equal_int", "destination.port == 8080"),
        case!(all "equal_double", "x.ratio == 2.5"),
        case!(all "equal_bool", "connection.mtls == true"),
        case!(all "equal_ip", r#"source.ip == ip("10.8.0.41")"#),
        case!(all "equal_timestamp", "request.time == request.time"),
        case!(all "equal_dns", r#"x.dns == dnsName("istio.io")"#),
        case!(all "equal_email", r#"x.email == email("a@istio.io")"#),
        case!(all "equal_uri", r#"x.uri == uri("http://istio.io/a")"#),
        case!(
            "equal_duration",
            None,
            Some("response.duration == duration('7ms')"),
            Some(r#"response.duration == "7ms""#)
        ),
        case!(all "less_text", r#"request.method < "POST""#),
        case!(all "less_int", "destination.port < 9000"),
        case!(all "less_double", "x.ratio < 9.5"),
        case!(all "less_timestamp", r#"request.time < timestamp("2100-01-01T00:00:00Z")"#),
        case!(all "and", "connection.mtls && connection.mtls"),
        case!(all "or", "x.false || connection.mtls"),
        case!(bar "bar_present", r#"request.method | "none""#, r#"pick(request.method, "none")"#),
        case!(bar "bar_absent", r#"source.name | "none""#, r#"pick(source.name, "none")"#),
        case!(all "index", r#"request.headers["x-user"]"#),
        case!(bar "index_bar", r#"request.headers["x-none"] | "none""#, r#"pick(request.headers["x-none"], "none")"#),
        case!(all "add_int", "destination.port + 1"),
        case!(all "add_double", "x.ratio + 1.5"),
        case!(makes case!(all "add_text", r#"request.method + " " + request.path"#)),
        case!(all "conditional", r#"conditional(connection.mtls, "mutual_tls", "none")"#),
        case!(
            "conditional_string",
            Some(r#"conditionalString(connection.mtls, "mutual_tls", "none")"#),
            None,
            None
        ),
        case!(all "size", "size(request.method)"),
        case!(all "match_prefix", r#"match(request.path, "/products*")"#),
        case!(all "match_suffix", r#"match(destination.service.host, "*.local")"#),
        case!(bar "matches", r#""^/products\\?page=[0-9]+$".matches(request.path)"#, r#"request.path.matches("^/products\\?page=[0-9]+$")"#),
        case!(all "starts_with", r#"request.path.startsWith("/products")"#),
        case!(all "ends_with", r#"request.path.endsWith("=0")"#),
        case!(all "to_lower_of_lower", "toLower(request.scheme)"),
        case!(makes case!(all "to_lower", "toLower(request.method)")),
        case!(makes case!("reverse", None, Some("reverse(request.method)"), Some("reverse(request.method)"))),
        case!(all "ip", "ip(x.address)"),
        case!(all "timestamp", "timestamp(x.time)"),
        case!(makes case!(all "dns_name", "dnsName(destination.service.host)")),
        case!(makes case!(all "email", "email(x.address_of_mail)")),
        case!(all "uri", "uri(request.path)"),
        case!(all "empty_string_map", r#"emptyStringMap()"#),
        case!(cel "has", "has(request.method)"),
        case!(cel "has_key", "has(request.headers.accept)"),
        case!(cel "in_map", "'x-user' in request.headers"),
        case!(cel "in_list", "request.method in ['HEAD', 'OPTIONS', 'GET']"),
        case!(cel "ternary", "connection.mtls ? 1 : 2"),
        case!(cel "not", "!connection.mtls"),
        case!(cel "negate", "-destination.port"),
        case!(cel "contains", "request.path.contains('page')"),
        case!(cel "subtract", "destination.port - 1"),
        case!(cel "multiply", "destination.port * 2"),
        case!(cel "divide", "destination.port / 2"),
        case!(cel "modulo", "destination.port % 2"),
        case!(cel "add_duration", "request.time + response.duration"),
        case!(cel "get_hours", "request.time.getHours()"),
        case!(cel "to_int", "int(x.ratio)"),
        case!(makes case!(cel "to_string", "string(destination.port)")),
        case!(makes case!(cel "make_map", "{'a': request.method}['a']")),
    ]
}

fn types() -> BTreeMap<String, ValueType> {
    use ValueType as T;
    let named = [
        ("connection.mtls", T::Bool),
        ("destination.port", T::Int64),
        ("destination.service.host", T::String),
        ("request.headers", T::StringMap),
        ("request.method", T::String),
        ("request.path", T::String),
        ("request.scheme", T::String),
        ("request.time", T::Timestamp),
        ("response.duration", T::Duration),
        ("source.ip", T::IpAddress),
        ("source.name", T::String),
        ("x.address", T::String),
        ("x.address_of_mail", T::String),
        ("x.dns", T::DnsName),
        ("x.email", T::EmailAddress),
        ("x.false", T::Bool),
        ("x.ratio", T::Double),
        ("x.time", T::String),
        ("x.uri", T::Uri),
    ];
    named.map(|(name, value_type)| (name.to_owned(), value_type)).into()
}

pub(super) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let attributes = request::attributes(0, NAMESPACE)
        .with("response.duration", Span::from_nanos(7_000_000))
        .with("x.address", "10.8.0.41")
        .with("x.address_of_mail", "a@istio.io")
        .with("x.dns", "Istio.io")
        .with("x.email", "a@Istio.io")
        .with("x.false", false)
        .with("x.ratio", 2.5)
        .with("x.time", "2019-10-02T07:04:05Z")
        .with("x.uri", "HTTP://istio.io/a");
    let mut message = Vec::new();
    encode_check_request(&attributes, "", &[], &mut message);
    let bag = CheckRequest::decode(&message)?.attributes;
    let (bag, types) = (&bag, types());
    let mut subjects = Vec::new();
    for case in cases() {
        let texts = [case.cexl, case.cel, case.compat];
        for ((name, language), text) in case.names.into_iter().zip(Language::ALL).zip(texts) {
            let Some(text) = text else { continue };
            let expression = compile_in(text, language, &types).context(name)?;
            let operation = move || {
                ensure!(expression.eval(bag).is_ok(), "{} fails", expression.text());
                Ok(())
            };
            let subject = Subject::new(name, operation);
            subjects.push(if case.makes { subject } else { subject.allocates(Promise::Never) });
        }
    }
    measure(subjects, effort)
}
