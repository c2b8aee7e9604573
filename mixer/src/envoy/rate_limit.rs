//! Rate limits as quotas.
//!
//! The domain names the quota: `QUOTA` or `QUOTA.NAMESPACE`. Each descriptor is one request for it. An
//! entry whose key looks like an attribute's name, with a dot, is that attribute; all entries together
//! are the map `request.descriptors`, so that instances can use keys such as `generic_key`.
//!
//! Only the quota is asked for, yet Mixer gives none to a request that its rules refuse. Such a refusal is
//! told as an exceeded limit, since Envoy lets requests pass when the service fails; only what Mixer
//! itself could not do is a failure, on which Envoy's `failure_mode_deny` decides.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_api::code::{INTERNAL, INVALID_ARGUMENT, OK, UNAVAILABLE};
use mesh_api::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
use mesh_api::mixer::v1::CheckResponse;
use mesh_attributes::{AttributeBag, OwnedValue};

use super::StatedError;
use super::stated::{set_stated, stated};

/// The map of all entries of a descriptor.
const DESCRIPTORS: &str = "request.descriptors";

/// One descriptor as a request for quota.
#[derive(Debug, PartialEq)]
pub(crate) struct RateLimit {
    /// What the request says.
    pub(crate) bag: AttributeBag,
    /// The quota's name.
    pub(crate) quota: String,
    /// How much of it; negative to give back.
    pub(crate) amount: i64,
}

/// What Mixer said about one descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Whether the limit is exceeded.
    pub(crate) over_limit: bool,
    /// How long until that changes, if it is known.
    pub(crate) until_reset: Option<Duration>,
}

/// The quota that a descriptor asks for. `hits` is what the request asks for each of its descriptors.
///
/// # Errors
/// When an entry is named like an attribute and is none.
pub(crate) fn descriptor_attributes(
    domain: &str,
    descriptor: &RateLimitDescriptor,
    hits: u32,
) -> Result<RateLimit, StatedError> {
    let (quota, namespace) = match domain.rsplit_once('.') {
        Some((quota, namespace)) => (quota, Some(namespace)),
        None => (domain, None),
    };
    let mut bag = AttributeBag::new().with("context.reporter.kind", "inbound");
    let mut all = BTreeMap::new();
    for entry in &descriptor.entries {
        let (key, text) = (&entry.key, &entry.value);
        all.entry(key.clone()).or_insert_with(|| text.clone());
        if key.contains('.') {
            let (name, value) = stated(key, text)?;
            set_stated(&mut bag, name, value);
        } else if key == "remote_address" {
            for name in ["source.ip", "origin.ip"] {
                let (name, value) = stated(name, text)?;
                bag.set(name, value);
            }
        }
    }
    if let Some(namespace) = namespace {
        set_stated(&mut bag, "destination.namespace", namespace.into());
    }
    bag.set(DESCRIPTORS, OwnedValue::StringMap(all));
    let hits = descriptor
        .hits_addend
        .map_or_else(|| i64::from(hits.max(1)), |own| i64::try_from(own).unwrap_or(i64::MAX));
    let amount = if descriptor.is_negative_hits { -hits } else { hits };
    Ok(RateLimit { bag, quota: quota.to_owned(), amount })
}

impl RateLimit {
    /// What an answer of Mixer's means for this request.
    ///
    /// # Errors
    /// The text of what Mixer could not do.
    pub(crate) fn judge(&self, answer: &CheckResponse) -> Result<Granted, String> {
        let Some(precondition) = &answer.precondition else {
            return Err("Mixer's answer has no precondition".to_owned());
        };
        let status = precondition.status.clone().unwrap_or_default();
        match status.code {
            OK => {}
            INVALID_ARGUMENT | INTERNAL | UNAVAILABLE => return Err(status.message),
            _ => {
                let until_reset = duration(precondition.valid_duration.as_ref());
                return Ok(Granted { over_limit: true, until_reset });
            }
        }
        let Some(result) = answer.quotas.get(&self.quota) else {
            return Err(format!("Mixer's answer says nothing of the quota {}", self.quota));
        };
        let status = result.status.clone().unwrap_or_default();
        if matches!(status.code, INVALID_ARGUMENT | INTERNAL | UNAVAILABLE) {
            return Err(status.message);
        }
        // Giving back cannot exceed a limit.
        let short = self.amount > 0 && result.granted_amount < self.amount;
        Ok(Granted {
            over_limit: short || status.code != OK,
            until_reset: duration(result.valid_duration.as_ref()),
        })
    }
}

fn duration(duration: Option<&prost_types::Duration>) -> Option<Duration> {
    let duration = duration?;
    let length =
        Duration::new(u64::try_from(duration.seconds).ok()?, u32::try_from(duration.nanos).ok()?);
    (!length.is_zero()).then_some(length)
}

#[cfg(test)]
mod tests {
    use mesh_api::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::Entry;
    use mesh_api::mixer::v1::check_response::{PreconditionResult, QuotaResult};
    use mesh_api::rpc::Status;

    use super::*;

    fn descriptor(entries: &[(&str, &str)]) -> RateLimitDescriptor {
        let entry = |(key, value): &(&str, &str)| Entry {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        RateLimitDescriptor {
            entries: entries.iter().map(entry).collect(),
            ..RateLimitDescriptor::default()
        }
    }

    fn status(code: i32) -> Option<Status> {
        Some(Status { code, message: "why".to_owned(), details: Vec::new() })
    }

    fn answer(precondition: i32, quota: Option<(i32, i64)>) -> CheckResponse {
        let valid_duration = Some(prost_types::Duration { seconds: 3, nanos: 0 });
        CheckResponse {
            precondition: Some(PreconditionResult {
                status: status(precondition),
                valid_duration,
                ..PreconditionResult::default()
            }),
            quotas: quota
                .map(|(code, granted_amount)| {
                    let result = QuotaResult {
                        valid_duration,
                        granted_amount,
                        status: status(code),
                        ..QuotaResult::default()
                    };
                    ("requests".to_owned(), result)
                })
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn a_descriptor_is_a_request_for_the_quota_of_its_domain() {
        let entries = descriptor(&[
            ("generic_key", "slow"),
            ("request.path", "/a"),
            ("my.weight[INT64]", "3"),
            ("remote_address", "10.0.0.1"),
        ]);
        let limit = descriptor_attributes("requests.shop", &entries, 0).unwrap();
        let ip: &[u8] = &[10, 0, 0, 1];
        let expected = AttributeBag::new()
            .with("context.reporter.kind", "inbound")
            .with("destination.namespace", "shop")
            .with("request.path", "/a")
            .with("my.weight", 3)
            .with("source.ip", ip)
            .with("origin.ip", ip)
            .with(
                "request.descriptors",
                [
                    ("generic_key", "slow"),
                    ("request.path", "/a"),
                    ("my.weight[INT64]", "3"),
                    ("remote_address", "10.0.0.1"),
                ],
            );
        assert_eq!(limit, RateLimit { bag: expected, quota: "requests".to_owned(), amount: 1 });
    }

    #[test]
    fn the_amount_is_the_descriptors_own_or_the_requests() {
        let amount = |own, negative, hits| {
            let descriptor = RateLimitDescriptor {
                hits_addend: own,
                is_negative_hits: negative,
                ..descriptor(&[("a", "b")])
            };
            descriptor_attributes("requests", &descriptor, hits).unwrap().amount
        };
        assert_eq!(amount(None, false, 0), 1);
        assert_eq!(amount(None, false, 7), 7);
        assert_eq!(amount(Some(3), false, 7), 3);
        assert_eq!(amount(Some(0), false, 7), 0);
        assert_eq!(amount(Some(2), true, 0), -2);
        assert_eq!(amount(Some(u64::MAX), false, 0), i64::MAX);
    }

    #[test]
    fn a_stated_namespace_wins_over_the_domains() {
        let entries = descriptor(&[("destination.namespace", "other")]);
        let limit = descriptor_attributes("requests.shop", &entries, 0).unwrap();
        let expected = "other".into();
        assert!(
            limit.bag.iter().any(|(n, v)| n.as_str() == "destination.namespace" && *v == expected)
        );
        assert!(descriptor_attributes("q", &descriptor(&[("source.ip", "x")]), 0).is_err());
    }

    #[test]
    fn a_grant_is_within_the_limit_and_everything_less_is_not() {
        let limit = descriptor_attributes("requests", &descriptor(&[("a", "b")]), 2).unwrap();
        let over = |answer: &CheckResponse| limit.judge(answer).map(|granted| granted.over_limit);
        assert_eq!(over(&answer(0, Some((0, 2)))), Ok(false));
        assert_eq!(over(&answer(0, Some((0, 1)))), Ok(true));
        assert_eq!(over(&answer(0, Some((0, 0)))), Ok(true));
        assert_eq!(over(&answer(0, Some((8, 2)))), Ok(true));
        // Policy refused: never a pass, whatever Envoy does when the service fails.
        assert_eq!(over(&answer(7, None)), Ok(true));
        for failed in
            [answer(14, None), answer(3, None), answer(13, None), answer(0, Some((14, 0)))]
        {
            assert_eq!(over(&failed), Err("why".to_owned()));
        }
        assert!(over(&answer(0, None)).is_err());
        assert!(over(&CheckResponse::default()).is_err());
        let granted = limit.judge(&answer(0, Some((0, 0)))).unwrap();
        assert_eq!(granted.until_reset, Some(Duration::from_secs(3)));
    }
}
