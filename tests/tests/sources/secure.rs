//! TLS with certificates on both sides, and users of etcd.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::json;
use testbed::{Etcd, Layout, free_address};

use crate::following::{Authority, Followed, handler};
use crate::require_part;
use crate::store::Store;

fn flag(name: &str, value: &Path) -> String {
    format!("--{name}={}", value.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_is_followed_over_tls_with_certificates_on_both_sides() -> Result<()> {
    require_part!(Etcd);
    let (authority, folder) = (Authority::new()?, tempfile::tempdir()?);
    let address = free_address()?;
    let etcd = Etcd::start_with(
        &Layout::of_checkout(),
        folder.path(),
        &[format!("https://{address}")],
        &[
            flag("cert-file", &authority.file("server.pem")),
            flag("key-file", &authority.file("server.key")),
            flag("trusted-ca-file", &authority.file("ca.pem")),
            "--client-cert-auth".to_owned(),
        ],
    )?;
    etcd.put("/mesh/one", &handler("one", 1))?;
    let shown = |name: &str| authority.file(name).display().to_string();
    let url = format!("etcds://{address}/mesh?ca={}", shown("ca.pem"));
    let with_identity = format!("{url}&cert={}&key={}", shown("client.pem"), shown("client.key"));
    Followed::of(&with_identity).await?.until_names(&["one"]).await?;

    let mut anonymous = Followed::of(&url).await?;
    anonymous.until_status("a refusal", |status| status.error.is_some()).await?;
    let gone = Authority::new()?.file("ca.pem");
    let missing = Followed::of(&format!("etcds://{address}/mesh?ca={}", gone.display())).await;
    let text = missing.err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(text.contains("the CA's certificate") && text.contains("No such file"), "{text}");
    let other = Authority::new()?;
    let url = format!("etcds://{address}/mesh?ca={}", other.file("ca.pem").display());
    let mut deceived = Followed::of(&url).await?;
    let refused = |status: &mesh_config::SourceStatus| {
        status.error.as_ref().is_some_and(|error| error.contains("invalid peer certificate"))
    };
    deceived.until_status("an unknown issuer", refused).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_logs_in_and_a_wrong_password_is_told() -> Result<()> {
    require_part!(Etcd);
    let store = Store::start()?.with("/mesh/one", &handler("one", 1))?;
    let etcd = &store.etcd;
    etcd.call("auth/user/add", &json!({ "name": "root", "password": "top" }))?;
    etcd.call("auth/user/add", &json!({ "name": "mixer", "password": "secret" }))?;
    etcd.call("auth/role/add", &json!({ "name": "root" }))?;
    etcd.call("auth/role/add", &json!({ "name": "reader" }))?;
    etcd.call("auth/user/grant", &json!({ "user": "root", "role": "root" }))?;
    etcd.call("auth/user/grant", &json!({ "user": "mixer", "role": "reader" }))?;
    // READ of `/mesh/` up to `/mesh0`.
    let permission = json!({ "permType": "READ", "key": "L21lc2gv", "range_end": "L21lc2gw" });
    etcd.call("auth/role/grant", &json!({ "name": "reader", "perm": permission }))?;
    etcd.call("auth/enable", &json!({}))?;

    let password = store.folder().join("password");
    fs::write(&password, "secret\n")?;
    let login = format!("user=mixer&password-file={}", password.display());
    let url = |prefix: &str| format!("etcd://{}/{prefix}", etcd.address());
    Followed::of(&format!("{}?{login}", url("mesh"))).await?.until_names(&["one"]).await?;

    fn says(part: &str) -> impl FnMut(&mesh_config::SourceStatus) -> bool {
        move |status| status.error.as_ref().is_some_and(|error| error.contains(part))
    }
    let mut elsewhere = Followed::of(&format!("{}?{login}", url("others"))).await?;
    elsewhere.until_status("no permission", says("read access to the whole prefix")).await?;
    let mut nobody = Followed::of(&url("mesh")).await?;
    nobody.until_status("no login", says("etcd asks for a login")).await?;
    fs::write(&password, "guess")?;
    let mut guesser = Followed::of(&format!("{}?{login}", url("mesh"))).await?;
    guesser.until_status("a wrong password", says("are name and password right")).await?;
    // A password that is corrected is read without a restart.
    fs::write(&password, "secret")?;
    guesser.until_names(&["one"]).await?;
    Ok(())
}
