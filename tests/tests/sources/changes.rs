//! What is written to etcd is followed.

use anyhow::Result;
use mesh_config::Revision;
use testbed::EtcdWrite;

use crate::following::{handler, names_of, spec_of};
use crate::require_part;
use crate::store::Store;

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_read_and_followed_at_etcds_own_revisions() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?
        .with("/mesh/one", &handler("one", 1))?
        .with("/mesh/more/two", &format!("{}{}", handler("two", 1), handler("three", 1)))?
        .with("/meshes/other", &handler("other", 1))?;
    let newest = store.etcd.put("/elsewhere", "x")?;
    let mut followed = store.follow().await?;
    let set = followed.until_names(&["one", "three", "two"]).await?;
    assert_eq!(set.revision, Revision(newest));
    assert_eq!(set.problems, []);

    let put = store.etcd.put("/mesh/four", &handler("four", 1))?;
    let set = followed.until_names(&["four", "one", "three", "two"]).await?;
    assert_eq!(set.revision, Revision(put));

    let before = spec_of(&set, "one");
    let changed = store.etcd.put("/mesh/one", &handler("one", 2))?;
    let set = followed.until("the change", |set| spec_of(set, "one") != before).await?;
    assert_eq!(set.revision, Revision(changed));

    let deleted = store.etcd.delete("/mesh/more/two")?;
    let set = followed.until_names(&["four", "one"]).await?;
    assert_eq!(set.revision, Revision(deleted));
    let status = followed.status();
    assert_eq!((status.revision, status.resources), (Revision(deleted), 2));
    assert!(status.connected && status.age().is_some() && status.error.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_comes_into_force_as_a_whole() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?.with("/mesh/old", &handler("old", 1))?;
    let mut followed = store.follow().await?;
    followed.until_names(&["old"]).await?;
    let (a, b) = (handler("a", 1), handler("b", 1));
    for round in 0..20 {
        let writes = if round % 2 == 0 {
            [
                EtcdWrite::Delete("/mesh/old"),
                EtcdWrite::Put("/mesh/a", &a),
                EtcdWrite::Put("/mesh/b", &b),
            ]
        } else {
            let old = EtcdWrite::Put("/mesh/old", "kind: none");
            [old, EtcdWrite::Delete("/mesh/a"), EtcdWrite::Delete("/mesh/b")]
        };
        let revision = store.etcd.transaction(&writes)?;
        let set = followed
            .until("the transaction", |set| {
                let names = names_of(set);
                assert!(["old", "a,b", ""].contains(&names.join(",").as_str()), "{names:?}");
                set.revision >= Revision(revision)
            })
            .await?;
        assert_eq!(names_of(&set).is_empty(), round % 2 == 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_keeps_the_version_before_and_names_key_and_line() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?.with("/mesh/one", &handler("one", 1))?;
    let mut followed = store.follow().await?;
    let good = followed.until_names(&["one"]).await?;
    store.etcd.put("/mesh/one", &handler("one", 2).replace("denier", "deniers"))?;
    let set = followed.until_problem(&["/mesh/one:7:", "handler one.istio-system"]).await?;
    assert_eq!(set.resources, good.resources);
    store.etcd.put_bytes(b"/mesh/one", b"kind: handler\n\xff")?;
    let set = followed.until_problem(&["/mesh/one: its value is not UTF-8 text: line 2"]).await?;
    assert_eq!(set.resources, good.resources);
    store.etcd.put_bytes(b"/mesh/odd\n\xff", handler("odd", 1).as_bytes())?;
    let set = followed.until_problem(&[r"/mesh/odd\n\xff: its name is not plain"]).await?;
    assert_eq!(set.resources, good.resources);
    store
        .etcd
        .put("/mesh/one", "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}")?;
    let set = followed.until_problem(&["/mesh/one:1:", "`v1`"]).await?;
    // A whole and well-formed value from which the resource is gone removes it.
    assert_eq!(names_of(&set), [""; 0]);
    store.etcd.put("/mesh/one", &handler("one", 3))?;
    followed.until("the correction", |set| names_of(set) == ["one"]).await?;
    Ok(())
}
