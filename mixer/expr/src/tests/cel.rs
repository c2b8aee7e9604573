use mesh_attributes::{AttributeBag, OwnedValue, Span, Timestamp};

use super::{check_in, empty, reads_in};
use crate::Language::Cel;

#[track_caller]
fn check(bag: &AttributeBag, cases: &[(&str, &str)]) {
    check_in(Cel, bag, cases);
}

#[test]
fn an_absent_attribute_reads_as_the_zero_of_its_type() {
    check(
        &empty(),
        &[
            ("xs", r#""""#),
            ("context.reporter.kind", r#""""#),
            ("request.size", "0"),
            ("ad", "0.0"),
            ("connection.mtls", "false"),
            ("connection.duration", "0ns"),
            ("request.time", "@0.000000000"),
            ("source.ip", "[]"),
            ("adns", r#""""#),
            ("aemail", r#""""#),
            ("auri", r#""""#),
            ("request.headers", "{}"),
            ("request.time + connection.duration == at", "true"),
            ("context.reporter.kind == \"\"", "true"),
        ],
    );
}

#[test]
fn a_key_that_lacks_is_an_error_wherever_it_is_not_asked_for() {
    let bag = empty().with("request.headers", [("x-user", "john")]);
    check(
        &bag,
        &[
            (r#"request.headers["x-user"] == '''john'''"#, "true"),
            (r#"request.headers["x-other"] == "john""#, "eval: no such key: 'x-other'"),
            (r#"source.labels["app"]"#, "eval: no such key: 'app'"),
            ("request.headers[xs]", "eval: no such key: ''"),
            ("{}.a", "eval: no such key: 'a'"),
            (r#""x-user" in request.headers"#, "true"),
            (r#""x-other" in request.headers"#, "false"),
            (r#""app" in source.labels"#, "false"),
            (r#"!("app" in source.labels) || source.labels["app"] == "x""#, "true"),
        ],
    );
}

#[test]
fn has_asks_for_presence() {
    let bag = empty()
        .with("request.headers", [("test", "x")])
        .with("context.reporter.kind", "")
        .with("xs", "x");
    check(
        &bag,
        &[
            ("has(context.reporter.kind)", "true"),
            ("has(request.size)", "false"),
            ("has(context.reporter)", "true"),
            ("has(request.headers.test)", "true"),
            ("has(request.headers.other)", "false"),
            ("has(source.labels.test)", "false"),
            ("has({}.a)", "false"),
            ("has({'a': 'b'}.a)", "true"),
            ("has(source.ip) ? 1 : 2", "2"),
        ],
    );
}

#[test]
fn logic_absorbs_errors_that_cannot_matter() {
    let bag = empty().with("connection.mtls", true);
    check(
        &bag,
        &[
            ("(1/0 == 0) || true", "true"),
            ("(1/0 == 0) && false", "false"),
            ("true || (1/0 == 0)", "true"),
            ("(1/0 == 0) || false", "eval: divide by zero"),
            ("(1/0 == 0) && true", "eval: divide by zero"),
            ("(1/0 == 0) || (1%0 == 0)", "eval: divide by zero"),
            ("(1/0 == 0) || (1%0 == 0) || connection.mtls", "true"),
            ("!(1/0 == 0)", "eval: divide by zero"),
            ("connection.mtls ? 1/0 : 1", "eval: divide by zero"),
            ("connection.mtls ? 1 : 1/0", "1"),
            ("(1/0 == 0) ? 1 : 1", "eval: divide by zero"),
        ],
    );
}

#[test]
fn pick_takes_the_first_that_is_there() {
    let bag =
        empty().with("request.path", "/").with("xs", "x").with("source.labels", [("app", "istio")]);
    check(
        &bag,
        &[
            ("pick(request.path, source.name, 'd')", r#""/""#),
            ("pick(source.name, request.path, 'd')", r#""/""#),
            ("pick(source.name, 'd')", r#""d""#),
            ("pick(source.labels['app'], 'd')", r#""istio""#),
            ("pick(source.labels['zone'], 'd')", r#""d""#),
            ("pick(request.headers['zone'], source.name, 'd')", r#""d""#),
            ("pick(source.labels.app, 'd')", r#""istio""#),
            ("pick(source.name)", r#""""#),
            // A name without dots, a value, an operator: always there.
            ("pick(bs, 'd')", r#""""#),
            ("pick(xs, 'd')", r#""x""#),
            ("pick('outbound', 'd')", r#""outbound""#),
            ("pick(request.size + 1, 5)", "1"),
            ("pick(bs, 5)", r#""""#),
            ("pick(1/0, 5)", "eval: divide by zero"),
            ("pick(request.size, source.name)", NO_OVERLOAD_PICK),
            ("pick()", "compile: invalid argument to pick(): at least one value"),
            (
                "pick(has(source.name), true)",
                "compile: invalid argument to pick(): has() answers whether something is there, and pick() asks that",
            ),
        ],
    );
}

const NO_OVERLOAD_PICK: &str =
    "compile: found no matching overload for '_?_:_' applied to '(bool, int, string)'";

#[test]
fn functions_of_the_attribute_language_are_there() {
    let bag = empty()
        .with("xs", "AbÉ")
        .with("source.ip", &[127, 0, 0, 1][..])
        .with("aip", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1][..])
        .with("adns", "Istio.io")
        .with("bdns", "istio.io.");
    check(
        &bag,
        &[
            ("match(xs, 'Ab*')", "true"),
            ("match(xs, xs + '*')", "true"),
            ("match('ab', '*c')", "false"),
            ("toLower(xs)", r#""abé""#),
            ("xs.reverse()", r#""ÉbA""#),
            ("reverse(xs)", r#""ÉbA""#),
            ("emptyStringMap()", "{}"),
            ("source.ip == aip", "true"),
            ("source.ip == ip('127.0.0.1')", "true"),
            ("ip('blah')", "eval: could not convert blah to IP_ADDRESS"),
            ("adns == bdns", "true"),
            ("dnsName('istio.io')", r#""istio.io""#),
            ("email('user@istio.io')", r#""user@istio.io""#),
            ("uri('http://istio.io') == uri('HTTP://istio.io')", "true"),
            ("uri('')", "eval: error converting string to uri: empty string"),
            ("conditional(xs == 'x', 'out', 'in')", r#""in""#),
            ("conditional(true, 1, 1/0)", "1"),
        ],
    );
}

#[test]
fn text_functions_are_those_of_cel() {
    let bag = empty().with("xs", "ab.d").with("bs", r"^ab\.");
    check(
        &bag,
        &[
            ("xs.matches('b.d$')", "true"),
            ("xs.matches(bs)", "true"),
            ("matches(xs, 'x')", "false"),
            ("'^ab'.matches(xs)", "false"),
            ("xs.matches(bs + '(')", r"eval: error parsing regexp '^ab\.(': unclosed group"),
            ("xs.startsWith('ab') && xs.endsWith('.d') && xs.contains('b.')", "true"),
            ("size('é€') + xs.size()", "6"),
            ("size(b'é')", "2"),
            ("xs + 'x' + xs", r#""ab.dxab.d""#),
            ("'a' < 'b' && xs >= 'ab'", "true"),
        ],
    );
}

#[test]
fn arithmetic_is_checked() {
    let bag = empty().with("request.size", i64::MAX).with("ad", 2.5);
    check(
        &bag,
        &[
            ("1 + 2 * 3 - 7 % 4 / 2", "6"),
            ("-request.size - 1", "-9223372036854775808"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("0x10", "16"),
            ("request.size + 1", "eval: integer is out of range"),
            ("-(-request.size - 1)", "eval: integer is out of range"),
            ("(-request.size - 1) / -1", "eval: integer is out of range"),
            ("1 / 0", "eval: divide by zero"),
            ("1 % 0", "eval: modulus by zero"),
            ("-7 / 2", "-3"),
            ("-7 % 2", "-1"),
            ("ad * 2.0 - .5", "4.5"),
            ("1.0 / 0.0", "inf"),
            ("int(7u / 2u) + int(uint('5') % 3u)", "5"),
            ("1u - 2u == 0u", "eval: unsigned integer is out of range"),
            ("ad < 3.0 && 1u < 2u && false < true && b'a' < b'b'", "true"),
            ("1 < 2 == true", "true"),
            ("-ad", "-2.5"),
        ],
    );
}

#[test]
fn times_and_durations_can_be_reckoned_with() {
    let bag = empty()
        .with("connection.duration", Span::from_nanos(30_000_000_000))
        .with("request.time", Timestamp { seconds: 1_569_999_845, nanos: 250_000_000 });
    check(
        &bag,
        &[
            ("connection.duration + duration('30s') == duration('1m')", "true"),
            (
                "connection.duration < duration('1m') && connection.duration > duration('-1h')",
                "true",
            ),
            ("request.time + duration('1h') - request.time", "3600000000000ns"),
            ("duration('1s') + timestamp('1970-01-01T00:00:00Z') == timestamp(1)", "true"),
            ("request.time - duration('250ms')", "@1569999845.000000000"),
            (
                "timestamp('9999-12-31T23:59:59Z') + duration('1s')",
                "eval: timestamp is out of range",
            ),
            ("duration('2540400h') + duration('2540400h')", "eval: duration is out of range"),
            (
                "timestamp('x')",
                "eval: could not convert 'x' to TIMESTAMP. expected format: '2006-01-02T15:04:05Z07:00'",
            ),
            ("duration('x')", "eval: could not convert 'x' to duration"),
            // 2019-10-02 is a Wednesday.
            ("request.time.getFullYear()", "2019"),
            ("request.time.getMonth()", "9"),
            ("request.time.getDate()", "2"),
            ("request.time.getDayOfMonth()", "1"),
            ("request.time.getDayOfWeek()", "3"),
            ("request.time.getDayOfYear()", "274"),
            ("request.time.getHours()", "7"),
            ("request.time.getHours('-08:00')", "23"),
            ("request.time.getDate('-08:00')", "1"),
            ("request.time.getMinutes('05:30')", "34"),
            ("request.time.getSeconds()", "5"),
            ("request.time.getMilliseconds()", "250"),
            ("timestamp('2020-03-01T00:00:00Z').getDayOfYear()", "60"),
            ("timestamp('1969-12-31T23:59:59Z').getDayOfWeek()", "3"),
            (
                "request.time.getHours('Mars')",
                "eval: could not convert 'Mars' to an offset from UTC such as \"+02:00\"",
            ),
            ("duration('3h90m1s').getHours() + duration('90m').getMinutes()", "94"),
            ("duration('1s5ms').getMilliseconds()", "5"),
        ],
    );
}

#[test]
fn conversions_say_what_has_no_form() {
    let bag = empty().with("xs", "12").with("ad", 2.9);
    check(
        &bag,
        &[
            ("int(xs) + int(ad) + int(timestamp(5))", "19"),
            ("int('x')", "eval: could not convert 'x' to int"),
            ("int(1e300)", "eval: integer is out of range"),
            ("int(18446744073709551615u)", "eval: integer is out of range"),
            ("double(xs) + double(1)", "13.0"),
            ("bool('true') && !bool('f')", "true"),
            ("bool('maybe')", "eval: could not convert 'maybe' to bool"),
            ("string(1) + string(1.5) + string(true) + string(7u)", r#""11.5true7""#),
            ("string(1e21) + string(1e-7)", r#""1e+211e-07""#),
            ("string(duration('1m1.5s')) + string(timestamp(0))", r#""61.5s1970-01-01T00:00:00Z""#),
            ("string(bytes('é'))", r#""é""#),
            (r"string(b'\xff')", "eval: could not convert 'bytes that are not UTF-8' to string"),
            ("uint(-1) == 0u", "eval: unsigned integer is out of range"),
        ],
    );
}

#[test]
fn lists_serve_in_and_little_else() {
    let bag = empty().with("xs", "GET").with("ai", 2_i64);
    check(
        &bag,
        &[
            ("xs in ['GET', 'HEAD']", "true"),
            ("xs in ['POST']", "false"),
            ("xs in []", "false"),
            ("ai in [1] + [ai, 3]", "true"),
            ("[1, 2, 3][0] + size([1, 2])", "3"),
            ("[1][1]", "eval: index out of range: 1"),
            ("[1][-1]", "eval: index out of range: -1"),
            ("[1, 2] == [1, ai] && [[1]] != [[]]", "true"),
            ("1 in [1, 1/0]", "eval: divide by zero"),
            ("{'a': 'b'}['a']", r#""b""#),
            ("{'a': xs}", r#"{"a": "GET"}"#),
            ("{}", "{}"),
        ],
    );
}

#[test]
fn whole_maps_are_not_compared() {
    check(
        &empty().with("source.labels", [("app", "x")]),
        &[
            ("source.labels == request.headers", "eval: stringmap does not support equality"),
            ("size(source.labels)", "eval: size not implemented on stringmaps"),
            ("(source.labels == request.headers) || true", "true"),
        ],
    );
}

#[test]
fn a_value_of_another_type_than_declared_is_an_error() {
    let bag = empty()
        .with("xs", 5_i64)
        .with("request.headers", "map")
        .with("connection.mtls", OwnedValue::Bytes(vec![1]));
    check(
        &bag,
        &[
            ("xs", "eval: error converting value to string: '5' (attribute xs)"),
            (
                "request.headers['k']",
                "eval: error converting value to string map: 'map' (attribute request.headers)",
            ),
            (
                "'k' in request.headers",
                "eval: error converting value to string map: 'map' (attribute request.headers)",
            ),
            (
                "pick(request.headers['k'], 'd')",
                "eval: error converting value to string map: 'map' (attribute request.headers)",
            ),
            ("connection.mtls || true", "true"),
        ],
    );
}

#[test]
fn nothing_is_read_beyond_the_answer() {
    let bag = empty()
        .with("xs", "k")
        .with("ab", true)
        .with("request.headers", [("k", "v")])
        .with("source.labels", [("app", "x")]);
    reads_in(
        Cel,
        &bag,
        &[
            ("xs", "+xs"),
            ("bs", "-bs"),
            ("ab || bb", "+ab"),
            ("bb || ab || connection.mtls", "+ab -bb"),
            ("1/0 == 0 || ab", "+ab"),
            ("ab ? xs : bs", "+ab +xs"),
            ("request.headers['k']", "+request.headers[k]"),
            ("request.headers['q'] == 'x' || ab", "+ab -request.headers[q]"),
            ("request.headers[xs]", "+request.headers[k] +xs"),
            ("destination.labels['k'] == ''", "-destination.labels"),
            ("'k' in request.headers", "+request.headers[k]"),
            ("has(request.headers.k) && has(source.name)", "+request.headers[k] -source.name"),
            ("has(context.reporter)", ""),
            ("pick(source.name, request.headers['q'], 'd')", "-request.headers[q] -source.name"),
            ("pick(request.headers['k'], source.name)", "+request.headers[k]"),
            ("(ab ? request.headers : source.labels)['k']", "+ab +request.headers[k]"),
            (
                "pick(destination.labels, request.headers)['k']",
                "-destination.labels +request.headers[k]",
            ),
            ("source.labels", "+source.labels"),
            ("xs in ['k', bs]", "-bs +xs"),
        ],
    );
}
