//! Prometheus' native histograms: buckets between powers of 2^(2^-schema), made as samples come.
//!
//! The schema of a definition is the finest that its series begin with. A series that would have too many
//! buckets joins them in pairs and goes on one schema coarser. At the coarsest, -4, a bucket is a factor
//! of 65,536 wide; if even those are too many, the bucket around zero takes in the smallest. No sample is
//! ever dropped, and Prometheus compares histograms across such changes. (client_golang does the same,
//! but may also begin a series anew when it is old enough, which we do not: that is a counter reset.)

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The range of schemas that Prometheus knows.
pub(crate) const COARSEST: i32 = -4;
pub(crate) const FINEST: i32 = 8;

/// More buckets than anybody wants to pay for in each series.
const MAX_BUCKETS: u32 = 1000;

/// What a bucket takes: key and count in a B-tree whose nodes are half full at worst.
const BUCKET_BYTES: usize = 32;

/// The lower halves of the bounds within a power of two at the finest schema: from 0.5, 256 of them.
static BOUNDS: LazyLock<[f64; 1 << FINEST]> =
    LazyLock::new(|| std::array::from_fn(|n| 0.5 * (n as f64 / f64::from(1 << FINEST)).exp2()));

/// How the native buckets of a metric are laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NativeLayout {
    pub(crate) schema: i32,
    pub(crate) max_buckets: u32,
    pub(crate) zero_threshold: f64,
}

/// The native buckets of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NativeBuckets {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) zero_count: u64,
    pub(super) positive: BTreeMap<i32, u64>,
    pub(super) negative: BTreeMap<i32, u64>,
    max_buckets: usize,
}

impl NativeLayout {
    /// What is wrong with it.
    pub(super) fn mistake(self) -> Option<&'static str> {
        if !(COARSEST..=FINEST).contains(&self.schema) {
            return Some("the schema must be from -4 to 8");
        }
        if !(1..=MAX_BUCKETS).contains(&self.max_buckets) {
            return Some("max_buckets must be from 1 to 1000");
        }
        if !(self.zero_threshold.is_finite() && self.zero_threshold >= 0.0) {
            return Some("zero_threshold must be a number that is not negative");
        }
        None
    }

    /// What a series may take at most.
    pub(super) fn bytes(self) -> usize {
        self.max_buckets as usize * BUCKET_BYTES
    }
}

impl NativeBuckets {
    pub(super) fn new(layout: NativeLayout) -> Self {
        Self {
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count: 0,
            positive: BTreeMap::new(),
            negative: BTreeMap::new(),
            max_buckets: layout.max_buckets as usize,
        }
    }

    /// Counts a sample that is not NaN. Costs a look-up in a tree, rarely a rebuild of it.
    pub(super) fn observe(&mut self, sample: f64) {
        if sample.abs() <= self.zero_threshold {
            self.zero_count += 1;
            return;
        }
        let side = if sample > 0.0 { &mut self.positive } else { &mut self.negative };
        *side.entry(key(sample.abs(), self.schema)).or_default() += 1;
        while self.positive.len() + self.negative.len() > self.max_buckets {
            if self.schema > COARSEST {
                self.schema -= 1;
                for side in [&mut self.positive, &mut self.negative] {
                    *side = joined(side);
                }
            } else {
                self.widen_zero();
            }
        }
    }

    /// All samples.
    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.zero_count + self.positive.values().chain(self.negative.values()).sum::<u64>()
    }

    /// Moves the buckets nearest to zero into the one around zero.
    fn widen_zero(&mut self) {
        let first = |side: &BTreeMap<i32, u64>| side.keys().next().copied();
        let nearest = first(&self.positive).into_iter().chain(first(&self.negative)).min();
        let Some(nearest) = nearest else { return };
        // A bucket holds what is above the bound below it and up to its own.
        let bound = (f64::from(nearest) * (-f64::from(self.schema)).exp2()).exp2();
        self.zero_threshold = bound.min(f64::MAX);
        for side in [&mut self.positive, &mut self.negative] {
            self.zero_count += side.remove(&nearest).unwrap_or_default();
        }
    }
}

/// The number of the bucket of a magnitude: its upper bound is 2^(number * 2^-schema).
fn key(magnitude: f64, schema: i32) -> i32 {
    if magnitude.is_infinite() {
        return key(f64::MAX, schema) + 1;
    }
    let (fraction, exponent) = frexp(magnitude);
    if schema > 0 {
        let per_power = 1 << schema;
        let step = 1 << (FINEST - schema);
        // The first bound that is not below the fraction.
        let finest = BOUNDS.partition_point(|bound| *bound < fraction);
        let within = i32::try_from(finest.div_ceil(step)).expect("there are 256 bounds");
        return within + (exponent - 1) * per_power;
    }
    let exponent = if fraction == 0.5 { exponent - 1 } else { exponent };
    (exponent + (1 << -schema) - 1) >> -schema
}

/// A positive finite number as a fraction from 0.5 to below 1 and a power of two.
fn frexp(number: f64) -> (f64, i32) {
    const MANTISSA: u32 = f64::MANTISSA_DIGITS - 1;
    const EXPONENT: u64 = 0x7ff << MANTISSA;
    // Numbers too small for a normal exponent are made larger first.
    let (number, shift) =
        if number < f64::MIN_POSITIVE { (number * 2_f64.powi(64), 64) } else { (number, 0) };
    let bits = number.to_bits();
    let exponent =
        i32::try_from((bits & EXPONENT) >> MANTISSA).expect("eleven bits") - 1022 - shift;
    let fraction = f64::from_bits((bits & !EXPONENT) | (1022 << MANTISSA));
    (fraction, exponent)
}

/// The buckets one schema coarser: each holds two neighbours.
fn joined(side: &BTreeMap<i32, u64>) -> BTreeMap<i32, u64> {
    let mut coarser = BTreeMap::new();
    for (number, count) in side {
        *coarser.entry((number + 1) >> 1).or_default() += count;
    }
    coarser
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn bound(number: i32, schema: i32) -> f64 {
        (f64::from(number) * (-f64::from(schema)).exp2()).exp2()
    }

    fn layout(schema: i32, max_buckets: u32) -> NativeLayout {
        NativeLayout { schema, max_buckets, zero_threshold: 0.0 }
    }

    #[test]
    fn powers_of_two_are_upper_bounds() {
        for schema in COARSEST..=FINEST {
            for power in [-64, -16, 0, 16, 32] {
                let number = key(2_f64.powi(power), schema);
                assert_eq!(bound(number, schema), 2_f64.powi(power), "schema {schema}");
            }
        }
        assert_eq!((key(1.5, 0), key(2.0, 0), key(2.5, 0)), (1, 1, 2));
        assert_eq!((key(1.4, 1), key(1.5, 1)), (1, 2));
    }

    #[test]
    fn the_ends_of_the_range_have_buckets() {
        for schema in COARSEST..=FINEST {
            assert_eq!(key(f64::INFINITY, schema), key(f64::MAX, schema) + 1);
            assert!(key(f64::from_bits(1), schema) < key(f64::MIN_POSITIVE, schema));
        }
    }

    #[test]
    fn too_many_buckets_are_joined_and_lose_no_sample() {
        let mut buckets = NativeBuckets::new(layout(8, 4));
        for n in 1..=100 {
            buckets.observe(f64::from(n));
            buckets.observe(-f64::from(n));
        }
        buckets.observe(0.0);
        assert!(buckets.positive.len() + buckets.negative.len() <= 4);
        assert_eq!(buckets.count(), 201);
        assert_eq!(buckets.zero_count, 1, "{buckets:?}");
    }

    #[test]
    fn the_zero_bucket_takes_in_what_is_left_over_at_the_coarsest_schema() {
        let mut buckets = NativeBuckets::new(layout(0, 2));
        for power in [-300, 0, 300, -600, 600] {
            buckets.observe(2_f64.powi(power));
        }
        assert_eq!(buckets.schema, COARSEST);
        assert_eq!((buckets.positive.len(), buckets.zero_count, buckets.count()), (2, 3, 5));
        assert!(buckets.zero_threshold >= 1.0 && buckets.zero_threshold < 2_f64.powi(300));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_sample_is_between_the_bounds_of_its_bucket(
            sample in 1e-200_f64..1e200, schema in COARSEST..=FINEST,
        ) {
            let number = key(sample, schema);
            // The bounds themselves are only as good as `exp2`.
            let near = 1.0 + 1e-9;
            prop_assert!(sample <= bound(number, schema) * near);
            prop_assert!(sample >= bound(number - 1, schema) / near);
        }

        #[test]
        fn joining_buckets_is_what_a_coarser_schema_gives(
            samples in proptest::collection::vec(1e-3_f64..1e3, 1..50), schema in -3..=FINEST,
        ) {
            let mut fine = NativeBuckets::new(layout(schema, 1000));
            let mut coarse = NativeBuckets::new(layout(schema - 1, 1000));
            for sample in samples {
                fine.observe(sample);
                coarse.observe(sample);
            }
            prop_assert_eq!(joined(&fine.positive), coarse.positive);
        }
    }
}
