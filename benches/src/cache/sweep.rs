//! What each level answers: two sidecar workers with the filter's own first level, before one Mixer.
//!
//! A request goes to either worker at random, as connections do. It differs from the one before in
//! everything that clients change and no policy reads: addresses, ids, the time. Two thirds of a run are
//! after an edit: first of a namespace that nobody asks for, then of the one that all ask for. Requests
//! are counted, not timed, so the part that is answered is exact and the same in each run.

use anyhow::{Context, Result, bail, ensure};
use mesh_attributes::wire::encode_check_request;
use mesh_attributes::{AttributeBag, Timestamp};
use mixer::{CacheLevel, Caller, DEFAULT_CACHE_BYTES, Metrics, Mixer, NamespaceState};
use serde::Serialize;
use sidecar_filter::cache::{L1, LookUp, Validity};
use sidecar_filter::check::Answer;
use sidecar_filter::config::Settings;
use sidecar_filter::generations::{
    Announced, Generation, Generations, NamespaceId, Standing, WatchEvent,
};
use sidecar_filter::host::Moment;
use sidecar_filter::mock::MockProxy;
use tokio::runtime::{Builder, Runtime};

use crate::edits::{Editor, OTHER_NAMESPACE};
use crate::effort::Effort;
use crate::request::{self, NAMESPACE};
use crate::zipf::Zipf;

/// Envoy's workers, each with a first level of its own.
const WORKERS: u64 = 2;

/// Parts of a run whose ratios are shown one after the other.
pub(super) const WINDOWS: usize = 30;

/// Before which windows policy is edited, and what of it.
pub(super) const EDITS: [(usize, &str); 2] =
    [(WINDOWS / 3, "another namespace"), (2 * WINDOWS / 3, "the namespace")];

const SKEWS: [f64; 3] = [0.7, 1.0, 1.2];

/// What changes from request to request, besides the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Churn {
    /// Addresses, ids and the time, which policy does not read.
    Unread,
    /// These and the path, which policy does read: no request is like another.
    Path,
}

/// What answered in one run.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    /// Different requests, as policy sees them.
    pub(super) keys: u32,
    /// Zipf's exponent.
    pub(super) skew: f64,
    pub(super) churn: Churn,
    pub(super) requests: u32,
    /// Of the whole run.
    pub(super) answered: Answered,
    /// Of each window.
    pub(super) windows: Vec<Answered>,
}

/// Parts of a hundred.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Answered {
    pub(super) l1: f64,
    pub(super) l2: f64,
    pub(super) miss: f64,
}

/// All sizes and skews, then a run whose paths never come again.
///
/// # Errors
/// When an adapter is missing or a check fails.
pub(super) fn run(effort: &Effort) -> Result<Vec<Row>> {
    let (sizes, requests): (&[u32], u32) = if effort.is_believable {
        (&[1000, 10_000, 100_000, 1_000_000], 300_000)
    } else {
        (&[100, 1000], 600)
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // One for all runs: it keeps the adapters, which take seconds to compile.
    let mut editor = Editor::new()?;
    let mut rows = Vec::new();
    for keys in sizes {
        for skew in SKEWS {
            rows.push(one(&runtime, &mut editor, *keys, skew, Churn::Unread, requests)?);
        }
    }
    rows.push(one(&runtime, &mut editor, sizes[0], 1.0, Churn::Path, requests.min(30_000))?);
    Ok(rows)
}

fn one(
    runtime: &Runtime,
    editor: &mut Editor,
    keys: u32,
    skew: f64,
    churn: Churn,
    requests: u32,
) -> Result<Row> {
    let base = include_str!("../policy.yaml");
    let edited = base.replace("\"/admin\"", "\"/administration\"");
    let first = editor.policy(runtime, &[base])?;
    let mixer = Mixer::new(first, DEFAULT_CACHE_BYTES, Metrics::new(), None);
    let mut sidecar = Sidecar::new(&mixer)?;
    let mut zipf = Zipf::new(keys, skew);
    let window = requests / WINDOWS as u32;
    let mut windows = Vec::with_capacity(WINDOWS);
    for at in 0..WINDOWS {
        if at == EDITS[0].0 {
            mixer.install(editor.policy(runtime, &[base, OTHER_NAMESPACE])?);
            sidecar.hear(&mixer)?;
        } else if at == EDITS[1].0 {
            mixer.install(editor.policy(runtime, &[&edited, OTHER_NAMESPACE])?);
            sidecar.hear(&mixer)?;
        }
        let mut counts = [0_u32; 3];
        for _ in 0..window {
            let key = zipf.draw();
            let bag = bag(key, zipf.bits(), churn);
            let worker = (zipf.bits() >> 32) % WORKERS;
            counts[sidecar.ask(runtime, &mixer, worker as usize, &bag)?] += 1;
        }
        let part = |count: u32| 100.0 * f64::from(count) / f64::from(window);
        let [l1, l2, miss] = counts.map(part);
        windows.push(Answered { l1, l2, miss });
    }
    let mean = |of: fn(&Answered) -> f64| windows.iter().map(of).sum::<f64>() / WINDOWS as f64;
    let answered = Answered { l1: mean(|w| w.l1), l2: mean(|w| w.l2), miss: mean(|w| w.miss) };
    Ok(Row { keys, skew, churn, requests: window * WINDOWS as u32, answered, windows })
}

/// A request for `key` from a client that was not seen before.
fn bag(key: usize, client: u64, churn: Churn) -> AttributeBag {
    let address = [10, (client >> 8) as u8, (client >> 16) as u8, (client >> 24) as u8];
    let id = format!("{client:032x}");
    let mut headers = request::headers(key);
    for (name, value) in &mut headers {
        if *name == "x-request-id" {
            value.clone_from(&id);
        }
    }
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let time = Timestamp { seconds: 1_700_000_000 + (client >> 40) as i64, nanos: 0 };
    let bag = request::attributes(key, NAMESPACE)
        .with("origin.ip", address.as_slice())
        .with("source.ip", address.as_slice())
        .with("request.headers", headers)
        .with("request.id", id.as_str())
        .with("request.time", time);
    match churn {
        Churn::Unread => bag,
        Churn::Path => bag.with("request.path", format!("/products?id={id}").as_str()),
    }
}

/// What a proxy's workers know and keep.
struct Sidecar {
    generations: Generations,
    /// The one that all ask for.
    namespace: NamespaceId,
    workers: Vec<L1>,
    validity: Validity,
    message: Vec<u8>,
}

impl Sidecar {
    fn new(mixer: &Mixer) -> Result<Self> {
        let settings = Settings::default();
        let now = MockProxy::new().now();
        let generations = Generations::default();
        hear(&generations, mixer, now)?;
        let known = mixer.watch().borrow().clone();
        let state = known.namespaces.get(NAMESPACE).context("the policy has no such namespace")?;
        let standing = generations.judge(NAMESPACE, generation(&state.generation)?, now);
        let Standing::Current(namespace) = standing else {
            bail!("what was announced is not current: {standing:?}");
        };
        let (max_stale, serve_stale) = (settings.max_stale, settings.serve_stale);
        let workers =
            (0..WORKERS).map(|_| L1::new(settings.l1_entries, settings.l1_bytes)).collect();
        let validity = Validity { now, dead_since: None, max_stale, serve_stale };
        Ok(Self { generations, namespace, workers, validity, message: Vec::new() })
    }

    /// Takes in what the watch would say at this moment.
    fn hear(&self, mixer: &Mixer) -> Result<()> {
        hear(&self.generations, mixer, self.validity.now)
    }

    /// Decides on a request: 0 when the worker's own level answered, 1 when Mixer's did, 2 when neither.
    fn ask(
        &mut self,
        runtime: &Runtime,
        mixer: &Mixer,
        worker: usize,
        bag: &AttributeBag,
    ) -> Result<usize> {
        let now = self.validity.now;
        let policies = self.generations.snapshot().load();
        let l1 = &mut self.workers[worker];
        if let LookUp::Hit(_) = l1.look_up(Some(self.namespace), bag, &policies, &self.validity) {
            return Ok(0);
        }
        self.message.clear();
        encode_check_request(bag, "sweep", &[], &mut self.message);
        let caller = Caller { is_our_filter: true, ..Caller::default() };
        let answer = runtime.block_on(mixer.check(&self.message, &caller))?;
        let shown = generation(&answer.generation)?;
        if let Standing::Current(id) = self.generations.judge(&answer.namespace, shown, now) {
            l1.store(&Answer::decode(&answer.body)?, Some((id, shown)), bag, now);
        }
        ensure!(answer.cache != CacheLevel::Stale, "Mixer answered by an older policy");
        Ok(if answer.cache == CacheLevel::L2 { 1 } else { 2 })
    }
}

fn hear(generations: &Generations, mixer: &Mixer, now: Moment) -> Result<()> {
    let known = mixer.watch().borrow().clone();
    let announced = |state: &NamespaceState| -> Result<Announced> {
        let generation = generation(&state.generation)?;
        Ok(Announced { generation, has_check: state.has_check })
    };
    let namespaces = known.namespaces.iter();
    let namespaces = namespaces.map(|(name, state)| Ok((name.clone(), announced(state)?)));
    let event = WatchEvent {
        full: true,
        namespaces: namespaces.collect::<Result<_>>()?,
        default: Some(announced(&known.default)?),
        ..WatchEvent::default()
    };
    generations.announce(&event, now);
    Ok(())
}

/// Mixer's as the filter reads it.
fn generation(shown: &mixer::Generation) -> Result<Generation> {
    Generation::parse(shown.to_string().as_bytes()).context("a generation that cannot be read")
}
