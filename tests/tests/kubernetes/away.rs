//! While the API server is away, what was read stays in force; when it is back, all is caught up with.

use anyhow::Result;

use crate::api_server::ApiServer;
use crate::following::{Followed, Line, handler, names_of};
use crate::require_api_server;

fn path(name: &str) -> String {
    format!("namespaces/istio-system/handlers/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_the_last_configuration_in_force_and_is_found_again() -> Result<()> {
    require_api_server!();
    let mut server = ApiServer::start_with_definitions().await?;
    server.apply(&path("one"), &handler("one", 1)).await?;
    let mut followed = server.follow().await?;
    followed.until_names(&["one"]).await?;
    server.kill()?;
    let lost = followed.until_status("the loss", |status| !status.connected).await?;
    assert!(lost.error.is_some() && lost.age().is_some());
    server.restart().await?;
    assert_eq!(names_of(&followed.set()), ["one"]);
    let put = server.apply(&path("two"), &handler("two", 1)).await?;
    let set = followed.until_names(&["one", "two"]).await?;
    assert!(set.revision.0 >= put);
    let back = followed.until_status("the return", |status| status.connected).await?;
    assert!(back.reconnects >= 1 && back.last_contact > lost.last_contact, "{back:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_during_a_cut_is_caught_up_with() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start_with_definitions().await?;
    for name in ["gone", "stays"] {
        server.apply(&path(name), &handler(name, 1)).await?;
    }
    let line = Line::to(server.address()).await?;
    let file = server.kubeconfig(line.address(), "admin-token")?;
    let mut followed = Followed::of(&format!("k8s://?kubeconfig={}", file.display())).await?;
    followed.until_names(&["gone", "stays"]).await?;
    line.cut();
    followed.until_status("the loss", |status| !status.connected).await?;
    server.delete(&path("gone")).await?;
    let put = server.apply(&path("new"), &handler("new", 1)).await?;
    assert_eq!(names_of(&followed.set()), ["gone", "stays"]);
    line.open();
    let set = followed.until_names(&["new", "stays"]).await?;
    assert!(set.revision.0 >= put);
    let back = followed.until_status("the return", |status| status.connected).await?;
    assert!(back.resyncs >= 1, "{back:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_noticed() -> Result<()> {
    require_api_server!();
    let server = ApiServer::start_with_definitions().await?;
    let line = Line::to(server.address()).await?;
    let file = server.kubeconfig(line.address(), "admin-token")?;
    let mut followed = Followed::of(&format!("k8s://?kubeconfig={}", file.display())).await?;
    followed.until_status("the first list", |status| status.synced).await?;
    line.freeze();
    let lost = followed.until_status("the silence", |status| !status.connected).await?;
    let error = lost.error.unwrap_or_default();
    assert!(error.contains("has not answered for"), "{error}");
    server.apply(&path("one"), &handler("one", 1)).await?;
    line.open();
    followed.until_names(&["one"]).await?;
    followed.until_status("the return", |status| status.connected).await?;
    Ok(())
}
