//! Which part of the matching requests a rule takes.
//!
//! Goal: the share that is configured, and the same choice in all rules and proxies for one request where
//! that is wanted. A random share is therefore drawn from the request's id, as Envoy draws it: the first
//! eight hexadecimal digits of `x-request-id`, modulo the denominator. Without an id, or when the rule asks
//! for it, each request is drawn for itself.
//!
//! A rule with sampling answers differently to equal requests, so its checks are never cached.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use mesh_attributes::{AttributeName, Bag, KeyState};
use mesh_config::{RandomSampling, RateLimitSampling};
use mixer_expr::{Evaluated, Expression};

/// Decides for each request whether a rule takes it. Both restrictions hold.
#[derive(Debug)]
pub(crate) struct Sampler {
    random: Option<Random>,
    rate: Option<Rate>,
}

#[derive(Debug)]
struct Random {
    share: RandomSampling,
    /// INT64; its value takes the place of the share's numerator.
    numerator: Option<Expression>,
    headers: AttributeName,
    draws: Draws,
}

/// Numbers that nobody can foresee, without a lock.
#[derive(Debug, Default)]
struct Draws {
    drawn: AtomicU64,
    keys: RandomState,
}

#[derive(Debug)]
struct Rate {
    limit: RateLimitSampling,
    period: Mutex<Period>,
}

#[derive(Debug)]
struct Period {
    began: Instant,
    seen: u64,
}

impl Sampler {
    /// `numerator` is the compiled `attribute_expression` of `random`.
    pub(super) fn new(
        random: Option<(RandomSampling, Option<Expression>)>,
        rate: Option<RateLimitSampling>,
    ) -> Self {
        let random = random.map(|(share, numerator)| Random {
            share,
            numerator,
            headers: AttributeName::new("request.headers"),
            draws: Draws::default(),
        });
        let period = || Mutex::new(Period { began: Instant::now(), seen: 0 });
        Self { random, rate: rate.map(|limit| Rate { limit, period: period() }) }
    }

    /// Whether this request is taken. A numerator that cannot be evaluated is the configured one.
    pub(crate) fn takes(&self, bag: &impl Bag) -> bool {
        self.random.as_ref().is_none_or(|random| random.takes(bag))
            && self.rate.as_ref().is_none_or(|rate| rate.takes(Instant::now()))
    }
}

impl Random {
    fn takes(&self, bag: &impl Bag) -> bool {
        let configured = i64::from(self.share.numerator);
        let numerator = match self.numerator.as_ref().map(|numerator| numerator.eval(bag)) {
            Some(Ok(Evaluated::Int64(value))) => value,
            _ => configured,
        };
        let id = match bag.get_key(&self.headers, "x-request-id") {
            KeyState::Value(id) if !self.share.independent => digits(id),
            _ => None,
        };
        let drawn = id.unwrap_or_else(|| self.draws.draw()) % u64::from(self.share.denominator);
        i64::try_from(drawn).is_ok_and(|drawn| drawn < numerator)
    }
}

impl Draws {
    fn draw(&self) -> u64 {
        self.keys.hash_one(self.drawn.fetch_add(1, Ordering::Relaxed))
    }
}

impl Rate {
    fn takes(&self, now: Instant) -> bool {
        let mut period = self.period.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(period.began).as_nanos();
        if elapsed >= u128::from(self.limit.period_nanos) {
            *period = Period { began: now, seen: 0 };
        }
        period.seen += 1;
        let over = period.seen.saturating_sub(self.limit.max_unsampled_entries);
        over == 0 || over.is_multiple_of(self.limit.sampling_rate)
    }
}

/// The first eight hexadecimal digits of a request's id.
fn digits(id: &str) -> Option<u64> {
    u64::from_str_radix(id.get(..8)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mesh_attributes::AttributeBag;

    use super::*;

    fn random(numerator: u32, independent: bool) -> Sampler {
        let share =
            RandomSampling { attribute_expression: None, numerator, denominator: 100, independent };
        Sampler::new(Some((share, None)), None)
    }

    fn request(number: u32) -> AttributeBag {
        let id = format!("{:08x}-0000-4000-8000-000000000000", number.wrapping_mul(2_654_435_761));
        AttributeBag::new().with("request.headers", [("x-request-id", id.as_str())])
    }

    #[test]
    fn one_request_is_chosen_alike_by_all_rules() {
        let (one, other) = (random(30, false), random(30, false));
        let chosen = (0..1000).filter(|n| {
            let bag = request(*n);
            assert_eq!(one.takes(&bag), other.takes(&bag));
            one.takes(&bag)
        });
        let share = chosen.count();
        assert!((250..350).contains(&share), "{share} of 1000 is not about 30 %");
    }

    #[test]
    fn a_request_without_an_id_is_drawn_for_itself() {
        let sampler = random(50, false);
        let bag = AttributeBag::new();
        let share = (0..1000).filter(|_| sampler.takes(&bag)).count();
        assert!((400..600).contains(&share), "{share} of 1000 is not about half");
        assert!((0..1000).all(|_| random(100, true).takes(&bag)));
        assert!(!(0..1000).any(|_| random(0, true).takes(&bag)));
    }

    #[test]
    fn a_rate_takes_all_at_first_and_then_one_of_so_many() {
        let limit = RateLimitSampling {
            period_nanos: 1_000_000_000,
            max_unsampled_entries: 3,
            sampling_rate: 4,
        };
        let sampler = Sampler::new(None, Some(limit));
        let rate = sampler.rate.as_ref().unwrap();
        let start = Instant::now();
        let taken: Vec<bool> = (0..12).map(|_| rate.takes(start)).collect();
        assert_eq!(
            taken,
            [true, true, true, false, false, false, true, false, false, false, true, false]
        );
        assert!(rate.takes(start + Duration::from_secs(2)), "a new period begins anew");
    }
}
