use mesh_attributes::Span;

use super::{check_in, empty, reads_in};
use crate::Language::Compat;

#[test]
fn the_bar_asks_for_presence_of_dotted_names_and_keys_only() {
    let bag = empty().with("source.name", "x").with("source.labels", [("app", "istio")]);
    check_in(
        Compat,
        &bag,
        &[
            (r#"source.name | "d""#, r#""x""#),
            (r#"request.path | source.name | "d""#, r#""x""#),
            (r#"request.path | (request.headers["k"] | "d")"#, r#""d""#),
            (r#"source.labels["app"] | "d""#, r#""istio""#),
            (r#"source.labels["zone"] | "d""#, r#""d""#),
            (r#"request.headers["zone"] | source.labels["zone"]"#, "eval: no such key: 'zone'"),
            (r#"as | "d""#, r#""""#),
            (r#"(source.name + "y") | "d""#, r#""xy""#),
            (r#"connection.duration | "0ms""#, "0ns"),
            ("source.ip | ip(\"0.0.0.0\")", "0.0.0.0"),
            (
                r#"conditional((context.reporter.kind | "inbound") == "outbound", "a", "b")"#,
                r#""b""#,
            ),
            (r#"(request.headers | source.labels)["app"]"#, r#""istio""#),
        ],
    );
}

#[test]
fn absence_keys_and_durations_are_cels() {
    let bag = empty().with("connection.duration", Span::from_nanos(5_000_000));
    check_in(
        Compat,
        &bag,
        &[
            ("as", r#""""#),
            ("as == \"\" && ai == 0", "true"),
            (r#"ar["k"]"#, "eval: no such key: 'k'"),
            (r#"connection.duration < "10ms""#, "true"),
            (r#"connection.duration == "5ms""#, "true"),
            ("ai / 2 == 0", "true"),
            ("1 / ai", "eval: divide by zero"),
            ("1 / ai == 1 || true", "true"),
            ("timestamp(2)", "@2.000000000"),
            (r#""ab".matches("a.")"#, "true"),
            ("!ab", "true"),
            ("-ai - -1", "1"),
            ("-9223372036854775807", "-9223372036854775807"),
            ("TRUE && !false", "true"),
            ("reverse(`ab`) + 'c'", r#""bac""#),
            ("pick(request.size, 5) | 6", "5"),
        ],
    );
}

#[test]
fn the_grammar_is_gos_and_the_types_are_cels() {
    check_in(
        Compat,
        &empty(),
        &[
            (
                "as == 2",
                "compile: found no matching overload for '_==_' applied to '(string, int)'",
            ),
            ("ai & 2", "compile: unknown function: AND"),
            ("^ai", "compile: unknown function: XOR"),
            ("+ai", "compile: unable to parse expression: 1:1: '+' stands between two operands"),
            (
                "request.path in source.labels",
                "compile: unable to parse expression 'request.path in source.labels': 1:14: operator expected, found in",
            ),
            ("nope", "compile: undeclared reference to 'nope' (in container '')"),
            (
                "as ? 1 : 2",
                "compile: unable to parse expression 'as ? 1 : 2': 1:4: unexpected character '?'",
            ),
        ],
    );
    let long = format!("a{}", ".a".repeat(1000));
    check_in(
        Compat,
        &empty(),
        &[(&long, "compile: expression is nested too deeply: 64 levels at most")],
    );
}

#[test]
fn reads_are_those_of_pick() {
    let bag = empty().with("source.name", "x").with("request.headers", [("k", "v")]);
    reads_in(
        Compat,
        &bag,
        &[
            (r#"source.name | "d""#, "+source.name"),
            (r#"request.path | source.name | "d""#, "-request.path +source.name"),
            (r#"as | bs"#, "-as"),
            (r#"request.headers["k"] | "d""#, "+request.headers[k]"),
            (r#"source.labels["k"] | "d""#, "-source.labels"),
            (r#"request.headers["q"] | "d""#, "-request.headers[q]"),
        ],
    );
}
