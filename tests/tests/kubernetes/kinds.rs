//! Definitions that come and go, namespaces, and what a user may read.

use std::fs;

use anyhow::Result;
use mesh_config::{Kind, SourceStatus};
use testbed::Layout;

use crate::api_server::{ApiServer, MIXER};
use crate::following::{Followed, handler, names_of};
use crate::require_api_server;

fn says(part: &str) -> impl FnMut(&SourceStatus) -> bool {
    move |status| status.error.as_ref().is_some_and(|error| error.contains(part))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_that_is_read_can_be_stored() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start_with_definitions().await?;
    let mut followed = server.follow().await?;
    followed.until_status("the first list", |status| status.synced).await?;
    // Of a kind in the older spelling with nothing to say, users leave the spec empty.
    let path = "apis/config.istio.io/v1alpha2/namespaces/default/checknothings";
    let empty = "apiVersion: config.istio.io/v1alpha2\nkind: checknothing\n\
                 metadata: { name: typed }\nspec:\n";
    server.create(path, empty).await?;
    followed.until_names(&["typed"]).await?;
    for kind in Kind::all() {
        let definitions = fs::read_dir(Layout::of_checkout().root().join("deploy/crds"))?;
        let named = format!("names: {{ kind: {kind}, ");
        let defined = definitions
            .flatten()
            .any(|file| fs::read_to_string(file.path()).is_ok_and(|text| text.contains(&named)));
        assert!(defined, "no definition of {kind}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_without_a_definition_is_empty_and_noticed_when_it_gets_one() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start().await?;
    let mut followed = server.follow().await?;
    let status = followed.until_status("the first answer", |status| status.synced).await?;
    assert!(status.connected && status.resources == 0);
    let crds = Layout::of_checkout().root().join("deploy/crds");
    server.define(&fs::read_to_string(crds.join("policy.yaml"))?).await?;
    let put = server.apply("namespaces/istio-system/handlers/one", &handler("one", 1)).await?;
    let set = followed.until_names(&["one"]).await?;
    assert!(set.revision.0 >= put);
    // With the definition go the objects, one by one.
    server.undefine("handlers").await?;
    let set = followed.until_names(&[]).await?;
    assert_eq!(set.problems, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_namespaces_that_are_named_are_read() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start_with_definitions().await?;
    let other = handler("other", 1).replace("istio-system", "default");
    server.apply("namespaces/default/handlers/other", &other).await?;
    server.apply("namespaces/istio-system/handlers/one", &handler("one", 1)).await?;
    let mut both = server.follow().await?;
    both.until_names(&["other", "one"]).await?;
    let mut one = Followed::of(&format!("{}&namespace=istio-system", server.url()?)).await?;
    one.until_names(&["one"]).await?;
    server.apply("namespaces/istio-system/handlers/two", &handler("two", 1)).await?;
    one.until_names(&["one", "two"]).await?;
    assert_eq!(names_of(&one.set()), ["one", "two"]);
    let mut none = Followed::of(&format!("{}&namespace=missing", server.url()?)).await?;
    none.until_status("an empty list", |status| status.synced && status.resources == 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_lets_a_user_read_and_its_lack_is_told() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start_with_definitions().await?;
    server.apply("namespaces/istio-system/handlers/one", &handler("one", 1)).await?;
    let file = server.kubeconfig(server.address(), MIXER)?;
    let mut followed = Followed::of(&format!("k8s://?kubeconfig={}", file.display())).await?;
    followed.until_status("a refusal", says("deploy/rbac.yaml has a role")).await?;
    assert!(!followed.status().synced);
    let role = fs::read_to_string(Layout::of_checkout().root().join("deploy/rbac.yaml"))?;
    let path = "apis/rbac.authorization.k8s.io/v1/clusterrole";
    server.create(&format!("{path}s?fieldValidation=Strict"), &role).await?;
    let binding = "{ kind: ClusterRoleBinding, metadata: { name: mixer }, \
        roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: mixmesh-config-reader }, \
        subjects: [ { kind: User, name: mixer, apiGroup: rbac.authorization.k8s.io } ] }";
    server.create(&format!("{path}bindings"), binding).await?;
    followed.until_names(&["one"]).await?;

    let stranger = server.kubeconfig(server.address(), "no-token")?;
    let mut refused = Followed::of(&format!("k8s://?kubeconfig={}", stranger.display())).await?;
    refused.until_status("a refusal", says("is the token or certificate still valid?")).await?;
    Ok(())
}

#[tokio::test]
async fn a_kubeconfig_that_leads_nowhere_is_refused_at_once() -> Result<()> {
    let Err(missing) = Followed::of("k8s://?kubeconfig=/missing").await else {
        anyhow::bail!("a missing file was accepted")
    };
    let text = format!("{missing:#}");
    assert!(text.contains("is there a kubeconfig file") && text.contains("/missing"), "{text}");
    Ok(())
}
