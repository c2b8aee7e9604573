//! The components of handlers, wherever they are.
//!
//! Goal: a handler that names a component elsewhere never holds up the edits of others. What is on disk is
//! loaded on a thread of its own while the policy in force goes on. What is in a registry is pulled by a
//! task: a build waits for all of its pulls together no longer than [`PATIENCE`], then goes on without
//! them – the handler keeps what it had, or its rules fail closed – and another build follows when the
//! component is there. What takes too long to be compiled is
//! gone without as well, and another build follows when it is done. A pull that failed is tried again, ever less often, for ever: a registry that comes
//! back is found without anybody's help.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{AdapterHost, Component, ComponentRef, CustomTemplate, OciRef, Template};
use mesh_config::AdapterRef;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{info, warn};

/// What a build waits for registries. Within a cluster a component is there in less than a second.
const PATIENCE: Duration = Duration::from_secs(5);

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Components {
    host: Arc<AdapterHost>,
    folder: PathBuf,
    /// Of registries, as far as handlers name them.
    pulls: HashMap<OciRef, Pull>,
    tasks: JoinSet<(OciRef, Result<Arc<Component>, String>)>,
    /// Those that the build under way has asked for.
    asked: HashSet<OciRef>,
    /// Until when the build under way waits.
    patience: Instant,
}

#[derive(Debug)]
enum Pull {
    /// With the failures so far.
    UnderWay(Option<Failure>),
    Here(Arc<Component>),
    Failed(Failure),
}

#[derive(Debug, Clone)]
struct Failure {
    cause: String,
    pause: Duration,
    next: Instant,
}

impl Components {
    /// Finds adapters as `NAME.wasm` in `folder`, and loads with `host`.
    pub(super) fn new(host: Arc<AdapterHost>, folder: PathBuf) -> Self {
        Self {
            host,
            folder,
            pulls: HashMap::new(),
            tasks: JoinSet::new(),
            asked: HashSet::new(),
            patience: Instant::now(),
        }
    }

    /// Begins a build with handlers of these adapters: all that is to be pulled is pulled side by side.
    pub(super) fn begin(&mut self, adapters: &[AdapterRef]) {
        self.asked.clear();
        self.patience = Instant::now() + PATIENCE;
        for adapter in adapters {
            if let Ok(ComponentRef::Oci(reference)) = self.place(adapter) {
                self.ask(&reference);
            }
        }
    }

    /// The templates that the authors of these adapters invented, of those that are named by their place.
    /// What cannot be loaded is told when its handler is built.
    pub(super) async fn templates(&mut self, adapters: &[AdapterRef]) -> Vec<CustomTemplate> {
        let mut templates = Vec::new();
        for adapter in adapters {
            let AdapterRef::Component(_) = adapter else { continue };
            let Ok(component) = self.of(adapter).await else { continue };
            for template in component.templates() {
                if let Template::Custom(custom) = template
                    && !templates.contains(custom)
                {
                    templates.push(*custom);
                }
            }
        }
        templates
    }

    /// Ends a build: what no handler names any more is forgotten.
    pub(super) fn end(&mut self) {
        let asked = &self.asked;
        self.pulls.retain(|reference, _| asked.contains(reference));
    }

    /// The adapter's component, or why there is none for now.
    pub(super) async fn of(&mut self, adapter: &AdapterRef) -> Result<Arc<Component>, String> {
        let place = self.place(adapter)?;
        let name = short_name(adapter, &place);
        match place {
            ComponentRef::File(file) => {
                let host = Arc::clone(&self.host);
                let loaded = {
                    let name = name.clone();
                    tokio::task::spawn_blocking(move || host.load(&name, &file)).await
                };
                loaded
                    .map_err(|cause| format!("adapter {name}: loading it failed: {cause}"))?
                    .map_err(|cause| cause.to_string())
            }
            ComponentRef::Oci(reference) => self.pulled(reference).await,
        }
    }

    /// Waits until a build would find more than the last one did.
    pub(super) async fn arrived(&mut self) {
        loop {
            let due: Vec<OciRef> = self
                .failures()
                .filter(|(_, f)| f.next <= Instant::now())
                .map(|(r, _)| r.clone())
                .collect();
            due.iter().for_each(|reference| self.ask(reference));
            let next = self.failures().map(|(_, failure)| failure.next).min();
            tokio::select! {
                Some(ended) = self.tasks.join_next() => {
                    if ended.is_ok_and(|(reference, outcome)| self.note(reference, outcome)) {
                        return;
                    }
                }
                () = self.host.compiled_late() => {
                    self.forget_pauses();
                    return;
                }
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
    }

    /// Whichever waited for the component that is compiled now asks for it again.
    fn forget_pauses(&mut self) {
        for pull in self.pulls.values_mut() {
            if let Pull::Failed(failure) = pull {
                failure.next = Instant::now();
            }
        }
    }

    fn failures(&self) -> impl Iterator<Item = (&OciRef, &Failure)> {
        self.pulls.iter().filter_map(|(reference, pull)| match pull {
            Pull::Failed(failure) => Some((reference, failure)),
            Pull::UnderWay(_) | Pull::Here(_) => None,
        })
    }

    fn place(&self, adapter: &AdapterRef) -> Result<ComponentRef, String> {
        if let Some(compiled) = adapter.compiled() {
            let file = self.folder.join(compiled.component()).with_extension("wasm");
            return Ok(ComponentRef::File(file));
        }
        ComponentRef::parse(adapter.name(), &self.folder).map_err(|cause| cause.to_string())
    }

    /// Starts a pull unless it is under way, done, or to be left alone for now.
    fn ask(&mut self, reference: &OciRef) {
        self.asked.insert(reference.clone());
        let before = match self.pulls.get(reference) {
            None => None,
            Some(Pull::Failed(failure)) if failure.next <= Instant::now() => Some(failure.clone()),
            Some(_) => return,
        };
        let (host, pulled) = (Arc::clone(&self.host), reference.clone());
        self.tasks.spawn(async move {
            let outcome = host.pull(pulled.clone()).await;
            (pulled, outcome.map_err(|cause| cause.to_string()))
        });
        self.pulls.insert(reference.clone(), Pull::UnderWay(before));
    }

    async fn pulled(&mut self, reference: OciRef) -> Result<Arc<Component>, String> {
        self.ask(&reference);
        loop {
            match &self.pulls[&reference] {
                Pull::Here(component) => return Ok(Arc::clone(component)),
                Pull::Failed(failure) => {
                    let again = failure.next.saturating_duration_since(Instant::now());
                    return Err(format!(
                        "{}; it is tried again in {} s",
                        failure.cause,
                        again.as_secs() + 1
                    ));
                }
                Pull::UnderWay(before) => {
                    let before =
                        before.as_ref().map(|failure| format!(", after: {}", failure.cause));
                    match timeout_at(self.patience, self.tasks.join_next()).await {
                        Ok(Some(Ok((reference, outcome)))) => {
                            self.note(reference, outcome);
                        }
                        _ => {
                            let before = before.unwrap_or_default();
                            return Err(format!("{reference} is being pulled{before}"));
                        }
                    }
                }
            }
        }
    }

    /// Notes how a pull ended, and whether that is news.
    fn note(&mut self, reference: OciRef, outcome: Result<Arc<Component>, String>) -> bool {
        let before = match self.pulls.get(&reference) {
            Some(Pull::UnderWay(before)) => before.as_ref(),
            // Nobody names it any more.
            _ => return false,
        };
        let (pull, is_news) = match outcome {
            Ok(component) => {
                info!(%reference, "a component is pulled");
                (Pull::Here(component), true)
            }
            Err(cause) => {
                let pause = before.map_or(FIRST_PAUSE, |b| (b.pause * 2).min(LONGEST_PAUSE));
                let is_news = before.is_none_or(|before| before.cause != cause);
                if is_news {
                    warn!(%reference, cause, "a component cannot be pulled");
                }
                (Pull::Failed(Failure { cause, pause, next: Instant::now() + pause }), is_news)
            }
        };
        self.pulls.insert(reference, pull);
        is_news
    }
}

/// The adapter's name in logs and metrics.
fn short_name(adapter: &AdapterRef, place: &ComponentRef) -> String {
    match adapter.compiled() {
        Some(compiled) => compiled.component().to_owned(),
        None => place.short_name().to_owned(),
    }
}
