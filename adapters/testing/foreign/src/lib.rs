//! For tests: asks for what adapters do not get.

#![allow(missing_docs, unsafe_code, unused_qualifications, reason = "generated bindings")]

wit_bindgen::generate!({
    inline: "
        package mixmesh:foreign;

        interface files {
            read: func(path: string) -> list<u8>;
        }

        world foreign {
            import files;
            include mixmesh:adapter/base@0.1.0;
            include mixmesh:adapter/checknothing-template@0.1.0;
        }
    ",
    path: "../../../wit",
    world: "mixmesh:foreign/foreign",
    generate_all,
});

use exports::mixmesh::adapter::{checknothing, lifecycle};
use mixmesh::adapter::types::{CallError, CheckResult};

struct Foreign;

impl lifecycle::Guest for Foreign {
    fn describe() -> lifecycle::Description {
        let text = |text: &str| text.to_owned();
        lifecycle::Description {
            name: text("foreign"),
            version: text("0.0.0"),
            summary: String::new(),
            parameters: String::new(),
        }
    }

    fn configure(_configuration: lifecycle::Configuration) -> Result<(), Vec<lifecycle::Problem>> {
        Ok(())
    }
}

impl checknothing::Guest for Foreign {
    fn check(_instance: u32) -> Result<CheckResult, CallError> {
        let secrets = mixmesh::foreign::files::read("/etc/shadow");
        Ok(CheckResult {
            code: 0,
            message: String::from_utf8_lossy(&secrets).into_owned(),
            valid_duration: 0,
            valid_use_count: Some(0),
            direct_response: None,
        })
    }
}

export!(Foreign);
