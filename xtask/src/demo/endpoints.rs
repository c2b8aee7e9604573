use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::{Mesh, StockProxy, write_at_once};

use super::backends::Backends;

const FILE: &str = "endpoints.json";

/// Says where everything is, for programs. From then on the demo sends no traffic.
///
/// # Errors
/// When the file system refuses.
pub(crate) fn write(
    folder: &Path,
    mesh: &Mesh,
    stock_envoy: &StockProxy,
    backends: &Backends,
) -> Result<()> {
    let endpoints = endpoints(mesh, stock_envoy, backends)?;
    write_at_once(&folder.join(FILE), &serde_json::to_vec_pretty(&endpoints)?)
}

/// Removes the file, if it is there.
///
/// # Errors
/// When the file system refuses.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_file(folder.join(FILE)) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => {
            Err(cause).with_context(|| format!("remove {FILE}"))
        }
        _ => Ok(()),
    }
}

/// Says where everything is, for people.
///
/// # Errors
/// When the sidecar was stopped.
pub(crate) fn print(mesh: &Mesh, stock_envoy: &StockProxy, backends: &Backends) -> Result<()> {
    let mixer = mesh.mixer();
    let proxy = mesh.proxy()?;
    println!("Look around");
    let mut lines = vec![
        ("the service, through the sidecar", format!("curl -i http://{proxy}/")),
        ("denied by a rule", format!("curl -i http://{proxy}/admin")),
        ("denied by a list", format!("curl -i -H 'x-user: mallory' http://{proxy}/")),
        (
            "a stock Envoy, limited to 3 a minute",
            format!("curl -i -H 'x-user: ann' http://{}/", stock_envoy.address()),
        ),
        ("the rules: edit, add or remove one", mesh.config().display().to_string()),
        ("what Mixer runs", format!("{}/debug/config", mixer.http_url())),
        ("Mixer's own metrics", format!("{}/metrics", mixer.http_url())),
        ("series of the adapter prometheus", mixer.series_url()),
        ("access log of the adapter stdio", mixer.access_log().display().to_string()),
        ("Mixer's log", mixer.log().display().to_string()),
        ("Envoy's admin pages", mesh.envoy()?.admin_url()),
    ];
    lines.extend(backends.prometheus_url().map(|url| ("Prometheus", url)));
    lines.extend(backends.zipkin_url().map(|url| ("Zipkin", format!("{url}/zipkin/"))));
    if let Some(id) = mixer.id() {
        lines.push(("see the fail policy at work", format!("kill -9 {id}")));
        lines.push(("and bring Mixer back", shell_words(&mixer.argv())));
    }
    for (what, place) in lines {
        println!("  {what:<36} {place}");
    }
    println!("\nCtrl-C stops everything.");
    Ok(())
}

fn endpoints(mesh: &Mesh, stock_envoy: &StockProxy, backends: &Backends) -> Result<Value> {
    let mixer = mesh.mixer();
    let envoy = mesh.envoy()?;
    let mut endpoints = json!({
        "proxy": format!("http://{}", mesh.proxy()?),
        "stock_envoy": format!("http://{}", stock_envoy.address()),
        "envoy_admin": envoy.admin_url(),
        "mixer_http": mixer.http_url(),
        "prometheus_metrics": mixer.series_url(),
        "mixer_grpc": mixer.grpc().to_string(),
        "config_dir": std::path::absolute(mesh.config())?,
        "mixer_pid": mixer.id(),
        "envoy_pid": envoy.id(),
        "mixer_argv": mixer.argv(),
        "mixer_log": mixer.log(),
        "access_log": mixer.access_log(),
    });
    if let Some(url) = backends.prometheus_url() {
        endpoints["prometheus"] = url.into();
    }
    if let Some(url) = backends.zipkin_url() {
        endpoints["zipkin"] = url.into();
    }
    Ok(endpoints)
}

/// As a shell reads it back.
fn shell_words(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let words = ["a b/mixer", "--grpc", "127.0.0.1:1", "it's", ""].map(str::to_owned);
        assert_eq!(shell_words(&words), r"'a b/mixer' --grpc 127.0.0.1:1 'it'\''s' ''");
    }
}
