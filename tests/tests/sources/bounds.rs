//! Many keys, large values, and revisions that vanish while they are read.

use anyhow::Result;
use testbed::EtcdWrite;

use crate::following::handler;
use crate::require_part;
use crate::store::Store;

/// Writes `count` handlers, each at a key of its own.
fn put_many(store: &Store, count: u32, value: u32) -> Result<()> {
    let pairs: Vec<_> = (0..count)
        .map(|i| (format!("/mesh/h{i:04}"), handler(&format!("h{i:04}"), value)))
        .collect();
    let writes: Vec<_> = pairs.iter().map(|(key, text)| EtcdWrite::Put(key, text)).collect();
    writes.chunks(128).try_for_each(|writes| store.etcd.transaction(writes).map(drop))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_keys_are_read_in_pages_and_changed() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?;
    put_many(&store, 1000, 1)?;
    let mut followed = store.follow().await?;
    let first = followed.until("all of them", |set| set.resources.len() == 1000).await?;
    put_many(&store, 1000, 2)?;
    let changed = followed
        .until("all changed", |set| {
            set.resources.iter().all(|(key, resource)| first.resources.get(key) != Some(resource))
        })
        .await?;
    assert_eq!((changed.resources.len(), changed.problems.len()), (1000, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_too_large_for_one_message_together_are_read_in_smaller_pages() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?.with("/mesh/z", &handler("last", 1))?;
    // 1.2 MiB each, 24 MiB together; not text, so that reading them costs little.
    let value = vec![0xff; 1_258_291];
    for number in 0..20 {
        store.etcd.put_bytes(format!("/mesh/large{number:02}").as_bytes(), &value)?;
    }
    let mut followed = store.follow().await?;
    let set = followed.until_names(&["last"]).await?;
    assert_eq!(set.problems.len(), 20);
    assert_eq!(followed.status().problems, 20);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_while_all_is_read_does_no_harm() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?;
    put_many(&store, 1000, 1)?;
    let mut followed = Vec::new();
    let mut newest = 0;
    for value in 2..40 {
        newest = store.etcd.put("/mesh/h0000", &handler("h0000", value))?;
        if value % 4 == 0 {
            followed.push(store.follow().await?);
        }
        store.etcd.compact(newest)?;
    }
    for mut followed in followed {
        let set = followed.until("the newest", |set| set.revision.0 == newest).await?;
        assert_eq!(set.resources.len(), 1000);
    }
    Ok(())
}
