//! For tests: the adapter `invented` after its author has changed a template without a new version.

#![allow(missing_docs, unsafe_code, unused_qualifications, reason = "generated bindings")]

wit_bindgen::generate!({
    inline: "
        package acme:rates@1.2.0;

        interface limits {
            use mixmesh:adapter/types@0.1.0.{check-result, call-error};

            record request {
                internal: bool,
                tenant: string,
            }

            check: func(instance: u32, fields: request) -> result<check-result, call-error>;
        }

        world invented {
            include mixmesh:adapter/base@0.1.0;
            export limits;
        }
    ",
    path: "../../../wit",
    world: "acme:rates/invented",
    generate_all,
});

use exports::acme::rates::limits;
use exports::mixmesh::adapter::lifecycle;
use mixmesh::adapter::types::{CallError, CheckResult};

struct Invented;

impl lifecycle::Guest for Invented {
    fn describe() -> lifecycle::Description {
        lifecycle::Description {
            name: "invented".to_owned(),
            version: "1.2.1".to_owned(),
            summary: String::new(),
            parameters: String::new(),
        }
    }

    fn configure(_configuration: lifecycle::Configuration) -> Result<(), Vec<lifecycle::Problem>> {
        Ok(())
    }
}

impl limits::Guest for Invented {
    fn check(_instance: u32, fields: limits::Request) -> Result<CheckResult, CallError> {
        Ok(CheckResult {
            code: 0,
            message: fields.tenant,
            valid_duration: 0,
            valid_use_count: Some(0),
            direct_response: None,
        })
    }
}

export!(Invented);
