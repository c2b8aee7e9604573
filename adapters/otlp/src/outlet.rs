use std::collections::BTreeMap;

use adapter_sdk::Problems;
use adapter_sdk::host::outbound::{self, Assembly, HttpOptions, Message, Protocol, SendError};

use crate::parameters::Parameters;

/// One of the three kinds of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Metrics,
    Logs,
    Traces,
}

/// Where the data of a signal goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outlet(u32);

impl Signal {
    /// The parameter that may name an address for this signal alone.
    const fn parameter(self) -> &'static str {
        match self {
            Self::Metrics => "metrics_endpoint",
            Self::Logs => "logs_endpoint",
            Self::Traces => "traces_endpoint",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
            Self::Traces => "/v1/traces",
        }
    }
}

impl Outlet {
    /// Asks the host for the target of a signal.
    pub(crate) fn open(
        signal: Signal,
        parameters: &Parameters,
        problems: &mut Problems,
    ) -> Option<Self> {
        let own = parameters.endpoint_of(signal);
        let parameter = if own.is_empty() { "endpoint" } else { signal.parameter() };
        if own.is_empty() && parameters.endpoint.is_empty() {
            let message = format!("is needed, or {}", signal.parameter());
            problems.add("endpoint", message);
            return None;
        }
        let linger = u64::try_from(parameters.flush_duration.as_nanos()).unwrap_or(u64::MAX);
        let headers = parameters.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        let kind = ("content-type".to_owned(), "application/x-protobuf".to_owned());
        let target = outbound::Target {
            parameter: parameter.to_owned(),
            protocol: Protocol::Http,
            // Requests one after the other are one request: all they have is a repeated field.
            assembly: Some(Assembly {
                prefix: Vec::new(),
                separator: Vec::new(),
                suffix: Vec::new(),
                max_bytes: parameters.max_request_bytes,
                linger,
            }),
            http: Some(HttpOptions {
                default_path: signal.path().to_owned(),
                headers: [kind].into_iter().chain(headers).collect(),
                gzip: parameters.gzips(),
            }),
            conversation: false,
        };
        match outbound::open(&target) {
            Ok(number) => Some(Self(number)),
            Err(message) => {
                problems.add(parameter, message);
                None
            }
        }
    }

    /// Queues a request that carries so many elements of a report.
    pub(crate) fn send(self, data: Vec<u8>, elements: u32) -> Result<(), String> {
        let message = Message { data, elements, token: None };
        outbound::send(self.0, &message).map_err(|error| {
            match error {
                SendError::Full => "the queue to the collector is full",
                SendError::TooLarge => "the request is larger than the handler's queue",
                SendError::Closed => "the handler is closed",
            }
            .to_owned()
        })
    }
}

/// The attributes of the resource: those of the parameters, and the service's name.
pub(crate) fn resource(parameters: &Parameters, service: &str) -> BTreeMap<String, String> {
    let mut attributes = parameters.resource_attributes.clone();
    attributes.insert("service.name".to_owned(), service.to_owned());
    attributes
}
