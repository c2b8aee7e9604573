use std::time::{Duration, Instant};

use futures_util::{StreamExt, pin_mut};
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::client::{CALL_LIMIT, KubernetesError, discover, is_gone, is_not_served, silent};
use super::object::{name_of, object};
use crate::source::{Backoff, Event, Scope, explain};

/// How often the server is asked which kinds it has.
const DISCOVERY: Duration = Duration::from_secs(5);
/// Objects asked for at once; an object has 1.5 MiB at most.
const PAGE: u32 = 100;
/// After so long the server ends a watch in order.
const WATCH_SECONDS: u32 = 60;
/// How much later it must have ended.
const GRACE: Duration = Duration::from_secs(15);
/// A watch that ends sooner is not begun again sooner: something on the way may end all of them at once.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);
/// How often a kind that is not served is looked for.
const ABSENT: Duration = Duration::from_secs(5);

/// What is told of the server.
#[derive(Debug)]
pub(super) enum Told {
    /// Which kinds it has, or why it does not say.
    Kinds(Result<Vec<ApiResource>, String>),
    /// Something of one scope.
    Of(Scope, News),
}

/// What a watcher tells of its scope.
#[derive(Debug)]
pub(super) enum News {
    /// Something of the inventory, at a version.
    Event(Event, Option<String>),
    /// The kind is not served.
    Absent,
    /// Changes are not noticed now.
    Broken(String),
}

/// Follows one kind, in one namespace or all.
pub(super) struct Watcher {
    pub(super) scope: Scope,
    pub(super) resource: ApiResource,
    pub(super) api: Api<DynamicObject>,
    pub(super) told: mpsc::Sender<Told>,
}

/// Asks the server which kinds it has, and asks again, until nobody listens any more.
pub(super) async fn keep_discovering(client: Client, told: mpsc::Sender<Told>) {
    let mut backoff = Backoff::new();
    loop {
        let (kinds, pause) = match discover(&client).await {
            Ok(kinds) => {
                backoff = Backoff::new();
                (Ok(kinds), DISCOVERY)
            }
            Err(error) => (Err(explain(&error)), backoff.delay()),
        };
        if told.send(Told::Kinds(kinds)).await.is_err() {
            return;
        }
        sleep(pause).await;
    }
}

/// How a watch ended that has not failed.
enum End {
    /// In order.
    Over,
    /// The version is too old: list again.
    Gone,
}

/// Whoever listens has gone; so do we.
struct Unheard;

impl Watcher {
    /// Lists and watches until nobody listens any more.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new();
        loop {
            let begun = Instant::now();
            let pause = match self.list_and_watch().await {
                // A page of a list can be too old for the server as well.
                Ok(Err(KubernetesError::List { cause, .. })) if is_gone(&cause) => SHORTEST_WATCH,
                Ok(Ok(())) => SHORTEST_WATCH.saturating_sub(begun.elapsed()),
                Ok(Err(KubernetesError::List { cause, .. })) if is_not_served(&cause) => {
                    if self.tell(News::Absent).await.is_err() {
                        return;
                    }
                    ABSENT
                }
                Ok(Err(error)) => {
                    if self.tell(News::Broken(explain(&error))).await.is_err() {
                        return;
                    }
                    backoff.connection_lasted(begun.elapsed());
                    backoff.delay()
                }
                Err(Unheard) => return,
            };
            sleep(pause).await;
        }
    }

    /// Returns when the kind is to be listed again.
    async fn list_and_watch(&self) -> Result<Result<(), KubernetesError>, Unheard> {
        let mut version = match self.list().await? {
            Ok(version) => version,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            let begun = Instant::now();
            match self.watch(&mut version).await? {
                Ok(End::Over) => sleep(SHORTEST_WATCH.saturating_sub(begun.elapsed())).await,
                Ok(End::Gone) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Tells all objects and returns the version at which that was so.
    async fn list(&self) -> Result<Result<String, KubernetesError>, Unheard> {
        self.tell(News::Event(Event::Init, None)).await?;
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = match timeout(CALL_LIMIT, self.api.list(&page)).await {
                Err(_) => return Ok(Err(silent(&self.scope, CALL_LIMIT))),
                Ok(Ok(list)) => list,
                Ok(Err(cause)) => {
                    let (kind, cause) = (self.scope.to_string(), Box::new(cause));
                    return Ok(Err(KubernetesError::List { kind, cause }));
                }
            };
            for one in list.items {
                let event = Event::InitApply(object(&self.resource, one));
                self.tell(News::Event(event, None)).await?;
            }
            page.continue_token = list.metadata.continue_.filter(|token| !token.is_empty());
            if page.continue_token.is_some() {
                continue;
            }
            let Some(version) = list.metadata.resource_version.filter(|v| !v.is_empty()) else {
                return Ok(Err(KubernetesError::Strange { kind: self.scope.to_string() }));
            };
            self.tell(News::Event(Event::InitDone, Some(version.clone()))).await?;
            return Ok(Ok(version));
        }
    }

    /// Tells changes after `version`, and moves it on with them.
    async fn watch(&self, version: &mut String) -> Result<Result<End, KubernetesError>, Unheard> {
        let params = WatchParams::default().timeout(WATCH_SECONDS);
        let failed = |cause: kube::Error| match is_gone(&cause) {
            true => Ok(End::Gone),
            false => {
                Err(KubernetesError::Watch { kind: self.scope.to_string(), cause: Box::new(cause) })
            }
        };
        let events = match timeout(CALL_LIMIT, self.api.watch(&params, version)).await {
            Err(_) => return Ok(Err(silent(&self.scope, CALL_LIMIT))),
            Ok(Err(cause)) => return Ok(failed(cause)),
            Ok(Ok(events)) => events,
        };
        pin_mut!(events);
        let limit = Duration::from_secs(WATCH_SECONDS.into()) + GRACE;
        loop {
            let event = match timeout(limit, events.next()).await {
                Err(_) => return Ok(Err(silent(&self.scope, limit))),
                Ok(None) => return Ok(Ok(End::Over)),
                Ok(Some(Err(cause))) => return Ok(failed(cause)),
                Ok(Some(Ok(event))) => event,
            };
            let (event, now) = match event {
                WatchEvent::Added(one) | WatchEvent::Modified(one) => {
                    let now = one.metadata.resource_version.clone();
                    (Event::Apply(object(&self.resource, one)), now)
                }
                WatchEvent::Deleted(one) => {
                    let now = one.metadata.resource_version.clone();
                    (Event::Delete(name_of(&self.resource, &one)), now)
                }
                WatchEvent::Bookmark(mark) => {
                    *version = mark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(status) if status.code == 410 => return Ok(Ok(End::Gone)),
                WatchEvent::Error(status) => {
                    let (kind, message) = (self.scope.to_string(), status.message);
                    return Ok(Err(KubernetesError::Ended { kind, message }));
                }
            };
            if let Some(now) = &now {
                version.clone_from(now);
            }
            self.tell(News::Event(event, now)).await?;
        }
    }

    async fn tell(&self, news: News) -> Result<(), Unheard> {
        let told = Told::Of(Scope::clone(&self.scope), news);
        self.told.send(told).await.map_err(|_| Unheard)
    }
}
