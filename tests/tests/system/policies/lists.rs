//! Lists that a server keeps: one that changes, does wrong, does nothing, goes and comes back.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use mesh_attributes::AttributeBag;
use testbed::{wait_until, write_at_once};

use super::document_server::{DocumentServer, Manner};
use super::{Asked, OK, PERMISSION_DENIED, UNAVAILABLE, handler, rule};

/// A fetch of a slow server takes its whole time, and after failures the next one waits.
const PATIENCE: Duration = Duration::from_secs(60);

fn asked(params: &str) -> Result<Asked> {
    let handler = handler("listchecker", params);
    let rule = rule("listentry", "{ value: 'request.headers[\"x-user\"] | \"\"' }");
    Asked::start(&(handler + &rule))
}

impl Asked {
    fn user(&self, user: &str) -> Result<i32> {
        let headers = [("x-user".to_owned(), user.to_owned())].into();
        let headers = mesh_attributes::OwnedValue::StringMap(headers);
        Ok(self.decides(AttributeBag::new().with("request.headers", headers))?.0)
    }

    fn until(&self, user: &str, code: i32) -> Result<()> {
        wait_until(&format!("{user} to be answered {code}"), PATIENCE, || {
            let now = self.user(user)?;
            ensure!(now == code, "{user} is answered {now}");
            Ok(())
        })
    }
}

#[test]
fn a_list_is_followed_kept_while_its_server_fails_and_had_again_when_it_is_back() -> Result<()> {
    let mut server = DocumentServer::start("alice\n")?;
    let url = server.url();
    let asked = asked(&format!(
        "    provider_url: {url}\n    refresh_interval: 1s\n    ttl: 4s\n    \
         caching_interval: 0s\n    overrides: [ root ]"
    ))?;
    assert_eq!((asked.user("alice")?, asked.user("bob")?), (OK, PERMISSION_DENIED));
    server.becomes(Manner::Good("bob\n".to_owned()));
    asked.until("bob", OK)?;
    assert_eq!((asked.user("alice")?, asked.user("root")?), (PERMISSION_DENIED, OK));
    wait_until("the server to have nothing new", PATIENCE, || {
        ensure!(server.not_modified() > 0, "not asked with the ETag");
        Ok(())
    })?;
    for manner in [Manner::Wrong, Manner::Slow] {
        let before = server.failures();
        server.becomes(manner);
        wait_until("a fetch that fails", PATIENCE, || {
            ensure!(server.failures() > before, "not asked yet");
            Ok(())
        })?;
        asked.until("bob", UNAVAILABLE)?;
        // What the parameters say needs no server.
        assert_eq!(asked.user("root")?, OK);
        server.becomes(Manner::Good("bob\n".to_owned()));
        asked.until("bob", OK)?;
        assert_eq!(asked.user("alice")?, PERMISSION_DENIED);
    }
    server.go_away();
    asked.until("bob", UNAVAILABLE)?;
    server.becomes(Manner::Good("alice\n".to_owned()));
    server.come_back()?;
    asked.until("alice", OK)?;
    assert_eq!(asked.user("bob")?, PERMISSION_DENIED);
    Ok(())
}

#[test]
fn a_blacklist_with_a_mistake_is_not_used_and_named_in_the_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("list");
    write_at_once(&file, b"10.0.0.1\n10.0.0.256\n")?;
    let asked = asked(&format!(
        "    provider_url: file://{}\n    refresh_interval: 1s\n    caching_interval: 0s\n    \
         entry_type: IP_ADDRESSES\n    blacklist: true",
        file.display()
    ))?;
    assert_eq!(asked.user("10.0.0.2")?, UNAVAILABLE);
    let log = fs::read_to_string(asked.mixer.log())?;
    ensure!(log.contains("10.0.0.256") && log.contains("line 2:"), "{log}");
    write_at_once(&file, b"10.0.0.1\n10.0.0.25\n")?;
    asked.until("10.0.0.2", OK)?;
    assert_eq!(asked.user("10.0.0.1")?, PERMISSION_DENIED);
    Ok(())
}
