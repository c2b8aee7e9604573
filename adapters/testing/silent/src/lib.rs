//! For tests: crashes when it is asked what it is.

#![allow(missing_docs, unsafe_code, unused_qualifications, reason = "generated bindings")]

wit_bindgen::generate!({
    inline: "
        package mixmesh:silent;

        world silent {
            include mixmesh:adapter/base@0.1.0;
            include mixmesh:adapter/checknothing-template@0.1.0;
        }
    ",
    path: "../../../wit",
    world: "mixmesh:silent/silent",
    generate_all,
});

use exports::mixmesh::adapter::{checknothing, lifecycle};
use mixmesh::adapter::types::{CallError, CheckResult};

struct Silent;

impl lifecycle::Guest for Silent {
    fn describe() -> lifecycle::Description {
        panic!("it says nothing")
    }

    fn configure(_configuration: lifecycle::Configuration) -> Result<(), Vec<lifecycle::Problem>> {
        Ok(())
    }
}

impl checknothing::Guest for Silent {
    fn check(_instance: u32) -> Result<CheckResult, CallError> {
        panic!("it says nothing")
    }
}

export!(Silent);
