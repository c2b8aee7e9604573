//! Time series that adapters feed and Prometheus scrapes.
//!
//! A *family* is a metric with its definition; its *series* are told apart by label values. A family
//! lives as long as a handler claims it, so a handler that is rebuilt with the same metrics goes on with
//! its numbers.

mod cell;
mod definition;
mod exemplar;
mod family;
mod format;
mod handler;
mod histogram;
mod labels;
mod native;
mod open_metrics;
mod protobuf;
mod quota;
mod store;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use self::definition::{Definition, Draft, MetricKind};
pub(crate) use self::exemplar::Exemplar;
pub use self::format::ScrapeFormat;
pub(crate) use self::handler::{HandlerSeries, SeriesHandle};
pub(crate) use self::native::NativeLayout;
pub use self::store::SeriesStore;
