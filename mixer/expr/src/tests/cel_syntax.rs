use mesh_attributes::AttributeBag;

use super::{check_in, empty, types};
use crate::Language::Cel;
use crate::{MAX_DEPTH, compile_in};

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    check_in(Cel, &AttributeBag::new().with("xs", "x").with("request.path", "/"), cases);
}

#[test]
fn texts_have_four_kinds_of_quotes_and_escapes() {
    check(&[
        (r#"'a"b' + "c'd""#, r#""a\"bc'd""#),
        ("'''a\n'b'''", r#""a\n'b""#),
        ("\"\"\"a\"b\"\"\"", r#""a\"b""#),
        (r#"r'\n' + R"\""#, r#""\\n\\""#),
        (
            r#"'\a\b\f\n\r\t\v\\\?\"\'\`' == '\x07\X08\014\n\u000d\U00000009\x0b\\?"' + "'`""#,
            "true",
        ),
        (r#"'\xe9\351'"#, r#""éé""#),
        (r#"b'\xff\377' == b'\xff' + b'\xff'"#, "true"),
        (r#"rb'\x' == b'\\x'"#, "true"),
        (r#"'\u00e9\U0001F600'"#, r#""é😀""#),
    ]);
}

#[test]
fn numbers_are_signed_hexadecimal_or_decimal() {
    check(&[
        ("-0x8000000000000000 + 0X7", "-9223372036854775801"),
        ("1.5e3 + .5 + 1e-1", "1500.6"),
        ("int(0xFFFFFFFFFFFFFFFFu / 0x2u) + int(1U)", "eval: integer is out of range"),
        ("- 5 - -5", "0"),
    ]);
}

#[test]
fn operators_bind_as_in_c_and_the_conditional_to_the_right() {
    check(&[
        ("true || false && false", "true"),
        ("1 + 2 == 3 && !false", "true"),
        ("2 - 1 - 1", "0"),
        ("false ? 1 : true ? 2 : 3", "2"),
        ("(false ? 1 : 2) + 1", "3"),
        ("!!true && --1 == 1", "true"),
        (".request.path + . xs", r#""/x""#),
        ("[1, 2,][1] // the second", "2"),
        ("1 +\n  1 // a comment\n == 2", "true"),
    ]);
}

#[test]
fn faults_of_the_grammar_are_placed() {
    check(&[
        ("", "compile: empty expression"),
        (" // nothing", "compile: empty expression"),
        (
            "1 +",
            "compile: unable to parse expression '1 +': 1:4: operand expected, found end of expression",
        ),
        ("1 1", "compile: unable to parse expression '1 1': 1:3: operator expected, found 1"),
        (
            "xs | 'x'",
            "compile: unable to parse expression 'xs | 'x'': 1:4: unexpected character '|'",
        ),
        (
            "xs.",
            "compile: unable to parse expression 'xs.': 1:4: a name is expected after '.', found end of expression",
        ),
        ("'a", "compile: unable to parse expression ''a': 1:1: literal is not closed: ' expected"),
        (
            "'a\n'",
            "compile: unable to parse expression ''a\n'': 1:1: literal is not closed: ' expected",
        ),
        (r"'\q'", r"compile: unable to parse expression ''\q'': 1:2: unknown escape sequence"),
        (
            r"'\ud800'",
            r"compile: unable to parse expression ''\ud800'': 1:2: escape is not a Unicode code point",
        ),
        (
            r"'\x1'",
            r"compile: unable to parse expression ''\x1'': 1:2: escape sequence lacks digits",
        ),
        (
            r"b'\u0041'",
            r"compile: unable to parse expression 'b'\u0041'': 1:3: bytes have no escapes of Unicode",
        ),
        (
            "9223372036854775808",
            "compile: unable to parse expression '9223372036854775808': 1:1: integer is out of the range of 64 bits, found 9223372036854775808",
        ),
        (
            "1e999",
            "compile: unable to parse expression '1e999': 1:1: number is out of the range of a double, found 1e999",
        ),
        ("1e", "compile: unable to parse expression '1e': 1:1: exponent has no digits"),
        ("0x", "compile: unable to parse expression '0x': 1:1: hexadecimal number has no digits"),
        ("if", "compile: unable to parse expression 'if': 1:1: reserved identifier: if, found if"),
        (
            "null",
            "compile: unable to parse expression 'null': 1:1: null is of no attribute's type: absence is asked for by has()",
        ),
        (
            "a.b{c: 1}",
            "compile: unable to parse expression 'a.b{c: 1}': 1:4: messages cannot be constructed, found {",
        ),
        (
            "f(1",
            "compile: unable to parse expression 'f(1': 1:4: ')' expected, found end of expression",
        ),
        (
            "true ? 1",
            "compile: unable to parse expression 'true ? 1': 1:9: ':' expected, found end of expression",
        ),
        ("a\n  &b", "compile: unable to parse expression 'a\n  &b': 2:3: unexpected character '&'"),
    ]);
}

#[test]
fn depth_is_bounded_and_breadth_is_not() {
    let deep = [
        format!("{}1{}", "(".repeat(1000), ")".repeat(1000)),
        format!("{}true", "!".repeat(1000)),
        format!("{}1", "true ? 1 : ".repeat(1000)),
        format!("{}1{}", "[".repeat(1000), "]".repeat(1000)),
        format!("{}{{}}", "{'a': ".repeat(1000)),
        format!("xs{}", ".xs".repeat(1000)),
        format!("xs{}", "['a']".repeat(1000)),
        format!("{}1", "1 - ".repeat(1000)),
        format!("{}1{}", "size(".repeat(1000), ")".repeat(1000)),
    ];
    for text in deep {
        let error = compile_in(&text, Cel, &types()).unwrap_err();
        assert_eq!(error.to_string(), "expression is nested too deeply: 64 levels at most");
    }
    let wide = [
        format!("{}true", "false || ".repeat(5000)),
        format!("{}'x'", "xs + ".repeat(5000)),
        format!("pick({}'x')", "source.name, ".repeat(4000)),
        format!("xs in [{}'x']", "'a', ".repeat(5000)),
    ];
    for text in wide {
        let expression = compile_in(&text, Cel, &types()).unwrap();
        super::show(expression.eval(&empty()));
    }
    let at_the_limit = format!("{}1{}", "(".repeat(MAX_DEPTH - 1), ")".repeat(MAX_DEPTH - 1));
    assert!(compile_in(&at_the_limit, Cel, &types()).is_ok());
}
