//! Attributes that one proxy hands on to the next, in the header `x-istio-attributes`.
//!
//! Anyone can write a header, so what it says counts only when configuration trusts the peer, and of it
//! only what a proxy knows better than we do: where the request comes from and which service it is for.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mesh_api::mixer::v1::Attributes;
use mesh_api::mixer::v1::attributes::attribute_value::Value as Message;
use mesh_api::mixer::v1::attributes::{AttributeValue, TextMap};
use mesh_attributes::{AttributeBag, AttributeName, OwnedValue};
use prost::Message as _;
use smallvec::SmallVec;

/// The header.
pub const FORWARDED_ATTRIBUTES: &str = "x-istio-attributes";

/// What is taken from it; Istio's proxies took the same.
const TAKEN: [&str; 6] = [
    "source.uid",
    "source.namespace",
    "destination.service.name",
    "destination.service.uid",
    "destination.service.host",
    "destination.service.namespace",
];

/// The longest header that is read, in bytes.
const LONGEST: usize = 8 << 10;

/// Proxies have always differed in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Attributes that the proxy before us handed on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Forwarded(SmallVec<[(AttributeName, String); 2]>);

impl Forwarded {
    /// Reads the header's value; `None` when it is not one.
    pub fn read(header: &[u8]) -> Option<Self> {
        if header.len() > LONGEST {
            return None;
        }
        let message = Attributes::decode(&*BASE64.decode(header).ok()?).ok()?;
        let taken = TAKEN.into_iter().filter_map(|name| {
            match message.attributes.get(name)?.value.as_ref()? {
                Message::StringValue(text) => Some((AttributeName::new(name), text.clone())),
                _ => None,
            }
        });
        Some(Self(taken.collect()))
    }

    /// The value of `name`.
    pub fn get(&self, name: &AttributeName) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&AttributeName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }
}

/// The header's value that hands `attributes` on.
pub fn forward(attributes: &AttributeBag) -> String {
    let message = Attributes {
        attributes: attributes
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), AttributeValue { value: message(value) })
            })
            .collect(),
    };
    BASE64.encode(message.encode_to_vec())
}

fn message(value: &OwnedValue) -> Option<Message> {
    Some(match value {
        OwnedValue::String(text) => Message::StringValue(text.clone()),
        OwnedValue::Int64(number) => Message::Int64Value(*number),
        OwnedValue::Double(number) => Message::DoubleValue(*number),
        OwnedValue::Bool(truth) => Message::BoolValue(*truth),
        OwnedValue::Bytes(bytes) => Message::BytesValue(bytes.clone()),
        OwnedValue::Timestamp(time) => Message::TimestampValue(prost_types::Timestamp {
            seconds: time.seconds,
            nanos: time.nanos,
        }),
        OwnedValue::Duration(span) => Message::DurationValue(prost_types::Duration {
            seconds: span.seconds,
            nanos: span.nanos,
        }),
        OwnedValue::StringMap(map) => Message::StringMapValue(TextMap {
            entries: map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_forwarded_is_read_as_far_as_it_is_taken() {
        let attributes = AttributeBag::new()
            .with("source.uid", "kubernetes://a.ns")
            .with("destination.service.host", "b.ns.svc.cluster.local")
            .with("source.principal", "cluster.local/ns/kube-system/sa/admin")
            .with("destination.port", 80)
            .with("source.namespace", true);
        let read = Forwarded::read(forward(&attributes).as_bytes()).unwrap();
        let get = |name| read.get(&AttributeName::new(name));
        assert_eq!(get("source.uid"), Some("kubernetes://a.ns"));
        assert_eq!(get("destination.service.host"), Some("b.ns.svc.cluster.local"));
        assert_eq!(get("source.principal"), None, "identity comes from certificates alone");
        assert_eq!(get("source.namespace"), None, "no text");
    }

    #[test]
    fn what_istios_proxy_wrote_is_read() {
        // attributes { key: "source.uid" value { string_value: "kubernetes://x.y" } }, padded.
        let header = "CiAKCnNvdXJjZS51aWQSEhIQa3ViZXJuZXRlczovL3gueQ==";
        let read = Forwarded::read(header.as_bytes()).unwrap();
        assert_eq!(read.get(&AttributeName::new("source.uid")), Some("kubernetes://x.y"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(header in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Forwarded::read(&header);
            let _ = Forwarded::read(BASE64.encode(&header).as_bytes());
        }
    }
}
