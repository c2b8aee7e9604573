use super::{empty, eval, types};
use crate::{MAX_LENGTH, compile};

/// Runs `f` on half the stack that threads get.
fn on_half_a_stack(f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(f).unwrap();
    thread.join().unwrap();
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    on_half_a_stack(|| {
        for (open, middle, close) in [
            ("(", "ab", ")"),
            ("!", "ab", ""),
            ("toLower(", "as", ")"),
            ("ar[", "as", "]"),
            ("conditional(ab, 1, ", "2", ")"),
            ("true == (false || ", "ab", ")"),
            ("as == ", "as", ""),
            ("as + bs | ", "as", ""),
            ("(as)", "", ".startsWith(as)"),
            ("as", "", "[as]"),
            ("((", "as", ")|as)"),
            ("(", "", ""),
            ("[", "", ""),
            ("-", "", ""),
        ] {
            let text = format!("{}{middle}{}", open.repeat(3000), close.repeat(3000));
            let outcome = eval(&text, &empty());
            assert!(outcome.starts_with("compile: "), "{open}: {outcome}");
        }
    });
}

#[test]
fn what_is_just_deep_enough_runs_on_half_a_stack() {
    on_half_a_stack(|| {
        let bag = empty().with("as", "x").with("ab", true);
        let nested = |open: &str, middle: &str, close: &str, count| {
            format!("{}{middle}{}", open.repeat(count), close.repeat(count))
        };
        assert_eq!(eval(&nested("(", "ab", ")", 60), &bag), "true");
        assert_eq!(eval(&nested("toLower(", "as", ")", 60), &bag), r#""x""#);
        assert_eq!(eval(&nested("conditional(ab, ", "1", ", 2)", 60), &bag), "1");
        assert_eq!(eval(&nested("(bs | ", "as", ")", 30), &bag), r#""x""#);
        assert_eq!(eval(&nested("true == (ab && ", "ab", ")", 15), &bag), "true");
    });
}

#[test]
fn a_long_run_of_terms_is_not_deep() {
    on_half_a_stack(|| {
        let bag = empty().with("as", "9999").with("ai", 1_i64);
        let terms: Vec<_> = (0..4000).map(|i| format!(r#"as == "x{i}""#)).collect();
        assert_eq!(eval(&terms.join("||"), &bag), "false");
        assert_eq!(eval(&["ai"; 5000].join(" + "), &bag), "5000");
        assert_eq!(eval(&["bi"; 5000].join(" | "), &bag), "eval: lookup failed: 'bi'");
        assert_eq!(eval(&["ai == 1"; 5000].join(" && "), &bag), "true");
    });
}

#[test]
fn long_texts_are_refused() {
    let fits = format!("\"{}\"", "a".repeat(MAX_LENGTH - 2));
    assert!(compile(&fits, &types()).is_ok());
    let error = compile(&format!("{fits} "), &types()).unwrap_err();
    assert_eq!(error.offset, MAX_LENGTH);
    assert_eq!(error.to_string(), "expression of 65537 bytes is too long: 65536 at most");
    assert!(compile(&"(".repeat(1_000_000), &types()).is_err());
}

#[test]
fn messages_stay_short_whatever_the_expression() {
    let name = "x".repeat(30_000);
    for text in [
        name.clone(),
        format!("{name}()"),
        format!("as == \"{name}\" + 1"),
        format!("size(\"{name}\", 1)"),
        format!("`(?{name}`.matches(as)"),
        format!("as {name}"),
        format!("f({name}"),
    ] {
        let error = compile(&text, &types()).unwrap_err().to_string();
        assert!(error.len() < 2_000, "{}", error.len());
    }
}

#[test]
fn texts_are_not_joined_without_bound() {
    let bag = empty().with("as", "x".repeat(300_000).as_str());
    assert!(eval("as + as + as", &bag).len() > 900_000);
    let outcome = eval("as + as + as + as", &bag);
    assert!(outcome.starts_with("eval: text of more than 1048576 bytes"), "{outcome}");
    let nested = eval("(as + as + as | as) + (as + as)", &bag);
    assert!(nested.starts_with("eval: text of more than"), "{nested}");
}

#[test]
fn expressions_are_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<crate::Expression>();
    shared::<crate::CompileError>();
    shared::<crate::EvalError>();
}
