//! Keeps the watch of generations: starts it, notices its end, starts it again.

use std::rc::Rc;

use super::Control;
use crate::check::unary_headers;
use crate::config::ConfigId;
use crate::generations::WATCH_SILENCE;
use crate::grpc::UnaryReply;
use crate::host::{CallId, ControlHost, LogLevel, Moment, OutboundCall};
use crate::stats::Counter;
use crate::watch::{self, WatchReader};

/// The watch, or when there will be one.
pub(super) enum Watch {
    Waiting { until: Moment },
    Open(OpenWatch),
}

/// A watch whose stream is open.
pub(super) struct OpenWatch {
    pub(super) config: ConfigId,
    pub(super) call: CallId,
    pub(super) reader: WatchReader,
    pub(super) reply: UnaryReply,
    pub(super) heard: Moment,
}

/// Whether the stream of a watch that ends still has to be ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Reset,
    AlreadyOver,
}

impl Control {
    pub(super) fn give_up_silent_watch(&self, now: Moment) {
        let silent = matches!(&self.state.borrow().watch,
            Watch::Open(open) if now.since(open.heard) >= WATCH_SILENCE);
        if silent {
            self.end_watch(now, None, "no word for three seconds", Cut::Reset);
        }
    }

    pub(super) fn start_watch(&self, now: Moment) {
        let member = {
            let state = self.state.borrow();
            match (&state.watch, state.members.last()) {
                (Watch::Waiting { until }, Some(member)) if member.watches && now >= *until => {
                    (member.config.id(), Rc::clone(&member.host))
                }
                _ => return,
            }
        };
        let (config, host) = member;
        let frame = watch::request(self.mixer.filter_id());
        let started = host.start_call(&OutboundCall {
            cluster: self.mixer.cluster(),
            headers: &unary_headers(watch::PATH),
            body: frame.bytes(),
            timeout: None,
        });
        match started {
            Ok(call) => {
                self.state.borrow_mut().watch = Watch::Open(OpenWatch {
                    config,
                    call,
                    reader: WatchReader::default(),
                    reply: UnaryReply::new(0),
                    heard: now,
                });
            }
            Err(failure) => self.retry_watch(now, None, failure.reason()),
        }
    }

    pub(super) fn end_watch(&self, now: Moment, status: Option<u32>, reason: &str, cut: Cut) {
        let open = {
            let mut state = self.state.borrow_mut();
            std::mem::replace(&mut state.watch, Watch::Waiting { until: Moment::NEVER })
        };
        self.mixer.generations.watch().cut(now);
        self.retry_watch(now, status, reason);
        if let (Watch::Open(open), Cut::Reset) = (open, cut) {
            let host = self.state.borrow().host_of(open.config);
            if let Some(host) = host {
                // The reset hook runs inside this call and finds the watch gone.
                host.reset_call(open.call);
            }
        }
    }

    fn retry_watch(&self, now: Moment, status: Option<u32>, reason: &str) {
        let delay = {
            let mut state = self.state.borrow_mut();
            let delay = state.backoff.failed(status);
            reason.clone_into(&mut state.watch_failure);
            state.watch = Watch::Waiting { until: now.plus(delay) };
            delay
        };
        self.mixer.bell.ring_within(delay);
        if let Some(host) = self.host() {
            host.count(Counter::WatchFailures, 1);
            self.show(&*host, now);
        }
    }

    /// Logs that the watch lives or does not, once for each change. A watch that is back by the next
    /// run, or that ends with the process, is not worth a line.
    pub(super) fn log_watch(&self, host: &dyn ControlHost, now: Moment) {
        let alive = self.mixer.generations.watch().dead_since(now).is_none();
        let mut state = self.state.borrow_mut();
        if state.logged_alive.replace(alive) == Some(alive) {
            return;
        }
        let reason = &state.watch_failure;
        let cluster = self.mixer.cluster();
        if alive {
            let line = format!("mixmesh: the watch of policy is alive; cluster={cluster}");
            host.log(LogLevel::Info, &line);
        } else {
            let line = format!(
                "mixmesh: the watch of policy is dead, so every namespace is checked and kept answers \
                 count for a short time; cluster={cluster} reason={reason:?}"
            );
            host.log(LogLevel::Warn, &line);
        }
    }
}
