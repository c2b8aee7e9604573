use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use mesh_api::watch::v1::watch_client::WatchClient;
use mesh_api::watch::v1::{GenerationsEvent, GenerationsRequest, NamespaceGeneration};
use serde_json::json;

use crate::mixer::connect;
use crate::output::Output;

/// How namespaces without policy of their own are called.
const UNLISTED: &str = "*";

/// Follow the check generation of every namespace.
#[derive(Debug, Args)]
pub(crate) struct Generations {
    /// Mixer's gRPC port, host:port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9091")]
    mixer: String,

    /// How events are printed.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Generations {
    /// Runs until Mixer ends the watch, which is an error, or the process is stopped.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let mut client = WatchClient::new(connect(&self.mixer).await?);
        let request = GenerationsRequest { watcher: "meshctl".to_owned() };
        let mut events = client.generations(request).await?.into_inner();
        let mut default = NamespaceGeneration::default();
        while let Some(event) = events.message().await? {
            for changed in changes(event, &mut default).values() {
                println!("{}", self.line(changed));
            }
        }
        bail!("Mixer at {} ended the watch", self.mixer)
    }

    fn line(&self, state: &NamespaceGeneration) -> String {
        let digest = state.digest.iter().fold(String::new(), |mut hex, byte| {
            let _infallible = write!(hex, "{byte:02x}");
            hex
        });
        match self.output {
            Output::Json => json!({
                "namespace": state.namespace,
                "revision": state.revision,
                "digest": digest,
                "has_check": state.has_check,
                "quotas": state.quotas,
            })
            .to_string(),
            Output::Text => format!(
                "{:<24} revision {} digest {digest} {}",
                state.namespace,
                state.revision,
                if state.has_check { "has checks" } else { "no checks" }
            ),
        }
    }
}

/// What an event says of each namespace it touches.
fn changes(
    event: GenerationsEvent,
    default: &mut NamespaceGeneration,
) -> BTreeMap<String, NamespaceGeneration> {
    let mut changed = BTreeMap::new();
    if let Some(new) = event.default {
        *default = NamespaceGeneration { namespace: UNLISTED.to_owned(), ..new };
        changed.insert(UNLISTED.to_owned(), default.clone());
    }
    for gone in event.removed {
        changed.insert(gone.clone(), NamespaceGeneration { namespace: gone, ..default.clone() });
    }
    changed.extend(event.namespaces.into_iter().map(|state| (state.namespace.clone(), state)));
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(namespace: &str, revision: u64) -> NamespaceGeneration {
        NamespaceGeneration { namespace: namespace.to_owned(), revision, ..Default::default() }
    }

    #[test]
    fn a_namespace_that_is_gone_shows_the_default() {
        let mut default = NamespaceGeneration::default();
        let full = GenerationsEvent {
            full: true,
            namespaces: vec![state("a", 1)],
            default: Some(state("", 7)),
            removed: Vec::new(),
        };
        assert_eq!(changes(full, &mut default).keys().collect::<Vec<_>>(), ["*", "a"]);
        let gone = GenerationsEvent { removed: vec!["a".to_owned()], ..Default::default() };
        assert_eq!(changes(gone, &mut default)["a"], state("a", 7));
        assert!(changes(GenerationsEvent::default(), &mut default).is_empty());
    }
}
