use serde_json::Value;

/// Stands for what is not shown.
const HIDDEN: &str = "(hidden)";

/// Names of parameters whose values are secrets, in lower case. A part of the name is enough:
/// `api_key`, `authToken`, `clientSecretFile`.
const SECRETS: [&str; 7] =
    ["password", "passwd", "secret", "token", "key", "credential", "authorization"];

/// `params` without what looks like a secret: values of parameters that are named so, and the user part
/// of URLs. Better too much is hidden than too little.
pub(super) fn redacted(params: &Value) -> Value {
    match params {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let shown = if is_secret(name) { HIDDEN.into() } else { redacted(value) };
                (name.clone(), shown)
            })
            .collect(),
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::String(text) => without_user(text).into(),
        other => other.clone(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret))
}

/// `redis://user:password@host` without what is before the host.
fn without_user(text: &str) -> String {
    let hide = || {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user, _) = authority.rsplit_once('@')?;
        Some(format!("{scheme}://{HIDDEN}{}", &rest[user.len()..]))
    };
    hide().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_not_shown_at_any_depth() {
        let params = json!({
            "address": "redis://ann:hunter2@store:6379/0",
            "plain": "https://host/path@x",
            "auth": { "Password": "hunter2", "user": "ann" },
            "apiKey": { "deep": "hunter2" },
            "targets": [{ "bearer_token": "hunter2", "port": 5 }],
        });
        let shown = redacted(&params);
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
        assert_eq!(shown["address"], "redis://(hidden)@store:6379/0");
        assert_eq!(shown["plain"], "https://host/path@x");
        assert_eq!(shown["auth"]["user"], "ann");
        assert_eq!(shown["targets"][0]["port"], 5);
    }
}
