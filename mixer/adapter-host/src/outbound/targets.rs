use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rustls::ClientConfig;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::health::Stage;
use super::http::{MAX_REQUESTS, Post};
use super::http_client::http_client;
use super::lead::Lead;
use super::queue::{Message, Refusal};
use super::status::TargetStatus;
use super::target::{Address, Protocol, Target, TargetSpec};
use super::tls::{Authorities, client_tls, no_tls};
use super::{http, tcp, udp};
use crate::{Handler, Limits, ParameterProblem};

/// Targets of one handler: each has a queue and a connection.
const MAX_TARGETS: usize = 8;

/// How long the end of a handler waits for what is queued to be sent.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// The targets of one handler, with the tasks that send to them.
#[derive(Debug)]
pub(crate) struct Targets {
    handler: String,
    parameters: Arc<Value>,
    limits: Limits,
    /// Whether the component exports `conversation`.
    converses: bool,
    /// What the first instance of the component opens while it is configured.
    named: Mutex<Vec<Arc<Target>>>,
    /// All, once it is configured.
    targets: OnceLock<Box<[Arc<Target>]>>,
    tasks: Mutex<JoinSet<()>>,
}

/// An instance of the component does other than the first one did.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the adapter opens other targets than in its first instance (target {position})")]
pub(crate) struct OtherTargets {
    position: usize,
}

impl Targets {
    pub(crate) fn new(
        handler: &str,
        parameters: &Arc<Value>,
        limits: &Limits,
        converses: bool,
    ) -> Self {
        Self {
            handler: handler.to_owned(),
            parameters: Arc::clone(parameters),
            limits: limits.clone(),
            converses,
            named: Mutex::default(),
            targets: OnceLock::new(),
            tasks: Mutex::default(),
        }
    }

    /// Names target number `position` of an instance that is being configured. Opens nothing. The inner
    /// error is a problem of the parameter.
    pub(crate) fn name(
        &self,
        position: usize,
        spec: TargetSpec,
    ) -> Result<Result<(), String>, OtherTargets> {
        if let Some(targets) = self.targets.get() {
            let same = targets.get(position).is_some_and(|target| target.spec == spec);
            return if same { Ok(Ok(())) } else { Err(OtherTargets { position }) };
        }
        if position >= MAX_TARGETS {
            return Ok(Err(format!("is one target too many: a handler has {MAX_TARGETS} at most")));
        }
        if spec.conversation && !self.converses {
            let problem = "is to be led by a conversation, which the adapter does not export";
            return Ok(Err(problem.to_owned()));
        }
        let target = match Target::new(spec, &self.handler, &self.parameters, &self.limits) {
            Ok(target) => target,
            Err(problem) => return Ok(Err(problem)),
        };
        self.named.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(target));
        Ok(Ok(()))
    }

    /// An instance is configured, and has named so many targets.
    pub(crate) fn all_named(&self, count: usize) -> Result<(), OtherTargets> {
        let named = || {
            let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *named).into_boxed_slice()
        };
        let targets = self.targets.get_or_init(named);
        if targets.len() == count { Ok(()) } else { Err(OtherTargets { position: count }) }
    }

    /// Queues a message; `None`: there is no such target.
    pub(crate) fn send(&self, target: u32, message: Message) -> Option<Result<(), Refusal>> {
        Some(self.all().get(target as usize)?.queue.push(message))
    }

    /// Prepares the sending, which is started by [`Self::start`]. Reads the authorities' files: the one
    /// thing that can fail.
    pub(crate) async fn prepare(&self) -> Result<Vec<Sending>, ParameterProblem> {
        let mut all = Vec::new();
        for target in self.all() {
            let tls = match &target.authorities {
                None => no_tls(),
                Some(authorities) => client_tls(authorities.clone()).await,
            };
            let tls = tls.map_err(|message| {
                let field = match target.authorities {
                    Some(Authorities::File(_)) => "ca_file".to_owned(),
                    _ => target.spec.parameter.clone(),
                };
                ParameterProblem { field, message }
            })?;
            all.push(Sending { target: Arc::clone(target), tls });
        }
        Ok(all)
    }

    /// Starts the sending. `handler` leads conversations.
    pub(crate) fn start(&self, all: Vec<Sending>, handler: &Weak<Handler>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, sending) in (0..).zip(all) {
            let lead = Lead { handler: Weak::clone(handler), target: number };
            sending.target.queue.open();
            sending.spawn(&mut tasks, lead, self.limits.outbound_deadline);
        }
    }

    /// Sends what is queued, for three seconds at most, and takes nothing more. Returns the elements that
    /// are lost.
    pub(crate) async fn close(&self) -> u64 {
        let mut tasks = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        self.all().iter().for_each(|target| target.queue.close());
        let all = async { while tasks.join_next().await.is_some() {} };
        let in_time = timeout(FLUSH_LIMIT, all).await.is_ok();
        if !in_time {
            tasks.shutdown().await;
        }
        let mut lost = 0;
        for target in self.all() {
            let elements = target.queue.abandon();
            target.health.is(Stage::Closed);
            if elements > 0 {
                let (handler, target) = (&self.handler, &target.spec.parameter);
                tracing::error!(
                    handler,
                    target,
                    elements,
                    "elements for a target of an adapter are lost: the handler is closed and the target did not take them"
                );
            }
            lost += elements;
        }
        lost
    }

    pub(crate) fn status(&self) -> Vec<TargetStatus> {
        self.all().iter().map(|target| target.status()).collect()
    }

    fn all(&self) -> &[Arc<Target>] {
        self.targets.get().map_or(&[], |targets| targets)
    }
}

/// A target with what is needed to send to it.
#[derive(Debug)]
pub(crate) struct Sending {
    target: Arc<Target>,
    tls: Arc<ClientConfig>,
}

impl Sending {
    fn spawn(self, tasks: &mut JoinSet<()>, lead: Lead, limit: Duration) {
        let Self { target, tls } = self;
        match target.address.clone() {
            Address::Socket(address) if target.spec.protocol == Protocol::Udp => {
                tasks.spawn(udp::run(target, address));
            }
            Address::Socket(address) => {
                let lead = target.spec.conversation.then_some(lead);
                let tls = address.tls.then_some(tls);
                tasks.spawn(tcp::run(target, address, tls, lead, limit));
            }
            Address::Http { url, headers, gzip } => {
                let client = http_client(&tls, MAX_REQUESTS);
                tasks.spawn(http::run(Post { target, client, url, headers, gzip, limit }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn udp(parameter: &str) -> TargetSpec {
        TargetSpec {
            parameter: parameter.to_owned(),
            protocol: Protocol::Udp,
            assembling: None,
            http: None,
            conversation: false,
        }
    }

    #[test]
    fn all_instances_open_the_same_targets_in_the_same_order() {
        let parameters = Arc::new(json!({ "a": "h:1", "b": "h:2" }));
        let targets = Targets::new("handler", &parameters, &Limits::default(), false);
        targets.name(0, udp("a")).unwrap().unwrap();
        assert!(targets.name(1, udp("c")).unwrap().is_err(), "is no parameter");
        targets.name(1, udp("b")).unwrap().unwrap();
        targets.all_named(2).unwrap();
        targets.name(0, udp("a")).unwrap().unwrap();
        targets.name(1, udp("b")).unwrap().unwrap();
        targets.all_named(2).unwrap();
        assert_eq!(targets.name(0, udp("b")), Err(OtherTargets { position: 0 }));
        assert_eq!(targets.name(2, udp("a")), Err(OtherTargets { position: 2 }));
        assert_eq!(targets.all_named(1), Err(OtherTargets { position: 1 }));
    }

    #[test]
    fn conversations_need_a_component_that_leads_them() {
        let parameters = Arc::new(json!({ "a": "h:1" }));
        let spec = TargetSpec { protocol: Protocol::Tcp, conversation: true, ..udp("a") };
        for (converses, is_taken) in [(false, false), (true, true)] {
            let targets = Targets::new("handler", &parameters, &Limits::default(), converses);
            assert_eq!(targets.name(0, spec.clone()).unwrap().is_ok(), is_taken);
        }
    }
}
