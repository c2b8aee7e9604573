use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use crate::host::counters::{Failure, Grant, Request};
use crate::host::lists::Source;
use crate::host::log::Level;
use crate::host::metrics::{Definition, Exemplar, Options};
use crate::host::outbound::{Message, SendError, Target};
use crate::host::workloads::Pod;

thread_local! {
    static HOST: RefCell<Recorded> = RefCell::default();
}

/// What the adapters of this thread have asked for.
#[derive(Debug, Default)]
struct Recorded {
    /// For measurements: what is asked for is answered and forgotten.
    is_deaf: bool,
    messages: Vec<(Level, String)>,
    lines: String,
    metrics: Vec<(Definition, Options)>,
    series: Vec<String>,
    samples: BTreeMap<String, Vec<f64>>,
    exemplars: Vec<(String, Exemplar)>,
    requests: Vec<Request>,
    decisions: VecDeque<Result<Grant, Failure>>,
    now: i64,
    pods: Vec<Pod>,
    targets: Vec<Target>,
    sent: Vec<(u32, Message)>,
    send_error: Option<SendError>,
    sources: Vec<Source>,
    documents: Vec<Option<(u64, Vec<u8>)>>,
}

/// From now on what adapters ask for is answered and not recorded: for measurements, which would measure
/// the recording.
pub(super) fn stop_recording() {
    HOST.with_borrow_mut(|host| host.is_deaf = true);
}

/// The messages to the operator, oldest first.
pub fn messages() -> Vec<(Level, String)> {
    HOST.with_borrow(|host| host.messages.clone())
}

/// What was written to the handler's stream.
pub fn lines() -> String {
    HOST.with_borrow(|host| host.lines.clone())
}

/// The samples of each series, as `name{label="value"}`.
pub fn samples() -> BTreeMap<String, Vec<f64>> {
    HOST.with_borrow(|host| host.samples.clone())
}

/// The exemplars of samples that were taken, each with its series, oldest first.
pub fn exemplars() -> Vec<(String, Exemplar)> {
    HOST.with_borrow(|host| host.exemplars.clone())
}

/// The metrics that were defined, in the order of their ids.
pub fn metrics_defined() -> Vec<(Definition, Options)> {
    HOST.with_borrow(|host| host.metrics.clone())
}

/// What counters were asked for, oldest first.
pub fn counter_requests() -> Vec<Request> {
    HOST.with_borrow(|host| host.requests.clone())
}

/// What the next request to a counter is answered with. Without that, all that is asked for is granted
/// for a second.
pub fn decide_next(decision: Result<Grant, Failure>) {
    HOST.with_borrow_mut(|host| host.decisions.push_back(decision));
}

/// Sets the time, in nanoseconds since the Unix epoch. It stands still.
pub fn set_now(nanos: i64) {
    HOST.with_borrow_mut(|host| host.now = nanos);
}

/// The targets that were opened, in the order of their numbers.
pub fn targets() -> Vec<Target> {
    HOST.with_borrow(|host| host.targets.clone())
}

/// The messages that were sent, with their targets' numbers, oldest first.
pub fn sent() -> Vec<(u32, Message)> {
    HOST.with_borrow(|host| host.sent.clone())
}

/// Has messages refused from now on, or taken again.
pub fn refuse_messages(error: Option<SendError>) {
    HOST.with_borrow_mut(|host| host.send_error = error);
}

/// The sources of documents that were opened, in the order of their numbers.
pub fn sources() -> Vec<Source> {
    HOST.with_borrow(|host| host.sources.clone())
}

/// Sets the content of a document, or takes it away. Its version grows.
pub fn set_document(list: u32, content: Option<&str>) {
    HOST.with_borrow_mut(|host| {
        let list = list as usize;
        if host.documents.len() <= list {
            host.documents.resize(list + 1, None);
        }
        let version = host.documents[list].as_ref().map_or(0, |(version, _)| *version) + 1;
        host.documents[list] = content.map(|text| (version, text.as_bytes().to_vec()));
    });
}

/// Sets the pods that the host knows.
pub fn set_pods(pods: Vec<Pod>) {
    HOST.with_borrow_mut(|host| host.pods = pods);
}

pub(crate) mod clock {
    use super::HOST;

    pub(crate) fn now() -> i64 {
        HOST.with_borrow(|host| host.now)
    }

    pub(crate) fn monotonic() -> u64 {
        now().unsigned_abs()
    }
}

pub(crate) mod counters {
    use super::HOST;
    use crate::host::counters::{Failure, Grant, Request};

    pub(crate) fn take(request: &Request) -> Result<Grant, Failure> {
        HOST.with_borrow_mut(|host| {
            if !host.is_deaf {
                host.requests.push(request.clone());
            }
            let everything = Grant { amount: request.amount.abs(), valid_for: 1_000_000_000 };
            host.decisions.pop_front().unwrap_or(Ok(everything))
        })
    }
}

pub(crate) mod log {
    use super::HOST;
    use crate::host::log::{Level, WriteError};

    pub(crate) fn log(level: Level, message: &str) {
        HOST.with_borrow_mut(|host| {
            if !host.is_deaf {
                host.messages.push((level, message.to_owned()));
            }
        });
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the real one, which can fail")]
    pub(crate) fn write(lines: &str) -> Result<(), WriteError> {
        HOST.with_borrow_mut(|host| {
            if !host.is_deaf {
                host.lines.push_str(lines);
            }
        });
        Ok(())
    }
}

pub(crate) mod lists {
    use super::HOST;
    use crate::host::lists::{Document, Source};

    pub(crate) fn open(source: &Source) -> Result<u32, String> {
        HOST.with_borrow_mut(|host| {
            host.sources.push(source.clone());
            u32::try_from(host.sources.len() - 1).map_err(|error| error.to_string())
        })
    }

    pub(crate) fn version(list: u32) -> Option<u64> {
        HOST.with_borrow(|host| host.documents.get(list as usize)?.as_ref().map(|(v, _)| *v))
    }

    pub(crate) fn read(list: u32) -> Option<Document> {
        HOST.with_borrow(|host| {
            let (version, content) = host.documents.get(list as usize)?.clone()?;
            Some(Document { version, content })
        })
    }
}

pub(crate) mod outbound {
    use super::HOST;
    use crate::host::outbound::{Message, SendError, Target};

    pub(crate) fn open(target: &Target) -> Result<u32, String> {
        HOST.with_borrow_mut(|host| {
            host.targets.push(target.clone());
            u32::try_from(host.targets.len() - 1).map_err(|error| error.to_string())
        })
    }

    pub(crate) fn send(target: u32, message: &Message) -> Result<(), SendError> {
        HOST.with_borrow_mut(|host| {
            assert!((target as usize) < host.targets.len(), "target {target} is not open");
            match host.send_error {
                Some(error) => Err(error),
                None if host.is_deaf => Ok(()),
                None => {
                    host.sent.push((target, message.clone()));
                    Ok(())
                }
            }
        })
    }
}

pub(crate) mod metrics {
    use super::HOST;
    use crate::host::metrics::{Definition, Exemplar, Kind, Options, Sample};

    pub(crate) fn define(definition: &Definition) -> Result<u32, String> {
        define_with(definition, Options { native_histogram: None, exemplars: false })
    }

    pub(crate) fn define_with(definition: &Definition, options: Options) -> Result<u32, String> {
        HOST.with_borrow_mut(|host| {
            let there = host.metrics.iter().position(|(metric, _)| metric.name == definition.name);
            let id = there.unwrap_or_else(|| {
                host.metrics.push((definition.clone(), options));
                host.metrics.len() - 1
            });
            u32::try_from(id).map_err(|error| error.to_string())
        })
    }

    pub(crate) fn intern(metric: u32, label_values: &[Vec<String>]) -> Vec<u32> {
        HOST.with_borrow_mut(|host| {
            let (Definition { name, labels, .. }, _) = &host.metrics[metric as usize];
            let mut ids = Vec::new();
            for values in label_values {
                assert_eq!(labels.len(), values.len(), "one value for each label of {name}");
                let pairs = labels.iter().zip(values).map(|(l, v)| format!("{l}={v:?}"));
                host.series.push(format!("{name}{{{}}}", pairs.collect::<Vec<_>>().join(",")));
                ids.push(u32::try_from(host.series.len() - 1).expect("a test has few series"));
            }
            ids
        })
    }

    pub(crate) fn update(samples: &[Sample]) -> Vec<u32> {
        update_with(samples, &[])
    }

    pub(crate) fn update_with(samples: &[Sample], exemplars: &[Exemplar]) -> Vec<u32> {
        HOST.with_borrow_mut(|host| {
            let mut refused = Vec::new();
            if host.is_deaf {
                return refused;
            }
            for (position, sample) in (0..).zip(samples) {
                let series = &host.series[sample.series as usize];
                let name = series.split('{').next();
                let named = |(metric, _): &&(Definition, _)| Some(metric.name.as_str()) == name;
                let metric = host.metrics.iter().find(named).map(|(metric, _)| metric);
                let is_counter = metric.is_some_and(|metric| metric.kind == Kind::Counter);
                if is_counter && (sample.value.is_nan() || sample.value < 0.0) {
                    refused.push(position);
                    continue;
                }
                let of_sample = exemplars.iter().filter(|exemplar| exemplar.sample == position);
                let of_series = of_sample.map(|exemplar| (series.clone(), exemplar.clone()));
                host.exemplars.extend(of_series);
                host.samples.entry(series.clone()).or_default().push(sample.value);
            }
            refused
        })
    }

    pub(crate) fn forget(_series: &[u32]) {}
}

pub(crate) mod workloads {
    use super::HOST;
    use crate::host::workloads::Pod;

    pub(crate) fn by_uid(uid: &str) -> Option<Pod> {
        const SCHEME: &str = "kubernetes://";
        let uid = uid.trim_start_matches(SCHEME);
        let is_meant = |pod: &&Pod| pod.uid.trim_start_matches(SCHEME) == uid;
        HOST.with_borrow(|host| host.pods.iter().find(is_meant).cloned())
    }

    pub(crate) fn by_ip(ip: &[u8]) -> Option<Pod> {
        HOST.with_borrow(|host| host.pods.iter().find(|pod| pod.ip == ip).cloned())
    }
}
