//! For tests: serves templates of its own, one of each kind.

#![allow(missing_docs, unsafe_code, unused_qualifications, reason = "generated bindings")]

wit_bindgen::generate!({
    inline: "
        package acme:rates@1.2.0;

        interface limits {
            use mixmesh:adapter/types@0.1.0.{check-result, call-error, value};

            record client {
                name: string,
                address: option<list<u8>>,
            }

            record request {
                client: client,
                tokens: s64,
                share: f64,
                internal: bool,
                labels: list<tuple<string, string>>,
                extra: value,
                max-age: option<s64>,
            }

            check: func(instance: u32, fields: request) -> result<check-result, call-error>;
        }

        interface audit {
            use mixmesh:adapter/types@0.1.0.{failed-element};

            record entry {
                who: string,
                instance: s64,
            }

            record element {
                element: u32,
                instance: u32,
                fields: entry,
            }

            report: func(elements: list<element>) -> list<failed-element>;
        }

        interface origin {
            use mixmesh:adapter/types@0.1.0.{call-error};

            record address {
                ip: list<u8>,
            }

            record place {
                region: string,
                weight: option<s64>,
                labels: list<tuple<string, string>>,
            }

            generate: func(instance: u32, fields: address) -> result<place, call-error>;
        }

        world invented {
            include mixmesh:adapter/base@0.1.0;
            export limits;
            export audit;
            export origin;
        }
    ",
    path: "../../../wit",
    world: "acme:rates/invented",
    generate_all,
});

use exports::acme::rates::{audit, limits, origin};
use exports::mixmesh::adapter::lifecycle;
use mixmesh::adapter::types::{CallError, CheckResult, FailedElement, Fault};
use mixmesh::host::log;

struct Invented;

impl lifecycle::Guest for Invented {
    fn describe() -> lifecycle::Description {
        lifecycle::Description {
            name: "invented".to_owned(),
            version: "1.2.0".to_owned(),
            summary: "Serves templates of its own.".to_owned(),
            parameters: String::new(),
        }
    }

    fn configure(_configuration: lifecycle::Configuration) -> Result<(), Vec<lifecycle::Problem>> {
        Ok(())
    }
}

impl limits::Guest for Invented {
    /// Lets internal requests pass, and says what it was given.
    fn check(instance: u32, fields: limits::Request) -> Result<CheckResult, CallError> {
        if fields.client.name == "nobody" {
            let message = "it has no name".to_owned();
            return Err(CallError { fault: Fault::Caller, retry: false, message });
        }
        Ok(CheckResult {
            code: if fields.internal { 0 } else { 7 },
            message: format!("{instance} {fields:?}"),
            valid_duration: 1_000_000_000,
            valid_use_count: None,
            direct_response: None,
        })
    }
}

impl audit::Guest for Invented {
    /// Refuses what `nobody` did.
    fn report(elements: Vec<audit::Element>) -> Vec<FailedElement> {
        let mut failed = Vec::new();
        for audit::Element { element, instance, fields } in elements {
            if fields.who == "nobody" {
                failed.push(FailedElement { element, message: "it has no name".to_owned() });
            } else {
                let text = format!("{} by {} of {instance}", fields.instance, fields.who);
                log::log(log::Level::Info, &text);
            }
        }
        failed
    }
}

impl origin::Guest for Invented {
    fn generate(_instance: u32, fields: origin::Address) -> Result<origin::Place, CallError> {
        Ok(origin::Place {
            region: if fields.ip.first() == Some(&10) { "inside" } else { "outside" }.to_owned(),
            weight: fields.ip.last().map(|last| i64::from(*last)),
            labels: vec![("zone".to_owned(), "a".to_owned())],
        })
    }
}

export!(Invented);
