use super::{check_in, empty};
use crate::Language::Cel;

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    check_in(Cel, &empty(), cases);
}

#[test]
fn names_that_nobody_declared_say_where_they_go_wrong() {
    check(&[
        ("nothing.at.all", "compile: undeclared reference to 'nothing' (in container '')"),
        ("ass", "compile: undeclared reference to 'ass' (in container '') (did you mean as?)"),
        (
            "context.report",
            "compile: undefined field 'report' of context (did you mean context.reporter.kind?)",
        ),
        (
            "request.paths",
            "compile: undefined field 'paths' of request (did you mean request.path?)",
        ),
        (
            "has(request.header.test)",
            "compile: undefined field 'header' of request (did you mean request.headers?)",
        ),
        ("request.size.length", "compile: type 'int' does not support field selection: 'length'"),
        ("has(xs.x)", "compile: type 'string' does not support field selection: 'x'"),
        ("xs.x.y", "compile: type 'string' does not support field selection: 'x'"),
        ("has(xs)", HAS),
        ("has(1)", HAS),
        ("has(request.headers['k'])", HAS),
        ("has()", HAS),
    ]);
}

const HAS: &str =
    "compile: invalid argument to has(): a dotted name, or a key of a map written like one";

#[test]
fn operands_of_wrong_types_are_listed_by_type() {
    check(&[
        (
            "context.reporter == \"client\"",
            "compile: found no matching overload for '_==_' applied to '(.context.reporter, string)'",
        ),
        (
            "context.reporter.kind == 2",
            "compile: found no matching overload for '_==_' applied to '(string, int)'",
        ),
        (
            "request.headers[1]",
            "compile: found no matching overload for '_[_]' applied to '(map(string, string), int)'",
        ),
        (
            "size(source.ip)",
            "compile: found no matching overload for 'size' applied to '(istio.policy.v1beta1.IPAddress)'",
        ),
        (
            "xs.startsWith(1)",
            "compile: found no matching overload for 'startsWith' applied to 'string.(int)'",
        ),
        (
            "1 + 2 + xs + 3",
            "compile: found no matching overload for '_+_' applied to '(int, string)'",
        ),
        (
            "xs && true",
            "compile: found no matching overload for '_&&_' applied to '(string, bool)'",
        ),
        ("!xs", "compile: found no matching overload for '!_' applied to '(string)'"),
        ("-xs", "compile: found no matching overload for '-_' applied to '(string)'"),
        (
            "ab ? 1 : xs",
            "compile: found no matching overload for '_?_:_' applied to '(bool, int, string)'",
        ),
        (
            "source.ip < source.ip",
            "compile: found no matching overload for '_<_' applied to '(istio.policy.v1beta1.IPAddress, istio.policy.v1beta1.IPAddress)'",
        ),
        (
            "1 in ['a']",
            "compile: found no matching overload for '_in_' applied to '(int, list(string))'",
        ),
        (
            "at + at",
            "compile: found no matching overload for '_+_' applied to '(timestamp, timestamp)'",
        ),
        (
            "connection.duration.getFullYear()",
            "compile: found no matching overload for 'getFullYear' applied to 'duration.()'",
        ),
        (
            "1.5 % 2.0",
            "compile: found no matching overload for '_%_' applied to '(double, double)'",
        ),
        ("1u == 1", "compile: found no matching overload for '_==_' applied to '(uint, int)'"),
    ]);
}

#[test]
fn what_the_language_has_and_policies_do_not_is_named() {
    check(&[
        (
            "type(xs) == string",
            "compile: type() is not available: the type of every value is known from its attributes",
        ),
        (
            "[1].all(x, x > 0)",
            "compile: the macro all() is not available: expressions have no loops; single keys are asked for by m[k] and in",
        ),
        (
            "[1, 'a']",
            "compile: a list of int and string is not available: elements are values, and all of one type",
        ),
        (
            "[context]",
            "compile: a list of .context is not available: elements are values, and all of one type",
        ),
        (
            "{1: 'a'}",
            "compile: a map(int, string) is not available: keys and values of maps are strings",
        ),
        ("fn(xs)", "compile: undeclared reference to 'fn' (in container '')"),
        (
            "toLowr(xs)",
            "compile: undeclared reference to 'toLowr' (in container '') (did you mean toLower?)",
        ),
        ("xs.toLower()", "compile: invoking regular function on instance method: toLower"),
        ("startsWith(xs, xs)", "compile: invoking instance method without an instance: startsWith"),
        ("xs.pick(bs)", "compile: invoking regular function on instance method: pick"),
        ("xs.matches('(')", "compile: error parsing regexp '(': unclosed group"),
    ]);
}

#[test]
fn the_outcome_must_be_of_a_type_that_a_field_can_have() {
    for (text, of) in [
        ("1u", "uint"),
        ("b'a'", "bytes"),
        ("[1]", "list(int)"),
        ("[]", "list(dyn)"),
        ("context", ".context"),
        ("true ? context : context", ".context"),
    ] {
        let expected =
            format!("compile: expression is of type {of}, which no attribute or field can have");
        check(&[(text, &expected)]);
    }
}
