//! Series that the host owns and shows to Prometheus.

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::mixmesh::host::metrics as imports;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::imports::metrics as imports;

pub use crate::bindings::base::mixmesh::host::metrics::{
    Definition, Exemplar, Kind, NativeHistogram, Options, Sample,
};

/// Defines a metric, during configuration only, and returns its id.
///
/// # Errors
/// What is wrong with the definition, or which handler has defined the metric differently.
pub fn define(definition: &Definition) -> Result<u32, String> {
    imports::define(definition)
}

/// As [`define`], for a metric with options; they are part of its definition.
///
/// # Errors
/// As there.
pub fn define_with(definition: &Definition, options: Options) -> Result<u32, String> {
    imports::define_with(definition, options)
}

/// Ids for series of a metric, one for each list of label values. Not during configuration.
pub fn intern(metric: u32, label_values: &[Vec<String>]) -> Vec<u32> {
    imports::intern(metric, label_values)
}

/// Applies samples and returns the positions of those that the kind of metric cannot take.
pub fn update(samples: &[Sample]) -> Vec<u32> {
    imports::update(samples)
}

/// As [`update`], for samples of which some have exemplars. Those that cannot be shown are left out.
pub fn update_with(samples: &[Sample], exemplars: &[Exemplar]) -> Vec<u32> {
    imports::update_with(samples, exemplars)
}

/// Gives ids back. The series stay.
pub fn forget(series: &[u32]) {
    imports::forget(series);
}
