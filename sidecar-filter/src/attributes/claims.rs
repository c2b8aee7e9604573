//! The claims of a token that Envoy's `jwt_authn` has verified.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// The longest payload that is read, in bytes; a proxy takes no longer headers.
const LONGEST: usize = 64 << 10;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where the payload of a verified token stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// In this header, in base64: `forward_payload_header` of `jwt_authn`, which takes the header off
    /// requests of clients.
    Header {
        /// The header's name in lower case.
        name: String,
        /// Whether it is taken off before the request goes on.
        remove: bool,
    },
    /// In filter state under this key, as JSON.
    FilterState(String),
}

/// A verified token, read when the first attribute of it is asked for.
#[derive(Debug)]
pub struct Token {
    payload: Box<[u8]>,
    is_base64: bool,
    claims: OnceCell<Option<Claims>>,
}

/// What a token claims.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `ISSUER/SUBJECT`.
    pub principal: Option<String>,
    /// Whom it is for, joined by commas.
    pub audiences: Option<String>,
    /// Who may present it (`azp`).
    pub presenter: Option<String>,
    /// Claims that are texts or lists of texts, these joined by commas.
    pub texts: BTreeMap<String, String>,
    /// The payload as it is.
    pub raw: String,
}

impl Token {
    /// A token whose payload a header carries.
    pub fn from_header(value: &[u8]) -> Self {
        Self { payload: value.into(), is_base64: true, claims: OnceCell::new() }
    }

    /// A token whose payload is known as JSON.
    pub fn from_json(payload: &[u8]) -> Self {
        Self { payload: payload.into(), is_base64: false, claims: OnceCell::new() }
    }

    /// The claims; `None` when the payload is none.
    pub fn claims(&self) -> Option<&Claims> {
        self.claims.get_or_init(|| self.read()).as_ref()
    }

    /// Whether the payload was read and is none.
    pub fn is_malformed(&self) -> bool {
        matches!(self.claims.get(), Some(None))
    }

    fn read(&self) -> Option<Claims> {
        if self.payload.len() > LONGEST {
            return None;
        }
        let payload =
            if self.is_base64 { BASE64.decode(&self.payload).ok()? } else { self.payload.to_vec() };
        let raw = String::from_utf8(payload).ok()?;
        let claims: Map<String, Value> = serde_json::from_str(&raw).ok()?;
        let texts: BTreeMap<String, String> = claims
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), joined(value)?)))
            .collect();
        let text = |name: &str| claims.get(name)?.as_str().filter(|text| !text.is_empty());
        let principal = text("iss").zip(text("sub")).map(|(iss, sub)| format!("{iss}/{sub}"));
        let presenter = text("azp").map(str::to_owned);
        let audiences = texts.get("aud").filter(|text| !text.is_empty()).cloned();
        Some(Claims { principal, audiences, presenter, texts, raw })
    }
}

fn joined(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            Some(texts?.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAYLOAD: &str = r#"{"iss":"issuer","sub":"jane","aud":["a","b"],"azp":"app","exp":4e9,
        "groups":["x","y"],"nested":{"a":1},"mixed":["x",1]}"#;

    #[test]
    fn a_payload_is_read_from_a_header_and_from_filter_state() {
        let header = Token::from_header(BASE64.encode(PAYLOAD).trim_end_matches('=').as_bytes());
        let state = Token::from_json(PAYLOAD.as_bytes());
        for token in [header, state] {
            let claims = token.claims().unwrap();
            assert_eq!(claims.principal.as_deref(), Some("issuer/jane"));
            assert_eq!(claims.audiences.as_deref(), Some("a,b"));
            assert_eq!(claims.presenter.as_deref(), Some("app"));
            assert_eq!(claims.texts["groups"], "x,y");
            for none in ["exp", "nested", "mixed"] {
                assert!(!claims.texts.contains_key(none), "{none}");
            }
            assert_eq!(claims.raw, PAYLOAD);
        }
    }

    #[test]
    fn what_is_no_payload_has_no_claims_and_is_known_as_such() {
        for bytes in [&b"%%%"[..], b"", b"W10", b"bm90IGpzb24"] {
            let token = Token::from_header(bytes);
            assert!(!token.is_malformed(), "it was not read yet");
            assert_eq!(token.claims(), None);
            assert!(token.is_malformed());
        }
        assert_eq!(Token::from_json(&vec![b' '; LONGEST + 1]).claims(), None);
    }

    #[test]
    fn a_principal_needs_issuer_and_subject() {
        let principal = |json: &str| Token::from_json(json.as_bytes()).claims()?.principal.clone();
        assert_eq!(principal(r#"{"iss":"a"}"#), None);
        assert_eq!(principal(r#"{"iss":"","sub":"b"}"#), None);
        assert_eq!(principal(r#"{"iss":1,"sub":"b"}"#), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Token::from_header(&bytes).claims();
            let _ = Token::from_json(&bytes).claims();
            let _ = Token::from_header(BASE64.encode(&bytes).as_bytes()).claims();
        }
    }
}
