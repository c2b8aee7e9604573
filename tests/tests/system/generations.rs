//! Several Mixers, or one over time, and a client that keeps answers as our filter does: by the filter's
//! own book of generations. An older verdict is never taken for the newest once a newer one was seen, and
//! nobody's caches are emptied over it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use mesh_api::mixer::v1::CheckResponse;
use mesh_api::watch::v1::GenerationsRequest;
use mesh_api::watch::v1::watch_client::WatchClient;
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::encode_check_request;
use prost::Message;
use prost::bytes::Bytes;
use sidecar_filter::generations::{
    Announced, Digest, Generation, Generations, Standing, WatchEvent,
};
use sidecar_filter::host::Moment;
use testbed::{Etcd, Layout, Mixer, MixerOptions, TestMesh, wait_until, write_at_once};
use tokio::runtime::Runtime;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use crate::readings::LIMIT;
use crate::require_part;
use mesh_api::RawCodec;

/// How far apart the two Mixers are updated.
const APART: Duration = Duration::from_secs(2);

/// Longer than the filter stands by what no answer confirms.
const FORGOTTEN: Duration = Duration::from_secs(11);

const RULE: &str = "rule.yaml";
const ALLOWED: i32 = 0;
const DENIED: i32 = 7;

/// A client of several Mixers.
struct Client {
    runtime: Runtime,
    book: Generations,
    newest: Option<Generation>,
    started: Instant,
    /// Answers of an older generation than it knew.
    older: u64,
}

/// One answer, with how it stands to what the client knows.
struct Answer {
    code: i32,
    cache: String,
    is_older: bool,
}

impl Client {
    fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (book, started) = (Generations::default(), Instant::now());
        Ok(Self { runtime, book, newest: None, started, older: 0 })
    }

    fn connect(&self, mixer: &Mixer) -> Result<Channel> {
        let _entered = self.runtime.enter();
        Ok(Endpoint::new(format!("http://{}", mixer.grpc()))?.timeout(LIMIT).connect_lazy())
    }

    fn now(&self) -> Moment {
        Moment::default().plus(self.started.elapsed())
    }

    /// Asks once.
    fn ask(&mut self, mixer: &Channel) -> Result<Answer> {
        let bag = AttributeBag::new()
            .with("destination.namespace", "default")
            .with("context.protocol", "http")
            .with("request.path", "/late");
        let mut bytes = Vec::new();
        encode_check_request(&bag, "", &[], &mut bytes);
        let mut request = Request::new(Bytes::from(bytes));
        request.metadata_mut().insert("mixmesh-filter", "test".parse()?);
        if let Some(newest) = self.newest {
            request.metadata_mut().insert("mixmesh-generation", newest.to_string().parse()?);
        }
        let response = self.runtime.block_on(async {
            let mut client = tonic::client::Grpc::new(mixer.clone());
            client.ready().await?;
            let path = "/istio.mixer.v1.Mixer/Check".parse()?;
            anyhow::Ok(client.unary(request, path, RawCodec).await?)
        })?;
        let metadata = response.metadata();
        let text = |name: &str| -> Result<String> {
            Ok(metadata.get(name).with_context(|| format!("no {name}"))?.to_str()?.to_owned())
        };
        let namespace = text("mixmesh-namespace")?;
        let shown = Generation::parse(text("mixmesh-generation")?.as_bytes());
        let standing = self.book.judge(&namespace, shown.context("a generation")?, self.now());
        let (Standing::Current(id) | Standing::Older(id)) = standing else {
            anyhow::bail!("the namespace is not tracked");
        };
        self.newest = self.book.snapshot().load().known(id).generation;
        let is_older = matches!(standing, Standing::Older(_));
        self.older += u64::from(is_older);
        let cache = text("mixmesh-cache")?;
        ensure!(
            !is_older || cache == "stale",
            "an older answer ({}, {:?} is known) comes as `{cache}`",
            text("mixmesh-generation")?,
            self.newest
        );
        let code = CheckResponse::decode(response.into_inner())?
            .precondition
            .and_then(|precondition| precondition.status)
            .context("no status")?
            .code;
        Ok(Answer { code, cache, is_older })
    }

    /// The verdict that a request is served by: an older answer is asked once more, here of `other`.
    fn check(&mut self, mixer: &Channel, other: &Channel) -> Result<i32> {
        let answer = self.ask(mixer)?;
        if answer.is_older { Ok(self.ask(other)?.code) } else { Ok(answer.code) }
    }

    /// Takes in what a Mixer announces, as of now and, with nothing new, a while later.
    fn watch(&mut self, mixer: &Channel) -> Result<()> {
        let event = self.runtime.block_on(async {
            let mut client = WatchClient::new(mixer.clone());
            let mut events = client.generations(GenerationsRequest::default()).await?.into_inner();
            events.message().await?.context("the watch ends")
        })?;
        let announced = |state: &mesh_api::watch::v1::NamespaceGeneration| -> Result<Announced> {
            let digest = Digest(state.digest.as_slice().try_into()?);
            let generation = Generation { revision: state.revision, digest };
            Ok(Announced { generation, has_check: state.has_check })
        };
        let namespaces = event.namespaces.iter();
        let event = WatchEvent {
            full: event.full,
            namespaces: namespaces
                .map(|state| Ok((state.namespace.clone(), announced(state)?)))
                .collect::<Result<_>>()?,
            default: event.default.as_ref().map(announced).transpose()?,
            removed: event.removed,
        };
        self.book.announce(&event, self.now());
        self.book.announce(&WatchEvent::default(), self.now().plus(FORGOTTEN));
        self.newest = None;
        Ok(())
    }
}

fn demo_file(name: &str) -> Result<String> {
    Ok(fs::read_to_string(Layout::of_checkout().demo_config().join(name))?)
}

/// A rule that denies what lies below this path.
fn deny(path: &str) -> Result<String> {
    Ok(demo_file("deny.yaml")?.replace("/admin", path))
}

/// A folder of configuration with a rule that lets the client's requests pass.
fn config(mesh: &TestMesh, name: &str) -> Result<PathBuf> {
    let folder = mesh.folder().join(name);
    fs::create_dir_all(&folder)?;
    write_at_once(&folder.join("attributes.yaml"), demo_file("attributes.yaml")?.as_bytes())?;
    write_at_once(&folder.join(RULE), deny("/admin")?.as_bytes())?;
    Ok(folder)
}

fn start(mesh: &TestMesh, config: &Path, name: &str) -> Result<Mixer> {
    let folder = mesh.folder().join(name);
    fs::create_dir_all(&folder)?;
    let layout = Layout::of_checkout();
    Mixer::start(&layout, MixerOptions::new(&layout, config, &folder)?)
}

fn count(mixers: &[&Mixer], name: &str) -> Result<u64> {
    mixers.iter().map(|mixer| Ok(mixer.metrics()?.count(name, &[]))).sum()
}

/// Caches are not emptied by what is no edit: of `needed` decisions on, each answers dozens of requests,
/// until the uses that its handler allows are leased out.
fn require_no_thrash(mixers: &[&Mixer], needed: u64) -> Result<()> {
    let (hits, misses) = (count(mixers, HITS)?, count(mixers, MISSES)?);
    ensure!((needed..=needed + hits / 30).contains(&misses), "{misses} misses, {hits} hits");
    Ok(())
}

const HITS: &str = "mixer_checkcache_cache_hits_total";
const MISSES: &str = "mixer_checkcache_cache_misses_total";
const STALE: &str = "mixer_check_stale_answers_total";

#[test]
fn mixers_that_are_updated_apart_never_bring_an_older_verdict_back() -> Result<()> {
    let mesh = TestMesh::new()?;
    let configs = [config(&mesh, "config-one")?, config(&mesh, "config-two")?];
    let mixers = [start(&mesh, &configs[0], "one")?, start(&mesh, &configs[1], "two")?];
    let mut client = Client::new()?;
    let channels = [client.connect(&mixers[0])?, client.connect(&mixers[1])?];
    let both = [&mixers[0], &mixers[1]];
    let turn = |client: &mut Client, number: usize| {
        client.check(&channels[number % 2], &channels[(number + 1) % 2])
    };
    for number in 0..20 {
        assert_eq!(turn(&mut client, number)?, ALLOWED);
    }
    assert_eq!((client.older, count(&both, MISSES)?), (0, 2));

    write_at_once(&configs[0].join(RULE), deny("/late")?.as_bytes())?;
    let mut number = 0;
    wait_until("the edit to be enforced", LIMIT, || {
        number += 1;
        let code = turn(&mut client, number)?;
        ensure!(code == DENIED, "{code}");
        Ok(())
    })?;
    let seen = Instant::now();
    while seen.elapsed() < APART {
        number += 1;
        assert_eq!(turn(&mut client, number)?, DENIED);
    }
    assert!(client.older > 0);
    assert_eq!(count(&[&mixers[1]], STALE)?, client.older);

    write_at_once(&configs[1].join(RULE), deny("/late")?.as_bytes())?;
    wait_until("the other to follow", LIMIT, || {
        ensure!(!client.ask(&channels[1])?.is_older, "it is behind");
        Ok(())
    })?;
    let older = client.older;
    for number in 0..100 {
        assert_eq!(turn(&mut client, number)?, DENIED);
    }
    assert_eq!((client.older, count(&both, STALE)?), (older, older));
    // Once by each policy in each Mixer.
    require_no_thrash(&both, 4)
}

#[test]
fn a_mixer_that_starts_again_is_taken_for_what_it_is() -> Result<()> {
    let mesh = TestMesh::new()?;
    let old = config(&mesh, "config-old")?;
    let new = config(&mesh, "config-new")?;
    write_at_once(&new.join(RULE), deny("/late")?.as_bytes())?;
    // Files that are written within one tick of the system's clock would be equally new.
    for path in [old.join("attributes.yaml"), old.join(RULE), old.clone()] {
        set_back(&path)?;
    }
    let mut mixer = start(&mesh, &new, "new")?;
    let mut client = Client::new()?;
    let channel = client.connect(&mixer)?;
    assert_eq!(client.check(&channel, &channel)?, DENIED);
    let before = client.newest;

    // With the same configuration it is the same generation; only its cache is empty.
    mixer.restart()?;
    let channel = client.connect(&mixer)?;
    for level in ["miss", "l2", "l2"] {
        let answer = client.ask(&channel)?;
        assert_eq!((answer.code, answer.cache.as_str()), (DENIED, level));
    }
    assert_eq!((client.older, client.newest), (0, before));
    mixer.kill()?;

    // With an older one its answers count for their own requests alone, until it is plain that no other
    // Mixer knows better.
    let older = start(&mesh, &old, "old")?;
    let channel = client.connect(&older)?;
    for number in 1..=5 {
        let answer = client.ask(&channel)?;
        assert_eq!((answer.code, answer.is_older), (ALLOWED, true));
        assert_eq!((client.older, client.newest), (number, before));
    }
    assert_eq!((count(&[&older], STALE)?, count(&[&older], MISSES)?), (5, 1));
    client.watch(&channel)?;
    for _ in 0..5 {
        let answer = client.ask(&channel)?;
        assert_eq!((answer.code, answer.is_older), (ALLOWED, false));
        assert_eq!(answer.cache, "l2");
    }
    Ok(())
}

/// Gives a file or folder a modification time of the last century, as under a clock that was set back.
fn set_back(path: &Path) -> Result<()> {
    File::open(path)?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400))?;
    Ok(())
}

#[test]
fn an_edit_under_a_clock_that_was_set_back_is_newer_all_the_same() -> Result<()> {
    let mesh = TestMesh::new()?;
    let folder = config(&mesh, "config-one")?;
    let mixer = start(&mesh, &folder, "one")?;
    let mut client = Client::new()?;
    let channel = client.connect(&mixer)?;
    assert_eq!(client.check(&channel, &channel)?, ALLOWED);
    for (path, code) in [("/late", DENIED), ("/admin", ALLOWED), ("/la", DENIED)] {
        let rule = folder.join(RULE);
        let mut file = OpenOptions::new().write(true).truncate(true).open(&rule)?;
        file.write_all(deny(path)?.as_bytes())?;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400))?;
        drop(file);
        wait_until("the edit to be enforced", LIMIT, || {
            let answer = client.ask(&channel)?;
            ensure!(answer.code == code, "{}", answer.code);
            Ok(())
        })?;
    }
    // A deletion shows in the folder's time alone.
    fs::remove_file(folder.join(RULE))?;
    set_back(&folder)?;
    wait_until("the rule to be gone", LIMIT, || {
        ensure!(client.ask(&channel)?.code == ALLOWED, "it is there");
        Ok(())
    })?;
    assert_eq!(client.ask(&channel)?.cache, "l2");
    assert_eq!((client.older, count(&[&mixer], STALE)?), (0, 0));
    // Once by each policy.
    require_no_thrash(&[&mixer], 5)
}

#[test]
fn mixers_on_one_etcd_never_bring_an_older_verdict_back() -> Result<()> {
    require_part!(Etcd);
    let mesh = TestMesh::new()?;
    let etcd = Etcd::start(&Layout::of_checkout(), mesh.folder())?;
    etcd.put("/mixmesh/attributes", &demo_file("attributes.yaml")?)?;
    etcd.put("/mixmesh/rule", &deny("/admin")?)?;
    let source = PathBuf::from(format!("etcd://{}/mixmesh", etcd.address()));
    let mut mixers = [start(&mesh, &source, "one")?, start(&mesh, &source, "two")?];
    let mut client = Client::new()?;
    let channels = [client.connect(&mixers[0])?, client.connect(&mixers[1])?];
    let mut verdicts = Vec::new();
    let mut follow = |client: &mut Client, expected: i32, what: &str| {
        wait_until(what, LIMIT, || {
            let mut both = Vec::new();
            for number in 0..2 {
                let code = client.check(&channels[number], &channels[1 - number])?;
                both.push(code);
                if verdicts.last() != Some(&code) {
                    verdicts.push(code);
                }
            }
            ensure!(both == [expected; 2], "{both:?}");
            Ok(())
        })
    };
    follow(&mut client, ALLOWED, "both to answer")?;
    etcd.put("/mixmesh/rule", &deny("/late")?)?;
    follow(&mut client, DENIED, "the rule to be enforced")?;
    etcd.delete("/mixmesh/rule")?;
    follow(&mut client, ALLOWED, "the rule to be gone")?;
    let newest = client.newest;
    mixers[1].restart()?;
    // The old connection is broken, which a client finds out by using it.
    follow(&mut client, ALLOWED, "the second to be back")?;
    assert_eq!(client.newest.map(|g| g.digest), newest.map(|g| g.digest));
    assert_eq!(verdicts, [ALLOWED, DENIED, ALLOWED]);
    Ok(())
}
