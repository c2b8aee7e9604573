//! Every check that no cache answers passes the admission: it must cost next to nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::FutureExt as _;
use mixer::{Admission, Limits, Metrics, RateLimit, RequestKind, SheddingMode, SheddingOptions};

fn options() -> SheddingOptions {
    let limits = Limits { concurrent: 8, waiting: 8 };
    let million = NonZeroU32::new(1_000_000).expect("a million is not 0");
    SheddingOptions {
        mode: SheddingMode::Enforce,
        check: limits,
        report: limits,
        max_wait: Duration::from_secs(1),
        max_queued: 1000,
        rate: Some(RateLimit { per_second: million, burst: million }),
    }
}

#[test]
fn a_place_that_is_free_is_had_at_once_and_without_an_allocation() {
    let admission = Admission::new(&options(), &Metrics::new());
    let measured = allocation_counter::measure(|| {
        for kind in RequestKind::ALL {
            let place = admission.enter(kind, 10).now_or_never();
            assert!(place.is_some_and(|place| place.is_ok()));
            assert!(admission.try_enter(kind, 1).is_ok());
        }
    });
    assert_eq!(measured.count_total, 0);
}
