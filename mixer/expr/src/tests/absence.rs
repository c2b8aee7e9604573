use mesh_attributes::AttributeBag;

use super::{check, empty, read};

#[track_caller]
fn reads(bag: &AttributeBag, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(read(text, bag), *expected, "{text}");
    }
}

#[test]
fn a_plain_read_of_an_absent_attribute_fails() {
    check(
        &empty(),
        &[
            ("as", "eval: lookup failed: 'as'"),
            ("request.path", "eval: lookup failed: 'request.path'"),
            ("ai == 2", "eval: lookup failed: 'ai'"),
            ("2 != ai", "eval: lookup failed: 'ai'"),
            ("ar", "eval: lookup failed: 'ar'"),
            (r#"ar["k"]"#, "eval: lookup failed: 'ar'"),
            ("ab || true", "eval: lookup failed: 'ab'"),
            ("false || ab", "eval: lookup failed: 'ab'"),
            (r#"match(as, "x")"#, "eval: lookup failed: 'as'"),
        ],
    );
}

#[test]
fn the_bar_takes_the_first_that_is_present() {
    let bag = empty().with("as", "").with("bi", 0_i64).with("bb", false);
    check(
        &bag,
        &[
            (r#"as | "d""#, r#""""#),
            (r#"bs | "d""#, r#""d""#),
            ("bs | as", r#""""#),
            ("bs | source.name | as | \"d\"", r#""""#),
            ("ai | bi | 3", "0"),
            ("ab | bb", "false"),
            ("bs | source.name", "eval: lookup failed: 'source.name'"),
            ("bs | (source.name | request.path)", "eval: lookup failed: 'request.path'"),
            ("(bs | source.name) | request.path", "eval: lookup failed: 'request.path'"),
            ("emptyStringMap() | ar", "{}"),
            ("ar | emptyStringMap()", "{}"),
            (r#"aip | ip("1.2.3.4")"#, "1.2.3.4"),
            (r#"adur | "1s""#, "1000000000ns"),
        ],
    );
}

#[test]
fn a_key_may_lack_where_a_map_may_not() {
    let bag = empty().with("ar", [("k", "v"), ("e", "")]);
    check(
        &bag,
        &[
            (r#"ar["k"]"#, r#""v""#),
            (r#"ar["q"]"#, r#""""#),
            (r#"ar["q"] == """#, "true"),
            (r#"br["k"]"#, "eval: lookup failed: 'br'"),
            ("ar[bs]", "eval: lookup failed: 'bs'"),
            ("br[bs]", "eval: lookup failed: 'br'"),
            (r#"ar["k"] | "d""#, r#""v""#),
            (r#"ar["e"] | "d""#, r#""""#),
            (r#"ar["q"] | "d""#, r#""d""#),
            (r#"br["k"] | "d""#, r#""d""#),
            (r#"ar[bs] | "d""#, r#""d""#),
            (r#"ar[bs | "k"] | "d""#, r#""v""#),
            (r#"ar["q"] | br["k"]"#, "eval: lookup failed: 'br'"),
            (r#"br["k"] | ar["q"]"#, r#""""#),
            (r#"(br | ar)["k"]"#, r#""v""#),
            (r#"(ar | br)["q"]"#, r#""""#),
            (r#"(ar | br)["q"] | "d""#, r#""d""#),
            (r#"(br | source.labels)["k"]"#, "eval: lookup failed: 'source.labels'"),
            (r#"(br | source.labels)["k"] | "d""#, r#""d""#),
            (r#"conditional(true, br, ar)["k"] | "d""#, "eval: lookup failed: 'br'"),
            (r#"emptyStringMap()[bs]"#, "eval: lookup failed: 'bs'"),
            (r#"emptyStringMap()["k"] | "d""#, r#""d""#),
        ],
    );
}

#[test]
fn calls_and_conditionals_count_as_present() {
    let bag = empty().with("ab", true);
    check(
        &bag,
        &[
            (r#"toLower(bs) | "d""#, "eval: lookup failed: 'bs'"),
            (r#"conditional(ab, bs, "x") | "d""#, "eval: lookup failed: 'bs'"),
            (r#"conditional(bb, "x", "y") | "d""#, "eval: lookup failed: 'bb'"),
            (r#"conditionalString(ab, "x", "y") | "d""#, r#""x""#),
            (r#"ip("x") | aip"#, "eval: could not convert x to IP_ADDRESS"),
            ("bs.startsWith(\"x\") | true", "eval: lookup failed: 'bs'"),
        ],
    );
}

#[test]
fn a_computed_left_side_is_the_answer() {
    let bag = empty().with("ai", 2_i64).with("as", "x").with("ab", true);
    check(
        &bag,
        &[
            ("(ai == 2) | false", "true"),
            ("(ai == 3) | true", "false"),
            ("(ab && ab) | false", "true"),
            ("(ab || bb) | false", "true"),
            (r#"(as + "y") | "d""#, r#""xy""#),
            ("(ai + 1) | 9", "3"),
            ("size(as) | 9", "1"),
            (r#"(bs + "y") | "d""#, "eval: lookup failed: 'bs'"),
        ],
    );
}

#[test]
fn a_wrong_type_is_never_absence() {
    let bag = empty()
        .with("as", 5_i64)
        .with("ai", "x")
        .with("ad", true)
        .with("ab", 2.5)
        .with("at", "now")
        .with("aip", "1.2.3.4")
        .with("ar", "map")
        .with("adur", 5_i64);
    check(
        &bag,
        &[
            ("as", "eval: error converting value to string: '5' (attribute as)"),
            (r#"as | "d""#, "eval: error converting value to string: '5' (attribute as)"),
            ("ai | 1", "eval: error converting value to integer or duration: 'x' (attribute ai)"),
            ("ad", "eval: error converting value to double: 'true' (attribute ad)"),
            ("ab | true", "eval: error converting value to bool: '2.5' (attribute ab)"),
            ("at", "eval: error converting value to timestamp: 'now' (attribute at)"),
            ("aip", "eval: error converting value to ip address: '1.2.3.4' (attribute aip)"),
            ("adur", "eval: error converting value to integer or duration: '5' (attribute adur)"),
            ("ar | br", "eval: error converting value to string map: 'map' (attribute ar)"),
            (
                r#"ar["k"] | "d""#,
                "eval: error converting value to string map: 'map' (attribute ar)",
            ),
            ("ar[bs] | \"d\"", "eval: error converting value to string map: 'map' (attribute ar)"),
        ],
    );
}

#[test]
fn nothing_is_read_beyond_the_answer() {
    let bag = empty()
        .with("as", "x")
        .with("ab", true)
        .with("ai", 1_i64)
        .with("ar", [("k", "v")])
        .with("source.labels", [("k", "v")]);
    reads(
        &bag,
        &[
            ("ab || bb", "+ab"),
            ("ab && bb", "+ab -bb"),
            ("ai == 2 && bb", "+ai"),
            ("as | bs", "+as"),
            ("bs | as", "+as -bs"),
            (r#""c" | as"#, ""),
            (r#"ar["k"]"#, "+ar[k]"),
            (r#"ar["q"]"#, "-ar[q]"),
            (r#"br["k"] | "d""#, "-br"),
            (r#"(br | ar)["k"]"#, "+ar[k] -br"),
            (r#"(ar | br)["k"]"#, "+ar[k]"),
            (r#"(ar | br)["q"] | "d""#, "-ar[q]"),
            ("ar[as]", "-ar[x] +as"),
            ("br[as] | \"d\"", "-br"),
            ("conditional(ab, as, bs)", "+ab +as"),
            (r#"conditionalString(ab, as, bs | "y")"#, "+ab +as -bs"),
            (r#"conditional(ab, ar, br)["k"]"#, "+ab +ar[k]"),
            ("source.labels", "+source.labels"),
            ("source.labels | emptyStringMap()", "+source.labels"),
            ("br | emptyStringMap()", "-br"),
            (r#"match(as, "*")"#, "+as"),
            ("ab || (ab | bb) && ar[as] == bs", "+ab"),
        ],
    );
}

#[test]
fn what_failed_was_read_too() {
    let bag = empty().with("as", 5_i64).with("ar", "no map").with("ab", true);
    reads(
        &bag,
        &[
            ("as | bs", "+as"),
            (r#"ar["k"] | "d""#, "+ar"),
            ("ab && bb || ab", "+ab -bb"),
            ("ip(bs) | aip", "-bs"),
        ],
    );
}
