//! What is applied to the API server is followed.

use anyhow::Result;
use mesh_config::Revision;

use crate::api_server::ApiServer;
use crate::following::{handler, names_of, spec_of};
use crate::require_api_server;

const RULE: &str = "
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: deny, namespace: istio-system }
spec:
  match: source.namespace == \"a\"
  actions: [ { handler: one, instances: [ i ] } ]
";
const RULE_PATH: &str = "namespaces/istio-system/rules/deny";

fn handler_path(name: &str) -> String {
    format!("namespaces/istio-system/handlers/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_listed_and_followed_at_the_servers_own_versions() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start_with_definitions().await?;
    server.apply(&handler_path("one"), &handler("one", 1)).await?;
    let newest = server.apply(RULE_PATH, RULE).await?;
    let mut followed = server.follow().await?;
    let set = followed.until_names(&["one", "deny"]).await?;
    assert!(set.revision >= Revision(newest), "{:?}", set.revision);
    assert_eq!(set.problems, []);
    assert!(followed.status().connected);

    let put = server.apply(&handler_path("two"), &handler("two", 1)).await?;
    let set = followed.until_names(&["one", "two", "deny"]).await?;
    assert_eq!(set.revision, Revision(put));
    let before = spec_of(&set, "one");
    let changed = server.apply(&handler_path("one"), &handler("one", 2)).await?;
    let set = followed.until("the change", |set| spec_of(set, "one") != before).await?;
    assert_eq!(set.revision, Revision(changed));
    server.delete(&handler_path("one")).await?;
    let set = followed.until_names(&["two", "deny"]).await?;
    assert!(set.revision > Revision(changed));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_reaches_mixer_and_keeps_the_version_before() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start_with_definitions().await?;
    server.apply(RULE_PATH, RULE).await?;
    let mut followed = server.follow().await?;
    let good = followed.until_names(&["deny"]).await?;
    // Not pruned by the server, so not silently a rule that always applies.
    server.apply(RULE_PATH, &RULE.replace("match:", "mtach:")).await?;
    let set = followed.until_problem(&["rule/istio-system/deny:", "spec.mtach"]).await?;
    assert_eq!(set.resources, good.resources);
    // What the definition knows is refused at once.
    let refused = server.apply(RULE_PATH, &RULE.replace("[ i ]", "i")).await.unwrap_err();
    assert!(format!("{refused:#}").contains("spec.actions[0].instances"), "{refused:#}");
    // Snake case is as good as camel case.
    let snake = "  request_header_operations: [ { name: x-a, values: [ '\"1\"' ] } ]\n";
    server.apply(RULE_PATH, &format!("{RULE}{snake}")).await?;
    let set = followed.until("the operation", |set| spec_of(set, "deny").contains("x-a")).await?;
    assert_eq!(set.problems, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_resources_are_listed_in_pages_and_changed() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start_with_definitions().await?;
    for number in 0..1000 {
        let name = format!("h{number:04}");
        server.apply(&handler_path(&name), &handler(&name, 1)).await?;
    }
    let mut followed = server.follow().await?;
    followed.until("all of them", |set| set.resources.len() == 1000).await?;
    let mut last = 0;
    for number in 0..100 {
        let name = format!("h{number:04}");
        last = server.apply(&handler_path(&name), &handler(&name, 2)).await?;
    }
    let set = followed.until("the last change", |set| set.revision == Revision(last)).await?;
    assert_eq!((names_of(&set).len(), set.problems.len()), (1000, 0));
    Ok(())
}
