//! For tests: does harm in every way that the interfaces leave open. The value of a list entry says which;
//! any other is answered. Written against the bindings, since the SDK does not let an adapter go wrong
//! like that.

#![allow(missing_docs, unsafe_code, unused_qualifications, reason = "generated bindings")]

wit_bindgen::generate!({
    inline: "
        package mixmesh:hostile;

        world hostile {
            include mixmesh:adapter/base@0.1.0;
            include mixmesh:adapter/listentry-template@0.1.0;
            include mixmesh:adapter/logentry-template@0.1.0;
        }
    ",
    path: "../../../wit",
    world: "mixmesh:hostile/hostile",
    generate_all,
});

use std::hint::black_box;

use exports::mixmesh::adapter::{lifecycle, listentry, logentry};
use mixmesh::adapter::types::{CallError, CheckResult, FailedElement, Value};
use mixmesh::host::{clock, counters, lists, log, metrics, outbound};

struct Hostile;

impl lifecycle::Guest for Hostile {
    fn describe() -> lifecycle::Description {
        lifecycle::Description {
            name: "n".repeat(1 << 20),
            version: "0.0.0".to_owned(),
            summary: "s".repeat(1 << 20),
            parameters: String::new(),
        }
    }

    fn configure(configuration: lifecycle::Configuration) -> Result<(), Vec<lifecycle::Problem>> {
        if configuration.parameters.contains("complain") {
            let problem = |n: usize| lifecycle::Problem {
                field: format!("field{n}"),
                message: "wrong".repeat(1 << 10),
            };
            return Err((0..1000).map(problem).collect());
        }
        Ok(())
    }
}

impl listentry::Guest for Hostile {
    fn check(_instance: u32, value: Value) -> Result<CheckResult, CallError> {
        let Value::Text(what) = value else { return Ok(passed(String::new())) };
        match what.as_str() {
            "recurse" => return Ok(passed(recurse(1).to_string())),
            "talk" => (0..200_000).for_each(|n| log::log(log::Level::Error, &n.to_string())),
            "shout" => log::log(log::Level::Error, &"a\nb".repeat(1 << 20)),
            "write" => {
                for _ in 0..10_000 {
                    let _ = log::write("line\n");
                }
            }
            "clock" => loop {
                black_box(clock::now());
            },
            "define" => (0..100_000).for_each(|n| drop(metrics::define(&counter(n)))),
            "update" => {
                let sample = metrics::Sample { series: u32::MAX, value: 1.0 };
                drop(metrics::update(&[sample]));
            }
            "intern" => drop(metrics::intern(u32::MAX, &[vec![]])),
            "count" => {
                for _ in 0..10_000 {
                    let _ = counters::take(&request());
                }
            }
            "open" => {
                for _ in 0..10_000 {
                    let _ = outbound::open(&target());
                    let _ = lists::open(&lists::Source {
                        parameter: "url".to_owned(),
                        refresh: 1,
                        keep: u64::MAX,
                        max_bytes: u64::MAX,
                    });
                }
            }
            "send" => drop(outbound::send(u32::MAX, &message())),
            "read" => drop(lists::read(u32::MAX)),
            "differ" => return Ok(passed(clock::monotonic().to_string())),
            _ => {}
        }
        Ok(passed("unharmed".to_owned()))
    }
}

impl logentry::Guest for Hostile {
    /// Refuses elements that nobody has given it, and each of those many times.
    fn report(_batch: logentry::Batch) -> Vec<FailedElement> {
        let failed = |element| FailedElement { element, message: "no".to_owned() };
        (0..50_000).map(|n| failed(if n % 2 == 0 { 0 } else { u32::MAX - n })).collect()
    }
}

fn recurse(depth: u64) -> u64 {
    black_box(if depth == 0 { 0 } else { recurse(black_box(depth + 1)) + 1 })
}

fn passed(message: String) -> CheckResult {
    CheckResult {
        code: 0,
        message,
        valid_duration: 0,
        valid_use_count: Some(0),
        direct_response: None,
    }
}

fn counter(n: usize) -> metrics::Definition {
    metrics::Definition {
        name: format!("hostile_{n}"),
        help: "h".repeat(1 << 10),
        kind: metrics::Kind::Counter,
        buckets: Vec::new(),
        labels: Vec::new(),
        expiry: None,
    }
}

fn request() -> counters::Request {
    counters::Request {
        quota: "q".repeat(1 << 10),
        dimensions: Vec::new(),
        max_amount: i64::MAX,
        window: counters::Window::Fixed(0),
        amount: i64::MIN,
        best_effort: false,
        deduplication: None,
    }
}

fn target() -> outbound::Target {
    outbound::Target {
        parameter: "address".to_owned(),
        protocol: outbound::Protocol::Tcp,
        assembly: None,
        http: None,
        conversation: true,
    }
}

fn message() -> outbound::Message {
    outbound::Message { data: vec![0; 1 << 20], elements: 1, token: None }
}

export!(Hostile);
