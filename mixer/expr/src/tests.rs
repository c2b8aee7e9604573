use std::collections::BTreeMap;

use mesh_attributes::{AttributeBag, Span, Timestamp, ValueType};

use crate::{AttributeTypes, Evaluated, compile};

/// Two attributes of each type: `as`, `bs` of STRING, `ai`, `bi` of INT64 and so on.
fn types() -> BTreeMap<String, ValueType> {
    let letters = [
        ("s", ValueType::String),
        ("i", ValueType::Int64),
        ("d", ValueType::Double),
        ("b", ValueType::Bool),
        ("t", ValueType::Timestamp),
        ("ip", ValueType::IpAddress),
        ("email", ValueType::EmailAddress),
        ("uri", ValueType::Uri),
        ("dns", ValueType::DnsName),
        ("dur", ValueType::Duration),
        ("r", ValueType::StringMap),
    ];
    let mut types = BTreeMap::new();
    for (suffix, value_type) in letters {
        types.insert(format!("a{suffix}"), value_type);
        types.insert(format!("b{suffix}"), value_type);
    }
    types.insert("request.path".into(), ValueType::String);
    types.insert("request.headers".into(), ValueType::StringMap);
    types.insert("source.name".into(), ValueType::String);
    types
}

/// The value of `text` in a short form, or its error.
fn eval(text: &str, bag: &AttributeBag) -> String {
    let expression = match compile(text, &types()) {
        Ok(expression) => expression,
        Err(error) => return format!("compile: {error}"),
    };
    match expression.eval(bag) {
        Ok(Evaluated::String(v)) => format!("{v:?}"),
        Ok(Evaluated::Int64(v)) => v.to_string(),
        Ok(Evaluated::Double(v)) => format!("{v:?}"),
        Ok(Evaluated::Bool(v)) => v.to_string(),
        Ok(Evaluated::Timestamp(Timestamp { seconds, nanos })) => format!("@{seconds}.{nanos:09}"),
        Ok(Evaluated::Duration(v)) => format!("{}ns", v.as_nanos()),
        Ok(Evaluated::IpAddress(v)) => v.to_string(),
        Ok(Evaluated::StringMap(v)) => {
            let mut entries = BTreeMap::new();
            v.each(&mut |key, value| {
                entries.insert(key.to_owned(), value.to_owned());
            });
            format!("{entries:?}")
        }
        Err(error) => format!("eval: {error}"),
    }
}

#[track_caller]
fn check(bag: &AttributeBag, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(eval(text, bag), *expected, "{text}");
    }
}

fn bag() -> AttributeBag {
    AttributeBag::new()
}

#[test]
fn operators_bind_as_in_go() {
    let bag = bag().with("as", "x").with("ai", 2_i64);
    check(
        &bag,
        &[
            (r#"bs | "y" == "y""#, "true"),
            (r#"bs | "u" + "b""#, r#""ub""#),
            (r#"as | "u" + "b""#, r#""xb""#),
            (r#""u" + as | "b""#, r#""ux""#),
            (r#"ai == 2 && as == "x" || bi == 3"#, "true"),
            (r#"true || bb && bb"#, "true"),
            (r#"false && bb || true"#, "true"),
            (r#"ai + 1 > 2 == true"#, "true"),
        ],
    );
}

#[test]
fn absence_is_an_error_except_on_the_left_of_the_bar() {
    let bag = bag().with("ar", [("k", "v")]).with("as", "x");
    check(
        &bag,
        &[
            ("bs", "eval: lookup failed: 'bs'"),
            ("bs | as", r#""x""#),
            (r#"ar["k"]"#, r#""v""#),
            (r#"ar["q"]"#, r#""""#),
            (r#"ar["q"] | "d""#, r#""d""#),
            (r#"br["k"]"#, "eval: lookup failed: 'br'"),
            (r#"br["k"] | "d""#, r#""d""#),
            (r#"ar[bs] | "d""#, r#""d""#),
            (r#"(br | ar)["k"]"#, r#""v""#),
            ("bs | request.path", "eval: lookup failed: 'request.path'"),
        ],
    );
}

#[test]
fn faults_name_the_operands_in_prefix_form() {
    check(
        &bag(),
        &[
            ("as == 2", "compile: EQ($as, 2) arg 2 (2) typeError got INT64, expected STRING"),
            ("sorce.name", "compile: unknown attribute sorce.name (did you mean source.name?)"),
            ("ai / 2", "compile: unknown function: QUO"),
        ],
    );
    assert_eq!(types().value_type("nothing"), None);
    assert_eq!(Span::default(), Span::from_nanos(0));
}
