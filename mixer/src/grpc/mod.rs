//! The gRPC port.

mod mixer_service;
mod raw_codec;
mod watch_service;

pub(crate) use mixer_service::MixerService;
pub(crate) use watch_service::WatchService;
