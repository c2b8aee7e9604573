use std::num::NonZeroU32;
use std::sync::Arc;

use adapter_host::{AdapterHost, HostOptions};
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::encode_check_request;
use mesh_config::ConfigSet;
use proptest::prelude::*;

use super::*;
use crate::check::{CacheLevel, Caller};
use crate::policy::PolicyBuilder;
use crate::service::Mixer;

fn admission(change: impl FnOnce(&mut SheddingOptions)) -> (Admission, Metrics) {
    let mut options = SheddingOptions {
        mode: SheddingMode::Enforce,
        check: Limits { concurrent: 2, waiting: 1 },
        report: Limits { concurrent: 1, waiting: 1 },
        max_wait: Duration::from_secs(1),
        max_queued: 100,
        rate: None,
    };
    change(&mut options);
    let metrics = Metrics::new();
    (Admission::new(&options, &metrics), metrics)
}

fn rate(per_second: u32, burst: u32) -> RateLimit {
    let number = |number| NonZeroU32::new(number).unwrap();
    RateLimit { per_second: number(per_second), burst: number(burst) }
}

fn shed(metrics: &Metrics, kind: RequestKind, reason: ShedReason) -> u64 {
    metrics.shedding.shed(kind, reason)
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_waits_in_a_bounded_line() {
    let (admission, metrics) = admission(|_| {});
    let admission = Arc::new(admission);
    let first = admission.enter(RequestKind::Check, 1).await.unwrap();
    let second = admission.enter(RequestKind::Check, 1).await.unwrap();
    let third = {
        let admission = Arc::clone(&admission);
        async move { admission.enter(RequestKind::Check, 1).await.map(drop) }
    };
    let mut third = Box::pin(third);
    // It waits.
    assert!(futures_util::poll!(&mut third).is_pending());
    let fourth = admission.enter(RequestKind::Check, 1).await.unwrap_err();
    assert_eq!(fourth.reason, ShedReason::Concurrency);
    drop(first);
    assert_eq!(third.await, Ok(()));
    assert_eq!(shed(&metrics, RequestKind::Check, ShedReason::Concurrency), 1);
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_refused_and_who_gives_up_leaves_the_line() {
    let (admission, metrics) = admission(|_| {});
    let _first = admission.enter(RequestKind::Check, 1).await.unwrap();
    let _second = admission.enter(RequestKind::Check, 1).await.unwrap();
    let mut gives_up = Box::pin(admission.enter(RequestKind::Check, 1));
    assert!(futures_util::poll!(&mut gives_up).is_pending());
    drop(gives_up);
    // The line has room again.
    let late = admission.enter(RequestKind::Check, 1).await.unwrap_err();
    assert_eq!(late.reason, ShedReason::Waited);
    assert_eq!(shed(&metrics, RequestKind::Check, ShedReason::Waited), 1);
    assert_eq!(metrics.shedding.waiting(RequestKind::Check).get(), 0);
}

#[tokio::test]
async fn reports_have_places_of_their_own_and_give_way_while_checks_wait() {
    let (admission, metrics) = admission(|_| {});
    let report = admission.enter(RequestKind::Report, 50).await.unwrap();
    let _first = admission.enter(RequestKind::Check, 1).await.unwrap();
    let _second = admission.enter(RequestKind::Check, 1).await.unwrap();
    drop(report);
    let _next = admission.enter(RequestKind::Report, 50).await.unwrap();
    let mut waits = Box::pin(admission.enter(RequestKind::Check, 1));
    assert!(futures_util::poll!(&mut waits).is_pending());
    let refused = admission.enter(RequestKind::Report, 50).await.unwrap_err();
    assert_eq!(refused.reason, ShedReason::ChecksFirst);
    assert_eq!(metrics.shedding.cost(RequestKind::Report, ShedReason::ChecksFirst), 50);
}

#[tokio::test]
async fn full_queues_shed_reports_and_no_checks() {
    let (admission, metrics) = admission(|_| {});
    metrics.report_queued.set(101);
    let refused = admission.enter(RequestKind::Report, 5).await.unwrap_err();
    assert_eq!((refused.reason, refused.retry_after), (ShedReason::HandlerQueues, QUEUES_RETRY));
    assert!(admission.enter(RequestKind::Check, 1).await.is_ok());
    metrics.report_queued.set(100);
    assert!(admission.enter(RequestKind::Report, 5).await.is_ok());
}

#[tokio::test]
async fn logonly_counts_and_lets_pass_and_disabled_does_neither() {
    for (mode, counted) in [(SheddingMode::LogOnly, 1), (SheddingMode::Disabled, 0)] {
        let (admission, metrics) = admission(|options| {
            options.mode = mode;
            options.check = Limits { concurrent: 1, waiting: 0 };
        });
        let _first = admission.enter(RequestKind::Check, 1).await.unwrap();
        let _second = admission.enter(RequestKind::Check, 1).await.unwrap();
        assert_eq!(shed(&metrics, RequestKind::Check, ShedReason::Concurrency), counted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_says_when_to_come_again() {
    let (admission, _) = admission(|options| options.rate = Some(rate(10, 2)));
    assert!(admission.enter(RequestKind::Report, 2).await.is_ok());
    let refused = admission.try_enter(RequestKind::Check, 1).unwrap_err();
    assert_eq!((refused.reason, refused.retry_after.as_millis()), (ShedReason::Rate, 100));
    tokio::time::advance(refused.retry_after).await;
    assert!(admission.enter(RequestKind::Check, 1).await.is_ok());
}

#[tokio::test]
async fn an_answer_from_the_cache_needs_no_place() {
    let metrics = Metrics::new();
    let host = AdapterHost::new(HostOptions::default()).unwrap();
    let mut builder = PolicyBuilder::new(host, "".into(), "istio-system", metrics.clone());
    let policy = builder.build(&ConfigSet::default()).await;
    let (admission, _) = admission(|options| options.check = Limits { concurrent: 1, waiting: 0 });
    let mut mixer = Mixer::new(policy, 1 << 20, metrics, None);
    mixer.admission = admission;
    let check = async |namespace: &str| {
        let bag = AttributeBag::new().with("destination.namespace", namespace);
        let mut request = Vec::new();
        encode_check_request(&bag, "", &[], &mut request);
        mixer.check(&request, &Caller::default()).await.map(|answer| answer.cache)
    };
    assert_eq!(check("known").await.unwrap(), CacheLevel::Miss);
    let _only_place = mixer.admission.try_enter(RequestKind::Check, 1).unwrap();
    assert_eq!(check("known").await.unwrap(), CacheLevel::L2);
    let refused = check("new").await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert!(refused.metadata().contains_key("grpc-retry-pushback-ms"), "{refused:?}");
}

proptest! {
    #[test]
    fn a_rate_is_never_exceeded_and_what_is_refused_fits_when_it_was_told(
        per_second in 1..100_000_u32,
        burst in 1..2_000_u32,
        requests in prop::collection::vec((0..2_000_000_000_u64, 1..500_u32), 1..60),
    ) {
        let limit = rate(per_second, burst);
        let bucket = Rate::new(limit);
        let (mut now, mut taken, mut largest) = (Duration::ZERO, 0_u64, 0_u64);
        for (pause, cost) in requests {
            now += Duration::from_nanos(pause);
            largest = largest.max(u64::from(cost));
            match bucket.admit(cost, now) {
                Ok(()) => taken += u64::from(cost),
                Err(retry) => {
                    prop_assert!(!retry.is_zero());
                    now += retry;
                    prop_assert!(bucket.admit(cost, now).is_ok());
                    taken += u64::from(cost);
                }
            }
            let allowed = now.as_secs_f64() * f64::from(per_second) + f64::from(burst);
            prop_assert!(taken as f64 <= allowed + largest as f64 + 1e-6, "{taken} of {allowed}");
        }
    }

    #[test]
    fn places_and_lines_are_never_over_their_bounds(
        concurrent in 1..5_u32,
        max_waiting in 0..5_u32,
        steps in prop::collection::vec((any::<bool>(), 0..8_usize), 1..80),
    ) {
        let gauge = prometheus::IntGauge::new("waiting", "For the test.").unwrap();
        let limiter = Limiter::new(Limits { concurrent, waiting: max_waiting }, gauge.clone());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut places = Vec::new();
            let mut line = Vec::new();
            for (comes, which) in steps {
                if comes {
                    let mut asks = Box::pin(limiter.wait(Duration::from_secs(3600)));
                    match futures_util::poll!(&mut asks) {
                        std::task::Poll::Ready(Ok(place)) => places.push(place),
                        std::task::Poll::Ready(Err(reason)) => {
                            prop_assert_eq!(reason, ShedReason::Concurrency);
                            prop_assert_eq!(line.len(), max_waiting as usize);
                        }
                        std::task::Poll::Pending => line.push(asks),
                    }
                } else if which % 2 == 0 && !places.is_empty() {
                    drop(places.swap_remove(which % places.len()));
                } else if !line.is_empty() {
                    drop(line.remove(which % line.len()));
                }
                let mut still = Vec::new();
                for mut asks in line.drain(..) {
                    match futures_util::poll!(&mut asks) {
                        std::task::Poll::Ready(place) => places.push(place.expect("it waits an hour")),
                        std::task::Poll::Pending => still.push(asks),
                    }
                }
                line = still;
                prop_assert!(places.len() <= concurrent as usize);
                prop_assert!(line.is_empty() || places.len() == concurrent as usize);
                prop_assert_eq!(gauge.get(), i64::try_from(line.len()).unwrap());
                prop_assert_eq!(limiter.waits(), !line.is_empty());
            }
            Ok(())
        })?;
    }
}
