//! A Mixer that learns of pods from the server.

use std::fs;

use anyhow::{Result, ensure};
use testbed::{Layout, Mixer, MixerOptions, wait_until};

use crate::api_server::{ApiServer, MIXER};
use crate::following::PATIENCE;
use crate::require_api_server;

const PODS: &str = "api/v1/namespaces/default/pods";
const KNOWN: &str = "mixer_workloads_pods";

fn pod(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{ name: {name}, labels: {{ app: {name} }} }}\n\
         spec: {{ containers: [ {{ name: app, image: app }} ] }}\n"
    )
}

fn await_value(mixer: &Mixer, metric: &str, value: u64) -> Result<()> {
    wait_until(metric, PATIENCE, || {
        let now = mixer.metrics()?.count(metric, &[]);
        ensure!(now == value, "{metric} is {now}");
        Ok(())
    })
}

/// A Mixer without rules, that learns of pods as the user `mixer`, by way of the server's own address.
fn mixer(server: &ApiServer) -> Result<Mixer> {
    let layout = Layout::of_checkout();
    let config = server.folder().join("config");
    fs::create_dir_all(&config)?;
    let mut options = MixerOptions::new(&layout, &config, server.folder())?;
    let file = server.kubeconfig(server.address(), MIXER)?;
    options.workloads = Some(format!("k8s://?kubeconfig={}", file.display()).into());
    Mixer::start(&layout, options)
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_are_listed_watched_and_kept_while_the_server_is_away() -> Result<()> {
    require_api_server!();
    let mut server = ApiServer::start().await?;
    for name in ["one", "two"] {
        server.create(PODS, &pod(name)).await?;
    }
    // Who may not read pods is told so, and knows none until they may.
    let mut mixer = mixer(&server)?;
    let log = fs::read_to_string(mixer.log())?;
    ensure!(log.contains("deploy/rbac-workloads.yaml has a role"), "{log}");
    let role = Layout::of_checkout().root().join("deploy/rbac-workloads.yaml");
    let path = "apis/rbac.authorization.k8s.io/v1/clusterrole";
    let role = fs::read_to_string(role)?;
    server.create(&format!("{path}s?fieldValidation=Strict"), &role).await?;
    let binding = "{ kind: ClusterRoleBinding, metadata: { name: pods }, \
        roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, \
        name: mixmesh-workload-reader }, \
        subjects: [ { kind: User, name: mixer, apiGroup: rbac.authorization.k8s.io } ] }";
    server.create(&format!("{path}bindings"), binding).await?;
    await_value(&mixer, KNOWN, 2)?;

    server.create(PODS, &pod("three")).await?;
    await_value(&mixer, KNOWN, 3)?;
    server.remove(&format!("{PODS}/one?gracePeriodSeconds=0")).await?;
    await_value(&mixer, KNOWN, 2)?;
    await_value(&mixer, "mixer_workloads_connected", 1)?;

    server.kill()?;
    await_value(&mixer, "mixer_workloads_connected", 0)?;
    await_value(&mixer, KNOWN, 2)?;
    server.restart().await?;
    server.create(PODS, &pod("four")).await?;
    await_value(&mixer, KNOWN, 3)?;
    await_value(&mixer, "mixer_workloads_connected", 1)?;
    // A Mixer that starts knows them before it serves.
    mixer.restart()?;
    assert_eq!(mixer.metrics()?.count(KNOWN, &[]), 3);
    Ok(())
}
