use mesh_attributes::{Span, Timestamp};

use super::{check, empty};

#[test]
fn equality_is_that_of_the_type() {
    let bag = empty()
        .with("aip", [1_u8, 2, 3, 4].as_slice())
        .with("bip", [0_u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4].as_slice())
        .with("at", Timestamp { seconds: 1_420_211_075, nanos: 0 })
        .with("adns", "Example.COM.")
        .with("bdns", "example.com")
        .with("aemail", "joe@EXAMPLE.com")
        .with("bemail", "Joe@example.com")
        .with("auri", "HTTP://Example.com:/x")
        .with("buri", "http://example.com/x")
        .with("ad", f64::NAN);
    check(
        &bag,
        &[
            ("true == true", "true"),
            ("true != true", "false"),
            (r#""a" == "a""#, "true"),
            (r#""a" != "b""#, "true"),
            ("2 == 2", "true"),
            ("2.0 != 2.0", "false"),
            ("ad == ad", "false"),
            ("ad != ad", "true"),
            ("ad <= ad", "false"),
            ("aip == bip", "true"),
            ("aip != bip", "false"),
            (r#"aip == ip("::ffff:1.2.3.4")"#, "true"),
            (r#"aip == ip("1.2.3.5")"#, "false"),
            (r#"at == timestamp("2015-01-02T16:04:35+01:00")"#, "true"),
            (r#"at <= timestamp("2015-01-02T16:04:35+01:00")"#, "true"),
            (r#"at >= timestamp("2015-01-02T15:04:35.000000001Z")"#, "false"),
            (r#"at < timestamp("2015-01-02T15:04:35.000000001Z")"#, "true"),
            ("adns == bdns", "true"),
            ("adns != bdns", "false"),
            ("aemail == bemail", "false"),
            (r#"aemail == email("joe@example.com")"#, "true"),
            ("auri == buri", "true"),
        ],
    );
}

#[test]
fn order_is_by_bytes_number_and_instant() {
    check(
        &empty().with("ai", i64::MIN),
        &[
            (r#""a" < "b""#, "true"),
            (r#""Z" < "a""#, "true"),
            (r#""é" > "z""#, "true"),
            (r#""a" >= "a""#, "true"),
            ("ai < 0", "true"),
            ("2 <= 1", "false"),
            ("1.5 > 1.25", "true"),
        ],
    );
}

#[test]
fn addition_joins_texts_and_wraps_integers() {
    check(
        &empty().with("as", "x").with("ai", i64::MAX).with("ad", -0.0),
        &[
            (r#"as + "-" + as"#, r#""x-x""#),
            ("ai + 1", "-9223372036854775808"),
            ("1.5 + 2.25", "3.75"),
            ("ad + ad", "-0.0"),
            ("1 + 2 + 3", "6"),
        ],
    );
}

#[test]
fn match_knows_one_star_at_an_end() {
    let cases = [
        ("abc", "abc", true),
        ("abc", "ab", false),
        ("abc", "ab*", true),
        ("abc", "*bc", true),
        ("abc", "*", true),
        ("", "*", true),
        ("abc", "*b*", false),
        ("*bc", "*b*", true),
        ("abc", "a*c", false),
        ("a*c", "a*c", true),
        ("abc", "", false),
    ];
    for (text, pattern, expected) in cases {
        let bag = empty().with("as", text).with("bs", pattern);
        let expected = expected.to_string();
        check(&bag, &[("match(as, bs)", &expected)]);
        check(&bag, &[(&format!("match(as, {pattern:?})"), &expected)]);
    }
}

#[test]
fn the_receiver_of_matches_is_the_pattern() {
    check(
        &empty().with("as", "st.*").with("bs", "str1"),
        &[
            ("as.matches(bs)", "true"),
            ("bs.matches(as)", "false"),
            (r#""r".matches(bs)"#, "true"),
            (r#""^r".matches(bs)"#, "false"),
            (r#""(".matches(bs)"#, "compile: error parsing regexp '(': unclosed group"),
            (r#"("(" + "").matches(bs)"#, "eval: error parsing regexp '(': unclosed group"),
        ],
    );
}

#[test]
fn patterns_mean_what_they_mean_in_re2() {
    for (pattern, text, expected) in [
        (r"^\d+$", "12", "true"),
        (r"\d", "٣", "false"),
        (r"\w", "é", "false"),
        (r"\D", "٣", "true"),
        (r"\s", "\u{a0}", "false"),
        (r"\s", "\u{b}", "false"),
        (r"\bb", "éb", "true"),
        (r"\Bb", "éb", "false"),
        (r"\pL", "é", "true"),
        (r"\p{Greek}", "α", "true"),
        (r"\p{^Greek}", "α", "false"),
        (r"[a&&b]", "&", "true"),
        (r"[a&&b]", "a", "true"),
        (r"[[a]", "[", "true"),
        (r"[!--]", "#", "true"),
        (r"[]a]", "]", "true"),
        (r"[^]a]", "]", "false"),
        (r"[a-]", "-", "true"),
        (r"[\d-z]", "-", "true"),
        (r"[[:alpha:]]", "é", "false"),
        (r"[[:^alpha:]]", "é", "true"),
        (r"\<", "<", "true"),
        (r"a{", "a{", "true"),
        (r"a{,2}", "a{,2}", "true"),
        (r"^a{2}$", "aa", "true"),
        (r"\Qa.b\E", "axb", "false"),
        (r"\Qa.b\E.", "a.bc", "true"),
        (r"\x41\x{42}\103", "ABC", "true"),
        (r"(?i)k", "\u{212a}", "true"),
        (r"(?s)a.b", "a\nb", "true"),
        (r"a.b", "a\nb", "false"),
        (r"a$", "a\n", "false"),
        (r"(?m)a$", "a\nb", "true"),
        (r"(?P<n>a)", "a", "true"),
        (r"x*?|a??", "", "true"),
    ] {
        check(&empty().with("as", text), &[(&format!("`{pattern}`.matches(as)"), expected)]);
    }
}

#[test]
fn what_re2_refuses_is_refused() {
    for pattern in [
        "(",
        ")",
        "[a",
        "a**",
        "a+?{2}",
        "*a",
        "a{1001}",
        "a{2,1}",
        r"\1",
        r"\8",
        r"\C",
        r"\Z",
        r"\é",
        "\\",
        r"\x",
        r"\x{110000}",
        "[z-a]",
        r"[a-\d]",
        r"[\b]",
        "[[:foo:]]",
        "(?x)a",
        "(?=a)",
        r"\p{Nope}",
        r"\p{Greek",
        r"\p",
    ] {
        let outcome = super::eval(&format!("`{pattern}`.matches(as)"), &empty());
        assert!(outcome.starts_with("compile: error parsing regexp"), "{pattern}: {outcome}");
    }
}

#[test]
fn patterns_of_requests_are_bounded_and_kept_apart() {
    let expression = crate::compile("as.matches(bs)", &super::types()).unwrap();
    for round in 0..2 {
        for i in 0..20 {
            let bag = empty().with("as", format!("^{i}$").as_str()).with("bs", "7");
            assert_eq!(expression.eval_bool(&bag), Ok(i == 7), "{round} {i}");
        }
    }
    for pattern in ["a".repeat(2000), "((((x{9}){9}){9}){9}){999}".to_owned()] {
        let bag = empty().with("as", pattern.as_str()).with("bs", "a");
        let outcome = super::show(expression.eval(&bag));
        assert!(outcome.starts_with("eval: error parsing regexp"), "{outcome}");
    }
}

#[test]
fn conditional_evaluates_one_arm_and_conditional_string_both() {
    check(
        &empty().with("ab", true).with("at", Timestamp::default()).with("ar", [("k", "v")]),
        &[
            (r#"conditional(ab, "x", bs)"#, r#""x""#),
            (r#"conditional(false, bs, "y")"#, r#""y""#),
            ("conditional(ab, 43, 24)", "43"),
            ("conditional(ab, at, bt)", "@0.000000000"),
            (r#"conditional(ab, "10s", "20s")"#, "10000000000ns"),
            (r#"conditional(ab, ar, br)["k"]"#, r#""v""#),
            ("conditional(bb, 1, 2)", "eval: lookup failed: 'bb'"),
            (r#"conditionalString(ab, "x", "y")"#, r#""x""#),
            (r#"conditionalString(false, "x", "y")"#, r#""y""#),
            (r#"conditionalString(ab, "x", bs)"#, "eval: lookup failed: 'bs'"),
        ],
    );
}

#[test]
fn functions_of_texts() {
    check(
        &empty().with("as", "ÀÉΣİẞ"),
        &[
            (r#"size("né")"#, "3"),
            (r#"size("")"#, "0"),
            (r#"toLower("ABC")"#, r#""abc""#),
            ("toLower(as)", r#""àéσiß""#),
            (r#""abc".startsWith("")"#, "true"),
            (r#""abc".startsWith("bc")"#, "false"),
            (r#""abc".endsWith("bc")"#, "true"),
            ("emptyStringMap()", "{}"),
            (r#"emptyStringMap()["k"]"#, r#""""#),
        ],
    );
}

#[test]
fn every_type_is_a_value() {
    let bag = empty()
        .with("as", "s")
        .with("ai", 1_i64)
        .with("ad", 1.5)
        .with("ab", true)
        .with("at", Timestamp { seconds: 1, nanos: 2 })
        .with("aip", [1_u8, 2, 3, 4].as_slice())
        .with("bip", [1_u8].as_slice())
        .with("aemail", "e")
        .with("auri", "u")
        .with("adns", "d")
        .with("adur", Span::from_nanos(-1))
        .with("ar", [("k", "v")]);
    check(
        &bag,
        &[
            ("as", r#""s""#),
            ("ai", "1"),
            ("ad", "1.5"),
            ("ab", "true"),
            ("at", "@1.000000002"),
            ("aip", "1.2.3.4"),
            ("bip", "[1]"),
            ("aemail", r#""e""#),
            ("auri", r#""u""#),
            ("adns", r#""d""#),
            ("adur", "-1ns"),
            ("ar", r#"{"k": "v"}"#),
        ],
    );
}

#[test]
fn a_truth_is_asked_only_of_bool_expressions() {
    let types = super::types();
    let size = crate::compile("size(as)", &types).unwrap();
    let error = size.eval_bool(&empty()).unwrap_err();
    assert_eq!(error.to_string(), "expression is of type INT64, not BOOL");
    assert_eq!(size.text(), "size(as)");
    assert_eq!(crate::compile("ab | true", &types).unwrap().eval_bool(&empty()), Ok(true));
}
