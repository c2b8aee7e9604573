use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use mesh_attributes::AttributeBag;

use super::{FailPolicies, RetryPolicy, RouteConfig, RouteId, Settings, Switch};
use crate::attributes::{self, Statics, TokenSource};
use crate::destination::Destination;
use crate::mixer::Mixer;
use crate::quota::QuotaSpecs;

/// Routes whose merged configuration is kept. Envoy makes new route configurations with each update;
/// when there are more, all are merged anew.
const MAX_ROUTES: usize = 4096;

/// One listener's filter, as all its workers see it.
#[derive(Debug)]
pub struct FilterConfig {
    id: ConfigId,
    settings: Settings,
    mixer: Arc<Mixer>,
    listener: Scope,
    routes: ArcSwap<HashMap<RouteId, Arc<Scope>>>,
    retired: AtomicBool,
}

/// Names a configuration within the process; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConfigId(u64);

/// What holds for one request: what the listener says with what the route says laid over it.
#[derive(Debug)]
pub struct Scope {
    /// Whether requests are checked.
    pub check: Switch,
    /// Whether requests are reported.
    pub report: Switch,
    /// What happens when Mixer cannot be reached.
    pub policies: FailPolicies,
    /// How calls are made again.
    pub retry: RetryPolicy,
    /// What requests are charged.
    pub quotas: Arc<QuotaSpecs>,
    /// What is handed on to the next proxy, as the header's value.
    pub forward: Option<Box<str>>,
    /// Where verified tokens are.
    pub token: Option<TokenSource>,
    /// The attributes that configuration states.
    pub statics: Statics,
    /// Where such requests go, as far as configuration knows.
    pub destination: Arc<Destination>,
}

/// A scope, borrowed from a listener or shared with a route.
#[derive(Debug, Clone)]
pub enum ScopeRef<'c> {
    /// The listener's own.
    Listener(&'c Scope),
    /// A route's.
    Route(Arc<Scope>),
}

impl FilterConfig {
    /// A configuration for requests that are checked by `mixer`.
    pub fn new(settings: Settings, mixer: Arc<Mixer>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let destination = mixer.destination(&settings.attributes);
        let listener = Scope {
            check: settings.check,
            report: settings.report,
            policies: settings.fail_policy,
            retry: settings.retry,
            quotas: Arc::clone(&settings.quotas),
            forward: header_of(&settings.forward),
            token: settings.token.clone(),
            statics: Statics::new(&settings.attributes),
            destination,
        };
        Self {
            id: ConfigId(NEXT.fetch_add(1, Ordering::Relaxed)),
            settings,
            mixer,
            listener,
            routes: ArcSwap::default(),
            retired: AtomicBool::new(false),
        }
    }

    /// What this configuration is called in the process.
    pub fn id(&self) -> ConfigId {
        self.id
    }

    /// What was configured.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The Mixer that answers.
    pub fn mixer(&self) -> &Arc<Mixer> {
        &self.mixer
    }

    /// What holds for a request of this route. The first request of a route pays for the merge.
    pub fn scope(&self, route: Option<&RouteConfig>) -> ScopeRef<'_> {
        let Some(route) = route else { return ScopeRef::Listener(&self.listener) };
        if let Some(scope) = self.routes.load().get(&route.id) {
            return ScopeRef::Route(Arc::clone(scope));
        }
        let scope = Arc::new(self.merge(route));
        self.routes.rcu(|routes| {
            let mut routes =
                if routes.len() < MAX_ROUTES { HashMap::clone(routes) } else { HashMap::new() };
            routes.insert(route.id, Arc::clone(&scope));
            routes
        });
        ScopeRef::Route(scope)
    }

    /// Says that Envoy has destroyed the configuration: workers let go of what they keep for it.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Whether Envoy has destroyed the configuration.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn merge(&self, route: &RouteConfig) -> Scope {
        let listener = &self.listener;
        let attributes = merged(&self.settings.attributes, &route.attributes);
        Scope {
            check: route.check.unwrap_or(listener.check),
            report: route.report.unwrap_or(listener.report),
            policies: FailPolicies {
                check: listener.policies.check.changed(route.check_policy),
                report: route.report_policy.unwrap_or(listener.policies.report),
            },
            retry: listener.retry.changed(route.retry),
            quotas: Arc::clone(route.quotas.as_ref().unwrap_or(&listener.quotas)),
            forward: header_of(&merged(&self.settings.forward, &route.forward)),
            token: route.token.as_ref().or(listener.token.as_ref()).cloned(),
            statics: Statics::new(&attributes),
            destination: self.mixer.destination(&attributes),
        }
    }
}

/// `below` with `above` laid over it.
fn merged(below: &AttributeBag, above: &AttributeBag) -> AttributeBag {
    let mut merged = below.clone();
    for (name, value) in above.iter() {
        merged.set(name.as_str(), value.clone());
    }
    merged
}

fn header_of(forward: &AttributeBag) -> Option<Box<str>> {
    (!forward.is_empty()).then(|| attributes::forward(forward).into())
}

impl Deref for ScopeRef<'_> {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        match self {
            Self::Listener(scope) => scope,
            Self::Route(scope) => scope,
        }
    }
}
