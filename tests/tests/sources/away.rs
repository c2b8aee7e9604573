//! While etcd is away, what was read stays in force; when it is back, all is caught up with.

use std::time::Duration;

use anyhow::Result;
use mesh_config::Revision;
use testbed::{Etcd, Layout, free_address};

use crate::following::{Followed, handler, names_of, spec_of};
use crate::require_part;
use crate::store::Store;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_etcd_leaves_the_last_configuration_in_force_and_is_found_again() -> Result<()> {
    require_part!(Etcd);
    let mut store = Store::start()?.with("/mesh/one", &handler("one", 1))?;
    let mut followed = store.follow().await?;
    followed.until_names(&["one"]).await?;
    store.etcd.kill()?;
    let lost = followed.until_status("the loss", |status| !status.connected).await?;
    let error = lost.error.clone().unwrap_or_default();
    assert!(error.contains(&store.etcd.address().to_string()), "{error}");
    let refused = |status: &mesh_config::SourceStatus| {
        status.error.as_ref().is_some_and(|error| error.contains("Connection refused"))
    };
    let later = followed.until_status("a refused connection", refused).await?;
    assert!(later.age() > Some(Duration::ZERO) && later.last_contact == lost.last_contact);
    assert_eq!(names_of(&followed.set()), ["one"]);

    store.etcd.restart()?;
    let back = followed.until_status("the return", |status| status.connected).await?;
    assert!(back.reconnects >= 1 && back.resyncs >= 1 && back.error.is_none(), "{back:?}");
    assert!(back.last_contact > lost.last_contact);
    let put = store.etcd.put("/mesh/two", &handler("two", 1))?;
    let set = followed.until_names(&["one", "two"]).await?;
    assert_eq!(set.revision, Revision(put));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_during_a_cut_is_caught_up_with() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?
        .with("/mesh/gone", &handler("gone", 1))?
        .with("/mesh/stays", &handler("stays", 1))?;
    let (mut followed, line) = store.follow_over_line().await?;
    followed.until_names(&["gone", "stays"]).await?;
    line.cut();
    followed.until_status("the loss", |status| !status.connected).await?;
    store.etcd.delete("/mesh/gone")?;
    let newest = store.etcd.put("/mesh/new", &handler("new", 1))?;
    // Nothing of that may depend on revisions that are kept.
    store.etcd.compact(newest)?;
    assert_eq!(names_of(&followed.set()), ["gone", "stays"]);
    line.open();
    let set = followed.until_names(&["new", "stays"]).await?;
    assert_eq!(set.revision, Revision(newest));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_dead_without_a_word_is_noticed() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?.with("/mesh/one", &handler("one", 1))?;
    let (mut followed, line) = store.follow_over_line().await?;
    followed.until_names(&["one"]).await?;
    line.freeze();
    let lost = followed.until_status("the silence", |status| !status.connected).await?;
    let error = lost.error.unwrap_or_default();
    assert!(error.contains("has not answered for"), "{error}");
    store.etcd.put("/mesh/two", &handler("two", 1))?;
    line.open();
    followed.until_names(&["one", "two"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_falls_behind_a_compaction_reads_everything_again() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?.with("/mesh/one", &handler("one", 0))?;
    let (mut followed, line) = store.follow_over_line().await?;
    let first = followed.until_names(&["one"]).await?;
    line.freeze();
    // More changes than etcd queues for a watch (1024) and than fit into the sockets between.
    let padding = format!("# {}\n", "x".repeat(8 << 10));
    let mut newest = 0;
    for value in 1..=1500 {
        newest = store.etcd.put("/mesh/one", &format!("{}{padding}", handler("one", value)))?;
    }
    store.etcd.compact(newest)?;
    line.open();
    let set = followed.until("the newest", |set| set.revision == Revision(newest)).await?;
    assert_ne!(spec_of(&set, "one"), spec_of(&first, "one"));
    let put = store.etcd.put("/mesh/two", &handler("two", 1))?;
    assert_eq!(followed.until_names(&["one", "two"]).await?.revision, Revision(put));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_tried_in_turn_and_for_ever() -> Result<()> {
    require_part!(Etcd);
    let folder = tempfile::tempdir()?;
    let (dead, line_end) = (free_address()?, free_address()?);
    // Nobody is there at the start.
    let mut followed = Followed::of(&format!("etcd://{dead},{line_end}/mesh")).await?;
    followed.until_status("a failure", |status| status.error.is_some()).await?;
    assert!(!followed.status().synced && followed.status().age().is_none());
    let also_at = [format!("http://{line_end}")];
    let etcd = Etcd::start_with(&Layout::of_checkout(), folder.path(), &also_at, &[])?;
    followed.until_status("the first data", |status| status.synced).await?;
    assert_eq!(names_of(&followed.set()), [""; 0]);
    etcd.put("/mesh/one", &handler("one", 1))?;
    followed.until_names(&["one"]).await?;
    Ok(())
}
