//! Dynamic metadata of Envoy's filters: the claims of a verified token, and the rest as maps.

use std::collections::BTreeMap;

use mesh_api::envoy::config::core::v3::Metadata;
use mesh_attributes::{AttributeBag, OwnedValue};
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde_json::Value as Json;

/// Where Envoy's JWT filter puts a verified payload, below the name that its configuration gives.
pub(super) const JWT_FILTER: &str = "envoy.filters.http.jwt_authn";

/// Values nested deeper are left out of `request.auth.raw_claims`.
const MAX_DEPTH: usize = 32;

/// Sets `request.auth.*` from the payload that the JWT filter verified, if it did: the first structure
/// below its name that has an issuer.
pub(super) fn set_claims(bag: &mut AttributeBag, metadata: Option<&Metadata>) {
    let Some(verified) = metadata.and_then(|m| m.filter_metadata.get(JWT_FILTER)) else { return };
    let mut names: Vec<_> = verified.fields.keys().collect();
    names.sort_unstable();
    let payloads = names.into_iter().filter_map(|name| structure(&verified.fields[name]));
    let Some(payload) = payloads.into_iter().find(|p| p.fields.contains_key("iss")) else { return };
    let claims = texts(payload);
    let claim = |name: &str| claims.get(name).filter(|text| !text.is_empty()).cloned();
    if let (Some(issuer), Some(subject)) = (claim("iss"), claim("sub")) {
        bag.set("request.auth.principal", format!("{issuer}/{subject}").as_str());
    }
    for (attribute, name) in [("request.auth.audiences", "aud"), ("request.auth.presenter", "azp")]
    {
        if let Some(text) = claim(name) {
            bag.set(attribute, text.as_str());
        }
    }
    bag.set("request.auth.raw_claims", json_of_structure(payload, 0).to_string().as_str());
    bag.set("request.auth.claims", OwnedValue::StringMap(claims));
}

/// The texts of a structure, and its lists of texts joined by commas; whatever else it has is left out.
pub(super) fn texts(structure: &Struct) -> BTreeMap<String, String> {
    let text_of = |value: &Value| match value.kind.as_ref()? {
        Kind::StringValue(text) => Some(text.clone()),
        Kind::ListValue(list) => {
            let texts = list.values.iter().map(|value| match &value.kind {
                Some(Kind::StringValue(text)) => Some(text.as_str()),
                _ => None,
            });
            texts.collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
        }
        _ => None,
    };
    let fields = structure.fields.iter();
    fields.filter_map(|(name, value)| Some((name.clone(), text_of(value)?))).collect()
}

/// The structure that a value is.
pub(super) fn structure(value: &Value) -> Option<&Struct> {
    match value.kind.as_ref()? {
        Kind::StructValue(structure) => Some(structure),
        _ => None,
    }
}

fn json_of_structure(structure: &Struct, depth: usize) -> Json {
    let fields = structure.fields.iter().map(|(n, value)| (n.clone(), json(value, depth + 1)));
    Json::Object(fields.collect())
}

fn json(value: &Value, depth: usize) -> Json {
    match &value.kind {
        _ if depth > MAX_DEPTH => Json::Null,
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(truth)) => Json::Bool(*truth),
        Some(Kind::NumberValue(number)) => json_number(*number),
        Some(Kind::StringValue(text)) => Json::String(text.clone()),
        Some(Kind::StructValue(structure)) => json_of_structure(structure, depth),
        Some(Kind::ListValue(list)) => {
            Json::Array(list.values.iter().map(|value| json(value, depth + 1)).collect())
        }
    }
}

/// A structure knows doubles only; whole numbers are written as tokens write them.
#[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^53 fit")]
fn json_number(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        Json::from(number as i64)
    } else {
        Json::from(number)
    }
}
