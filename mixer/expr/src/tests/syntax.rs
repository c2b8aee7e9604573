use super::{check, empty, eval};

#[test]
fn operators_bind_as_in_go() {
    let bag = empty().with("as", "x").with("ai", 2_i64);
    check(
        &bag,
        &[
            (r#"bs | "y" == "y""#, "true"),
            (r#"bs | "u" + "b""#, r#""ub""#),
            (r#"as | "u" + "b""#, r#""xb""#),
            (r#""u" + as | "b""#, r#""ux""#),
            (r#""u" + bs | "b""#, "eval: lookup failed: 'bs'"),
            (r#"ai == 2 && as == "x" || bi == 3"#, "true"),
            ("true || bb && bb", "true"),
            ("false && bb || true", "true"),
            ("ai + 1 > 2 == true", "true"),
            (
                "1 < 2 == 2 < 1",
                "compile: EQ(LT(1, 2), 2) arg 2 (2) typeError got INT64, expected BOOL",
            ),
        ],
    );
}

#[test]
fn names_are_dotted_and_may_be_spread() {
    let bag = empty().with("request.path", "/");
    check(
        &bag,
        &[
            ("request.path", r#""/""#),
            ("request . path", r#""/""#),
            ("request.\n path", r#""/""#),
            ("((request.path))", r#""/""#),
            ("request.path.startsWith(\"/\")", "true"),
        ],
    );
}

#[test]
fn literals_are_those_of_go() {
    check(
        &empty(),
        &[
            ("010", "10"),
            ("9223372036854775807", "9223372036854775807"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("1e3", "1000.0"),
            ("1.5E-1", "0.15"),
            ("TRUE", "true"),
            ("False", "false"),
            (r#""a\tb\x41\u00e9\101\"""#, r#""a\tbAéA\"""#),
            (r#""\xc3\xa9""#, r#""é""#),
            ("`raw\\n`", r#""raw\\n""#),
            ("`a\r\nb`", r#""a\nb""#),
            ("'x'", r#""x""#),
            (r"'\''", r#""'""#),
            ("'é'", r#""é""#),
        ],
    );
}

#[test]
fn a_text_that_go_reads_as_a_duration_is_one() {
    for (text, nanos) in [
        ("0", 0),
        ("+0", 0),
        ("10s", 10_000_000_000),
        ("-3ms", -3_000_000),
        ("1h5m", 3_900_000_000_000),
        ("+1.5s", 1_500_000_000),
        (".5ns", 0),
        ("1.s", 1_000_000_000),
        ("3us", 3_000),
        ("3\u{b5}s", 3_000),
        ("3\u{3bc}s", 3_000),
        ("9223372036854775807ns", i64::MAX),
        ("0.3333333333333333333h", 1_200_000_000_000),
    ] {
        assert_eq!(eval(&format!("{text:?}"), &empty()), format!("{nanos}ns"), "{text}");
    }
    for text in ["", "5", "1d", "s", ".s", "1s ", "1.5.5s", "-", "9223372036854775808ns", "1s-1s"] {
        assert_eq!(eval(&format!("{text:?}"), &empty()), format!("{text:?}"), "{text}");
    }
    check(
        &empty().with("as", "0"),
        &[(
            r#"as == "0""#,
            r#"compile: EQ($as, "0") arg 2 ("0") typeError got DURATION, expected STRING"#,
        )],
    );
}

#[test]
fn a_line_may_end_only_where_more_must_follow() {
    let bag = empty().with("ab", true);
    check(
        &bag,
        &[
            ("ab &&\nab", "true"),
            ("ab && // comment\n ab\n\n", "true"),
            ("/* all */ ab /* of it */", "true"),
            ("conditional(ab,\n 1,\n 2,\n)", "1"),
            (
                "ab\n&& ab",
                "compile: unable to parse expression 'ab\n&& ab': 2:1: the line break before it ends \
                 the expression: put operators at the end of a line, found &&",
            ),
            (
                "(ab\n)",
                "compile: unable to parse expression '(ab\n)': 1:4: ')' expected, found line break",
            ),
            (
                "ab /* \n */ && ab",
                "compile: unable to parse expression 'ab /* \n */ && ab': 2:5: the line break before \
                 it ends the expression: put operators at the end of a line, found &&",
            ),
        ],
    );
}

#[test]
fn what_is_not_of_the_grammar_is_refused_with_its_place() {
    for (text, place) in [
        ("a = 2", "1:3"),
        ("a @ b", "1:3"),
        ("", "empty expression"),
        ("  // nothing", "empty expression"),
        ("a b", "1:3"),
        ("(a", "1:3"),
        ("a)", "1:2"),
        ("m[\"k\"", "1:6"),
        ("m[]", "1:3"),
        ("f(a b)", "1:5"),
        ("a.type", "1:3"),
        ("if", "1:1"),
        ("a.\"x\"", "1:3"),
        ("a.1", "1:2"),
        ("'ab'", "1:1"),
        ("''", "1:1"),
        ("\"open", "1:1"),
        ("\"line\nbreak\"", "1:1"),
        (r#""\q""#, "1:2"),
        (r#""\'""#, "1:2"),
        (r#""\xff""#, "1:1"),
        (r#""\ud800""#, "1:2"),
        (r#""\400""#, "1:2"),
        (r#""\x4""#, "1:2"),
        ("/* open", "1:1"),
        ("0x10", "1:1"),
        ("1_000", "1:1"),
        ("08", "1:1"),
        ("1i", "1:1"),
        ("1e", "1:1"),
        ("1e400", "1:1"),
        ("9223372036854775808", "1:1"),
        ("m[\"k\"].startsWith(\"x\")", "1:8"),
        ("(a).b", "1:6"),
        ("(f)(a)", "1:4"),
        ("f(a)(b)", "1:5"),
        ("a <-1", "1:3"),
        ("a[1:2]", "1:4"),
        ("f(a...)", "1:5"),
        ("a{}", "1:2"),
        ("a;", "1:2"),
        ("é€", "1:3"),
    ] {
        let outcome = eval(text, &empty());
        assert!(outcome.starts_with("compile: "), "{text}: {outcome}");
        assert!(outcome.contains(place), "{text}: {outcome}");
    }
}

#[test]
fn anything_in_parentheses_can_have_methods() {
    let bag = empty().with("ar", [("k", "xy")]);
    check(
        &bag,
        &[
            (r#"(ar["k"]).startsWith("x")"#, "true"),
            (r#"("x" + "y").endsWith("y")"#, "true"),
            (r#"toLower("XY").startsWith("x")"#, "true"),
            (r#""xy".startsWith("x")"#, "true"),
            (r#"(bs | "xy").startsWith("y")"#, "false"),
        ],
    );
}
