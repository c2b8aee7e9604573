//! Where Mixer learns of the workloads of the mesh.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::{Mixer, TestMesh, wait_until, write_at_once};

const PATIENCE: Duration = Duration::from_secs(30);

fn pods(names: &[&str]) -> String {
    let pod = |name: &&str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nstatus: {{ podIP: 10.0.0.1 }}\n"
        )
    };
    names.iter().map(pod).collect::<Vec<_>>().join("---\n")
}

fn await_value(mixer: &Mixer, metric: &str, value: u64) -> Result<()> {
    wait_until(metric, PATIENCE, || {
        let now = mixer.metrics()?.count(metric, &[]);
        ensure!(now == value, "{metric} is {now}");
        Ok(())
    })
}

#[test]
fn mixer_follows_a_folder_of_pods_and_keeps_the_last_good_ones() -> Result<()> {
    let mesh = TestMesh::new()?;
    let folder = mesh.folder().join("pods");
    fs::create_dir_all(&folder)?;
    let file = folder.join("pods.yaml");
    write_at_once(&file, pods(&["one", "two"]).as_bytes())?;
    let mixer = mesh.with(|mesh| mesh.mixer().workloads = Some(folder)).start_mixer()?;
    await_value(&mixer, "mixer_workloads_pods", 2)?;
    write_at_once(&file, pods(&["one", "two", "three"]).as_bytes())?;
    await_value(&mixer, "mixer_workloads_pods", 3)?;
    write_at_once(&file, b"kind: Pod\nmetadata: {\n")?;
    await_value(&mixer, "mixer_workloads_refused_total", 1)?;
    await_value(&mixer, "mixer_workloads_pods", 3)?;
    let log = fs::read_to_string(mixer.log())?;
    ensure!(log.contains("pods.yaml:2: not valid YAML"), "the log names the place:\n{log}");
    Ok(())
}

#[test]
fn mixer_does_not_start_with_pods_that_it_cannot_read() -> Result<()> {
    for (pods, expected) in [
        ("/nowhere/pods.yaml", "/nowhere/pods.yaml: cannot be read"),
        ("etcd://", "is no place that pods can be learned of"),
        ("k8s://?kubeconfig=/nowhere", "pods of Kubernetes cannot be followed"),
    ] {
        let mesh = TestMesh::new()?.with(|mesh| mesh.mixer().workloads = Some(pods.into()));
        let log = mesh.folder().join("mixer.log");
        ensure!(mesh.start_mixer().is_err(), "{pods} is taken");
        let told = fs::read_to_string(log)?;
        ensure!(told.contains(expected), "{told}");
    }
    Ok(())
}
