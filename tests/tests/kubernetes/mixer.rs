//! A Mixer whose configuration is custom resources.

use anyhow::{Result, ensure};
use serde_json::Value;
use testbed::{Layout, Mixer, MixerOptions, http, wait_until};

use crate::api_server::ApiServer;
use crate::following::{PATIENCE, handler};
use crate::require_api_server;

#[tokio::test(flavor = "multi_thread")]
async fn mixer_takes_a_rule_from_the_server_at_its_version() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start_with_definitions().await?;
    let layout = Layout::of_checkout();
    let options = MixerOptions::new(&layout, server.url()?.as_ref(), server.folder())?;
    let mixer = Mixer::start(&layout, options)?;
    server.apply("namespaces/istio-system/handlers/closed", &handler("closed", 1)).await?;
    let instance = "apiVersion: config.istio.io/v1alpha2\nkind: instance\n\
                    metadata: { name: all }\nspec: { compiledTemplate: checknothing }";
    server.apply("namespaces/istio-system/instances/all", instance).await?;
    let rule = "apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata: { name: all }\n\
                spec: { actions: [ { handler: closed, instances: [ all ] } ] }";
    let put = server.apply("namespaces/istio-system/rules/all", rule).await?;
    wait_until("the rule to be in force", PATIENCE, || {
        let page = http::get(&format!("{}/debug/config", mixer.http_url()))?.require_ok()?;
        let config: Value = serde_json::from_slice(&page.body)?;
        let default = &config["default"];
        let generation = default["generation"].as_str().unwrap_or_default();
        ensure!(
            default["has_check"] == true && generation.starts_with(&format!("{put}-")),
            "{config:#}"
        );
        Ok(())
    })
}
