use serde_json::json;

use super::{rule, rules, spec};
use crate::kubernetes::object::object;
use crate::parse;

#[test]
fn an_object_is_read_from_the_text_that_kubectl_shows_as_json() {
    let read = object(&rules(), rule("deny", &spec()));
    assert_eq!(&*read.name, "rule/default/deny");
    let text = read.text.unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "{",
            "    \"apiVersion\": \"config.istio.io/v1alpha2\",",
            "    \"kind\": \"rule\",",
            "    \"metadata\": {"
        ]
    );
    assert!(!text.contains("managedFields"));
    let parsed = parse(&read.name, &text);
    assert_eq!((parsed.problems.as_slice(), parsed.resources.len()), (&[][..], 1));
    let note = &parsed.resources[0].annotations["note"];
    assert_eq!(note, "a \"quoted\" text\nof two lines: \u{1}\u{7f}\u{feff}😀");

    let flawed = json!({ "actions": spec()["actions"], "mtach": "true" });
    let read = object(&rules(), rule("deny", &flawed));
    let text = read.text.unwrap();
    let line = 1 + text.lines().position(|line| line.contains("mtach")).unwrap();
    let problem = parse(&read.name, &text).problems[0].to_string();
    let place = format!("rule/default/deny:{line}: rule deny.default: ");
    assert!(problem.starts_with(&place) && problem.contains("mtach"), "{problem}");
}
