//! What Envoy itself says of the filter's configuration.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::{
    Direction, EnvoyOptions, FailPolicy, Layout, ListenerOptions, ServiceVersion, TestMesh,
    validate_envoy,
};

use crate::require_part;

fn options(filter: Value) -> Result<EnvoyOptions> {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok(EnvoyOptions {
        listeners: vec![ListenerOptions {
            name: "inbound",
            address: address(15006),
            fail_policy: FailPolicy::Closed,
        }],
        admin: address(15000),
        filter_library: Layout::of_checkout().filter_library()?,
        mixer: address(9091),
        versions: vec![ServiceVersion { name: "v1", address: address(8080), percent: 100 }],
        zipkin: Some(address(9411)),
        direction: Direction::Inbound,
        filter,
        tcp: None,
        bootstrap_extension: false,
        access_log: None,
    })
}

fn validate(filter: Value) -> Result<()> {
    validate_envoy(&Layout::of_checkout(), &options(filter)?, TestMesh::new()?.folder())
}

#[test]
fn envoy_accepts_the_configuration() -> Result<()> {
    require_part!(Envoy);
    validate(json!({}))?;
    validate(json!({ "check_timeout": "200ms", "serve_stale": "30s", "l1_entries": 1000 }))
}

#[test]
fn envoy_refuses_a_configuration_with_every_mistake_named() -> Result<()> {
    require_part!(Envoy);
    let mistaken = json!({ "fail_policy": { "check": "ajar" }, "l1_entrys": 10 });
    let Err(refusal) = validate(mistaken) else {
        anyhow::bail!("Envoy took a fail policy that is ajar");
    };
    let text = format!("{refusal:#}");
    for told in ["fail_policy.check", "ajar", "l1_entrys", "l1_entries"] {
        ensure!(text.contains(told), "nothing of {told} in: {text}");
    }
    Ok(())
}
