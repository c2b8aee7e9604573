use crate::ids::TraceId;

/// Takes a share of all traces, the same ones everywhere.
#[derive(Debug)]
pub(crate) struct Sampler {
    /// Ids up to it are taken; none for a share of 0.
    boundary: Option<u64>,
}

impl Sampler {
    /// `share` is between 0 and 1.
    pub(crate) fn new(share: f64) -> Self {
        // As Zipkin's CollectorSampler. The cast saturates: a share of 1 is all.
        let boundary = (i64::MAX as f64 * share) as u64;
        Self { boundary: (share > 0.0).then_some(boundary) }
    }

    /// By the id's lower half, which survives where others cut ids to 64 bits. (Istio went by the upper
    /// half, which is zero in a short id: all of those were taken.)
    pub(crate) fn takes(&self, trace: &TraceId) -> bool {
        let distance = trace.lower().cast_signed().saturating_abs().unsigned_abs();
        self.boundary.is_some_and(|boundary| distance <= boundary)
    }
}
