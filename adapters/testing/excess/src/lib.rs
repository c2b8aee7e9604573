//! For tests: answers with more than anybody can use, and with what makes no sense. The call says with
//! what. Written against the bindings, since the SDK does not let an adapter go wrong like that.

#![allow(missing_docs, unsafe_code, unused_qualifications, reason = "generated bindings")]

wit_bindgen::generate!({
    inline: "
        package mixmesh:excess;

        world excess {
            include mixmesh:adapter/base@0.1.0;
            include mixmesh:adapter/keyval-template@0.1.0;
            include mixmesh:adapter/quota-template@0.1.0;
            include mixmesh:adapter/kubernetes-template@0.1.0;
        }
    ",
    path: "../../../wit",
    world: "mixmesh:excess/excess",
    generate_all,
});

use exports::mixmesh::adapter::{keyval, kubernetes, lifecycle, quota};
use mixmesh::adapter::types::{CallError, CheckResult, DirectResponse, Header, Value};

struct Excess;

impl lifecycle::Guest for Excess {
    fn describe() -> lifecycle::Description {
        let text = |text: &str| text.to_owned();
        lifecycle::Description {
            name: text("excess"),
            version: text("0.0.0"),
            summary: String::new(),
            parameters: String::new(),
        }
    }

    fn configure(_configuration: lifecycle::Configuration) -> Result<(), Vec<lifecycle::Problem>> {
        Ok(())
    }
}

impl keyval::Guest for Excess {
    fn check(_instance: u32, key: String) -> Result<keyval::Answer, CallError> {
        let (what, number) = key.split_once(' ').unwrap_or((&key, "0"));
        let number: i64 = number.parse().unwrap_or_default();
        let length = usize::try_from(number).unwrap_or_default();
        let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
        let mut response = DirectResponse { code: 0, body: String::new(), headers: Vec::new() };
        let mut check = CheckResult {
            code: 7,
            message: String::new(),
            valid_duration: 0,
            valid_use_count: Some(0),
            direct_response: None,
        };
        let mut value = None;
        match what {
            "code" => check.code = i32::try_from(number).unwrap_or(i32::MAX),
            "duration" => check.valid_duration = number,
            "uses" => check.valid_use_count = Some(u32::MAX),
            "message" => check.message = "ü".repeat(length),
            "value" => value = Some("v".repeat(length)),
            "status" => response.code = u16::try_from(number).unwrap_or(u16::MAX),
            "body" => response.body = "b".repeat(length),
            "headers" => {
                let headers = (0..length).map(|n| header(&format!("x-{n}"), "1"));
                response.headers = headers.collect();
            }
            "smuggle" => {
                response.headers = vec![
                    header("x-first", "1\r\nset-cookie: stolen=1"),
                    header("x-second: 1\r\nset-cookie", "stolen=1"),
                    header("", "nameless"),
                    header(":status", "200"),
                    header("content-length", "1000000"),
                    header("transfer-encoding", "chunked"),
                    header("x-long", &"l".repeat(length)),
                    header("x-good", "yes"),
                ];
            }
            _ => {}
        }
        check.direct_response = Some(response);
        Ok(keyval::Answer { check, value })
    }
}

impl quota::Guest for Excess {
    /// Grants the most there is, or, when as much is asked for, the least.
    fn allocate(
        _instance: u32,
        _dimensions: Vec<Value>,
        request: quota::Request,
    ) -> Result<quota::Grant, CallError> {
        let most = request.amount != i64::MAX;
        Ok(quota::Grant {
            code: if most { 4711 } else { -1 },
            message: "m".repeat(1 << 20),
            amount: if most { i64::MAX } else { i64::MIN },
            valid_duration: if most { i64::MAX } else { i64::MIN },
        })
    }
}

impl kubernetes::Guest for Excess {
    /// The source's port is not set, so its uid says what there is too much of, and the destination's
    /// port how much.
    fn generate(
        _instance: u32,
        source: kubernetes::Endpoint,
        destination: kubernetes::Endpoint,
    ) -> Result<kubernetes::Workloads, CallError> {
        let length = usize::try_from(destination.port).unwrap_or_default();
        let mut workload = kubernetes::Workload {
            pod_uid: String::new(),
            pod_ip: Vec::new(),
            pod_name: String::new(),
            labels: Vec::new(),
            namespace: String::new(),
            service_account_name: String::new(),
            host_ip: Vec::new(),
            workload_uid: String::new(),
            workload_name: String::new(),
            workload_namespace: String::new(),
            owner: String::new(),
            container_name: String::new(),
        };
        match source.uid.as_str() {
            "labels" => {
                workload.labels = (0..length).map(|n| (n.to_string(), String::new())).collect();
            }
            "label" => workload.labels = vec![("app".to_owned(), "l".repeat(length))],
            "name" => workload.workload_name = "n".repeat(length),
            "container" => workload.container_name = "c".repeat(length),
            "address" => workload.pod_ip = vec![1; length],
            _ => {}
        }
        Ok(kubernetes::Workloads { source: None, destination: Some(workload) })
    }
}

export!(Excess);
