//! For tests: tries what WASI offers, as the text says that it is called with, and answers with what it got.

#![allow(missing_docs, unsafe_code, unused_qualifications, reason = "generated bindings")]

wit_bindgen::generate!({
    path: ["../../../wit", "wit"],
    world: "mixmesh:probe/probe",
    generate_all,
});

use exports::mixmesh::adapter::{lifecycle, listentry};
use mixmesh::adapter::types::{CallError, CheckResult, Fault, Value};
use wasi::cli::{environment, stderr, stdout};
use wasi::clocks::{monotonic_clock, wall_clock};
use wasi::filesystem::preopens;
use wasi::random::random;
use wasi::sockets::network::IpAddressFamily;
use wasi::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

const HOUR: u64 = 3_600_000_000_000;

struct Probe;

impl lifecycle::Guest for Probe {
    fn describe() -> lifecycle::Description {
        lifecycle::Description {
            name: "wasi".to_owned(),
            version: "0.0.0".to_owned(),
            summary: String::new(),
            parameters: String::new(),
        }
    }

    fn configure(_configuration: lifecycle::Configuration) -> Result<(), Vec<lifecycle::Problem>> {
        Ok(())
    }
}

impl listentry::Guest for Probe {
    fn check(_instance: u32, value: Value) -> Result<CheckResult, CallError> {
        let Value::Text(what) = value else { return Err(refusal("no text")) };
        Ok(CheckResult {
            code: 0,
            message: attempt(&what).ok_or_else(|| refusal(&what))?,
            valid_duration: 0,
            valid_use_count: Some(0),
            direct_response: None,
        })
    }
}

fn attempt(what: &str) -> Option<String> {
    let got = match what {
        "arguments" => format!("{:?}", environment::get_arguments()),
        "environment" => format!("{:?}", environment::get_environment()),
        "folder" => {
            format!("{:?} {}", environment::initial_cwd(), preopens::get_directories().len())
        }
        "tcp" => format!("{:?}", tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4).err()),
        "udp" => format!("{:?}", udp_create_socket::create_udp_socket(IpAddressFamily::Ipv6).err()),
        "name" => {
            let network = instance_network::instance_network();
            format!("{:?}", ip_name_lookup::resolve_addresses(&network, "localhost").err())
        }
        "random" => format!("{}", random::get_random_bytes(16).len()),
        "much random" => format!("{}", random::get_random_bytes(1 << 30).len()),
        "clock" => format!("{}", wall_clock::now().seconds > 1_700_000_000),
        "sleep" => {
            monotonic_clock::subscribe_duration(HOUR).block();
            "slept".to_owned()
        }
        "pollables" => {
            let held: Vec<_> =
                (0..100_000).map(|_| monotonic_clock::subscribe_duration(HOUR)).collect();
            format!("{}", held.len())
        }
        "print" => {
            let error = stderr::get_stderr();
            error.blocking_write_and_flush(b"half a line, ").ok()?;
            error.blocking_write_and_flush(b"a line\nthe rest").ok()?;
            let out = stdout::get_stdout();
            for _ in 0..100 {
                out.blocking_write_and_flush(b"chatter\n").ok()?;
            }
            String::new()
        }
        _ => return None,
    };
    Some(got)
}

fn refusal(what: &str) -> CallError {
    CallError { fault: Fault::Caller, retry: false, message: format!("cannot try {what}") }
}

export!(Probe);
