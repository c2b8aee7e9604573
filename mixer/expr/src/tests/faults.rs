use std::collections::HashMap;

use mesh_attributes::ValueType;

use super::{check, empty, types};
use crate::{AttributeTypes, compile};

#[test]
fn type_faults_name_call_argument_and_both_types() {
    check(
        &empty(),
        &[
            ("true == ai", "compile: EQ(true, $ai) arg 2 ($ai) typeError got INT64, expected BOOL"),
            (
                "3.14 == ai",
                "compile: EQ(3.14, $ai) arg 2 ($ai) typeError got INT64, expected DOUBLE",
            ),
            (
                "match(request.path, 1)",
                "compile: match($request.path, 1) arg 2 (1) typeError got INT64, expected STRING",
            ),
            ("ip(2)", "compile: ip(2) arg 1 (2) typeError got INT64, expected STRING"),
            ("ar[2]", "compile: INDEX($ar, 2) arg 2 (2) typeError got INT64, expected STRING"),
            (
                r#"as["k"]"#,
                "compile: INDEX($as, \"k\") arg 1 ($as) typeError got STRING, expected STRING_MAP",
            ),
            (
                r#"1 + "b""#,
                "compile: ADD(1, \"b\") arg 2 (\"b\") typeError got STRING, expected INT64",
            ),
            ("as && ab", "compile: LAND($as, $ab) arg 1 ($as) typeError got STRING, expected BOOL"),
            (
                "ab || bb || as",
                "compile: LOR(LOR($ab, $bb), $as) arg 2 ($as) typeError got STRING, expected BOOL",
            ),
            (
                "ab || as || bb",
                "compile: LOR($ab, $as) arg 2 ($as) typeError got STRING, expected BOOL",
            ),
            (
                "as | bs | 2 | ab",
                "compile: OR(OR($as, $bs), 2) arg 2 (2) typeError got INT64, expected STRING",
            ),
            (
                r#""aaa".matches(23)"#,
                "compile: \"aaa\":matches(23) arg 1 (23) typeError got INT64, expected STRING",
            ),
            (
                "ai.startsWith(as)",
                "compile: $ai:startsWith($as) target typeError got INT64, expected STRING",
            ),
            (
                "adns == as",
                "compile: EQ($adns, $as) arg 2 ($as) typeError got STRING, expected DNS_NAME",
            ),
            (
                "adns + bdns",
                "compile: Add for type not yet implemented: DNS_NAME in ADD($adns, $bdns)",
            ),
            (
                "conditional(ab, as, ai)",
                "compile: conditional($ab, $as, $ai) arg 3 ($ai) typeError got INT64, expected STRING",
            ),
            (
                "conditional(as, as, as)",
                "compile: conditional($as, $as, $as) arg 1 ($as) typeError got STRING, expected BOOL",
            ),
            (
                "(as + bs == 1) && ab",
                "compile: EQ(ADD($as, $bs), 1) arg 2 (1) typeError got INT64, expected STRING",
            ),
        ],
    );
}

#[test]
fn operators_without_meaning_for_a_type_are_refused() {
    check(
        &empty(),
        &[
            (
                "adur == bdur",
                "compile: equality for type not yet implemented: DURATION in EQ($adur, $bdur)",
            ),
            (
                "ar != br",
                "compile: equality for type not yet implemented: STRING_MAP in NEQ($ar, $br)",
            ),
            ("ab < bb", "compile: less than for type not yet implemented: BOOL in LT($ab, $bb)"),
            (
                "aip <= bip",
                "compile: less or equal for type not yet implemented: IP_ADDRESS in LEQ($aip, $bip)",
            ),
            (
                "adns > bdns",
                "compile: greater than for type not yet implemented: DNS_NAME in GT($adns, $bdns)",
            ),
            (
                "adur >= bdur",
                "compile: greater or equal for type not yet implemented: DURATION in GEQ($adur, $bdur)",
            ),
            ("ab + bb", "compile: Add for type not yet implemented: BOOL in ADD($ab, $bb)"),
            ("adur == 5", "compile: EQ($adur, 5) arg 2 (5) typeError got INT64, expected DURATION"),
            ("ab + 5", "compile: ADD($ab, 5) arg 2 (5) typeError got INT64, expected BOOL"),
        ],
    );
}

#[test]
fn other_operators_of_go_are_unknown_functions() {
    check(
        &empty(),
        &[
            ("(ai/bi) == 30", "compile: unknown function: QUO"),
            ("ai - 1", "compile: unknown function: SUB"),
            ("-1", "compile: unknown function: SUB"),
            ("ai * 2 % 3", "compile: unknown function: REM"),
            ("ai & bi", "compile: unknown function: AND"),
            ("^ai", "compile: unknown function: XOR"),
            ("!ab", "compile: unknown function: NOT (did you mean == false?)"),
            ("+as", "compile: ADD($as) arity mismatch. Got 1 arg(s), expected 2 arg(s)"),
        ],
    );
}

#[test]
fn the_number_of_arguments_is_exact() {
    check(
        &empty(),
        &[
            ("size()", "compile: size() arity mismatch. Got 0 arg(s), expected 1 arg(s)"),
            (
                "size(as, bs)",
                "compile: size($as, $bs) arity mismatch. Got 2 arg(s), expected 1 arg(s)",
            ),
            (
                "emptyStringMap(1)",
                "compile: emptyStringMap(1) arity mismatch. Got 1 arg(s), expected 0 arg(s)",
            ),
            (
                "as.startsWith()",
                "compile: $as:startsWith() arity mismatch. Got 0 arg(s), expected 1 arg(s)",
            ),
            (
                "conditional(ab, 1)",
                "compile: conditional($ab, 1) arity mismatch. Got 2 arg(s), expected 3 arg(s)",
            ),
        ],
    );
}

#[test]
fn functions_and_methods_are_told_apart() {
    check(
        &empty(),
        &[
            ("matches()", "compile: invoking instance method without an instance: matches"),
            ("startsWith(as)", "compile: invoking instance method without an instance: startsWith"),
            ("as.size()", "compile: invoking regular function on instance method: size"),
            (r#""x".toLower()"#, "compile: invoking regular function on instance method: toLower"),
        ],
    );
}

#[test]
fn unknown_names_come_with_the_nearest_known() {
    check(
        &empty(),
        &[
            ("sorce.name", "compile: unknown attribute sorce.name (did you mean source.name?)"),
            (
                "request.header",
                "compile: unknown attribute request.header (did you mean request.headers?)",
            ),
            ("nothing.like.it", "compile: unknown attribute nothing.like.it"),
            ("true.x", "compile: unknown attribute true.x"),
            ("starsWith(as)", "compile: unknown function: starsWith (did you mean startsWith?)"),
            ("tolower(as)", "compile: unknown function: tolower (did you mean toLower?)"),
            ("frobnicate(as)", "compile: unknown function: frobnicate"),
            ("as.lenght()", "compile: unknown function: lenght"),
        ],
    );
}

#[test]
fn faults_have_a_place_in_the_text() {
    for (text, offset) in [
        ("as == 2", 3),
        ("as == \"x\" && sorce.name", 13),
        ("ab || (size(1) == 2)", 7),
        ("as == \"x\" && ab ||\n as.foo()", 23),
        ("as == \"", 6),
        ("a b", 2),
        ("!ab", 0),
    ] {
        assert_eq!(compile(text, &types()).unwrap_err().offset, offset, "{text}");
    }
}

#[test]
fn declarations_come_from_any_map() {
    let types = HashMap::from([("x".to_owned(), ValueType::Bool)]);
    assert_eq!(types.names().collect::<Vec<_>>(), ["x"]);
    assert_eq!(compile("x", &types).unwrap().value_type(), ValueType::Bool);
    assert_eq!(format!("{:?}", compile("x", &types).unwrap()), r#"Expression("x": BOOL)"#);
}
