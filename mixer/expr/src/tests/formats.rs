use super::{check, empty, eval};

#[track_caller]
fn sort(function: &str, valid: &[&str], invalid: &[&str]) {
    for text in valid {
        let bag = empty().with("as", *text);
        assert_eq!(eval(&format!("{function}(as)"), &bag), format!("{text:?}"));
    }
    for text in invalid {
        let bag = empty().with("as", *text);
        let outcome = eval(&format!("{function}(as)"), &bag);
        assert!(outcome.starts_with("eval: error converting"), "{text:?}: {outcome}");
        if text.contains(|c: char| c.is_control() || c == '\u{200d}') {
            continue;
        }
        let constant = eval(&format!("{function}({text:?})"), &bag);
        assert_eq!(constant, outcome, "a constant fails when it is reached, with the same text");
    }
}

/// Whether both are the same by `==`, or "fault".
fn same(suffix: &str, left: &str, right: &str) -> String {
    let bag = empty().with(&format!("a{suffix}"), left).with(&format!("b{suffix}"), right);
    let outcome = eval(&format!("a{suffix} == b{suffix}"), &bag);
    let reverse = eval(&format!("b{suffix} == a{suffix}"), &bag);
    match (outcome.as_str(), reverse.as_str()) {
        ("true", "true") | ("false", "false") => outcome,
        _ => "fault".to_owned(),
    }
}

#[track_caller]
fn compare(suffix: &str, cases: &[(&str, &str, &str)]) {
    for (left, right, expected) in cases {
        assert_eq!(same(suffix, left, right), *expected, "{left:?} {right:?}");
    }
}

#[test]
fn dns_names_are_checked_by_idna() {
    let long_label = "a".repeat(64);
    let long_name = ["a"; 128].join(".");
    sort(
        "dnsName",
        &[
            "foo",
            "foo.",
            "fOO",
            "f00.",
            "a-b.c-d",
            "_http._tcp.x",
            "bücher.de",
            "xn--bcher-kva.de",
            "BÜCHER.de",
            "faß.de",
            "☃.net",
            "א.com",
            "1.2.3.4",
            &"a".repeat(63),
            &["a"; 127].join("."),
        ],
        &[
            "",
            ".",
            "b..a",
            "foo..",
            "-a",
            "f-",
            "f-.boo",
            "ab--cd",
            "xn--a",
            "a b",
            "*.foo",
            "a/b",
            "a@b",
            "a:80",
            "[::1]",
            "אa",
            "1א",
            "\u{200d}",
            &long_label,
            &long_name,
        ],
    );
}

#[test]
fn dns_names_are_the_same_without_case_and_final_dot() {
    compare(
        "dns",
        &[
            ("foo", "FOO", "true"),
            ("foo.", "foo", "true"),
            ("foo.", "foo.", "true"),
            ("foo..", "foo.", "false"),
            ("BÜCHER.de", "xn--bcher-kva.de", "true"),
            ("ｆoo", "foo", "true"),
            ("a。b", "a.b", "true"),
            ("faß.de", "fass.de", "false"),
            ("foo.bar-a.", "foo.bar", "false"),
            ("a-", "a", "fault"),
            ("a b", "a b", "fault"),
            ("", "a", "false"),
            ("", "", "true"),
        ],
    );
}

#[test]
fn addresses_are_those_of_mail_without_display_names() {
    sort(
        "email",
        &[
            "foo@bar",
            "foo@bar.com",
            "foo+a@bar.com",
            "\"john..doe\"@bar.com",
            "<foo@bar>",
            " foo@bar ",
            "\"a b\"@c.d",
            "\"a@b\"@c.d",
            r#""a\"b"@x"#,
            "ü@x.de",
            "foo@ü.de",
            "a+b/c=d@x",
            "a@1.2",
        ],
        &[
            "",
            "foo",
            "foo.",
            "foo@",
            "@foo",
            "foo+a@bar-.com",
            "joe <joe@bar.com>",
            "\"j\" <j@b>",
            "a@b@c",
            "a..b@c",
            ".a@c",
            "a.@c",
            "\"\"@x",
            "\"a@x",
            "foo @bar",
            "foo@ bar",
            "foo@bar.",
            "a,b@c",
            "foo@[1.2.3.4]",
            "foo@bar>",
            "<foo@bar",
            "<<a@b>>",
            "\"<",
            "\">",
            "a@b c",
            "<>",
            "x\u{7}@y",
            "(c)foo@bar",
        ],
    );
}

#[test]
fn addresses_are_the_same_by_domain_and_exact_local_part() {
    compare(
        "email",
        &[
            ("foo@bar.com", "foo@BAR.com", "true"),
            ("Foo@bar.com", "foo@bar.com", "false"),
            ("\"foo\"@bar.com", "foo@bar.com", "true"),
            (r#""f\oo"@bar.com"#, "foo@bar.com", "true"),
            ("<foo@x>", "Joe \"J.\" <foo@x>", "true"),
            ("\"a@b\"@c", "\"a@b\"@C", "true"),
            ("foo@ü.de", "foo@xn--tda.de", "true"),
            ("foo..baz@bar.com", "foo@bar.com", "fault"),
            ("foo", "foo@bar.com", "fault"),
        ],
    );
}

#[test]
fn uris_are_what_can_be_read_as_one() {
    sort(
        "uri",
        &[
            "urn:foo",
            "urn:foo/bar?q=5#frr",
            "http://foo",
            "http://foo/bar/?q=4#fr",
            "fs:/foo",
            "foo",
            "http://[fe80::1%25en0]",
            "//a/b",
            "a/b:c",
            "./a:b",
            "?x",
            "#y",
            "http://u:p@h:80",
            "a b",
            "http://a?%zz",
            "http://%c3%a9",
            "///x:y",
            "mailto:x",
            "http:",
            "http://",
        ],
        &[
            "",
            ":",
            ":/",
            ":a",
            "http://[fe80::1%25en0",
            "1a:b",
            "a%zz",
            "#%zz",
            "http://a/%4",
            "\u{0}",
            "a\nb",
            "http://a b",
            "http://a%41",
            "http://a:80x",
            "http://a:b:c",
            "http://[::1]x",
            "http://[fe80::1%en0]",
            "http://u p@h",
            "http://u%zz@h",
            "http://a\\b",
        ],
    );
    check(&empty(), &[("uri(\"\")", "eval: error converting string to uri: empty string")]);
}

#[test]
fn uris_are_the_same_exactly_but_for_scheme_and_host() {
    compare(
        "uri",
        &[
            ("foo", "foo", "true"),
            ("urn:bar", "URN:bar", "true"),
            ("urn:BAR", "urn:bar", "false"),
            ("http://HOST.com:80", "HTTP://host.COM:80", "true"),
            ("http://HOST.COM:", "http://host.com", "true"),
            ("http://host:80", "http://host:81", "false"),
            ("http://host:80", "http://host", "false"),
            ("http://host", "http://host/", "false"),
            ("http://host", "https://host", "false"),
            ("http://host./x", "http://host/x", "true"),
            ("http://host/x", "http://host/X", "false"),
            ("http://u@host", "http://U@host", "false"),
            ("http://bücher.de/", "http://xn--bcher-kva.de/", "true"),
            ("http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "true"),
            ("http://[::1]/", "http://[::2]/", "false"),
            ("http://[::1]/", "http://a/", "false"),
            ("http:///x", "http:///x", "true"),
            ("http:x", "http:X", "false"),
            ("ftp://A/b", "ftp://a/b", "false"),
            ("http://a-/", "http://b/", "fault"),
            (":/", "a", "fault"),
        ],
    );
}

#[test]
fn addresses_of_the_internet_are_read_strictly() {
    for (text, expected) in [
        ("1.2.3.4", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("fe80::1", "fe80::1"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ] {
        check(&empty().with("as", text), &[("ip(as)", expected), ("ip(as) == ip(as)", "true")]);
        check(&empty(), &[(&format!("ip({text:?})"), expected)]);
    }
    for text in
        ["", "10.1.12", "01.2.3.4", "1.2.3.256", "A.A.A.A", "fe80::1%en0", "1::2::3", "1.2.3.4 "]
    {
        let expected = format!("eval: could not convert {text} to IP_ADDRESS");
        check(&empty().with("as", text), &[("ip(as)", &expected)]);
        check(&empty(), &[(&format!("ip({text:?})"), &expected)]);
    }
}

#[test]
fn times_are_read_by_rfc_3339() {
    for (text, expected) in [
        ("2015-01-02T15:04:35Z", "@1420211075.000000000"),
        ("2015-01-02T16:04:35.25+01:00", "@1420211075.250000000"),
        ("1969-12-31T23:59:59.9999999999Z", "@-1.999999999"),
    ] {
        check(&empty().with("as", text), &[("timestamp(as)", expected)]);
        check(&empty(), &[(&format!("timestamp({text:?})"), expected)]);
    }
    for text in
        ["", "242233", "2015-02-29T00:00:00Z", "2015-01-02 15:04:35Z", "2015-01-02T15:04:35"]
    {
        let expected = format!(
            "eval: could not convert '{text}' to TIMESTAMP. expected format: '2006-01-02T15:04:05Z07:00'"
        );
        check(&empty().with("as", text), &[("timestamp(as)", &expected)]);
        check(&empty(), &[(&format!("timestamp({text:?})"), &expected)]);
    }
}

#[test]
fn long_values_are_cut_in_messages() {
    let long = "é".repeat(100_000);
    let outcome = eval("ip(as)", &empty().with("as", long.as_str()));
    assert!(outcome.len() < 400, "{}", outcome.len());
}
