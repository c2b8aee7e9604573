//! The half of the filter that runs on Envoy's main thread, once for each Mixer: it keeps the watch,
//! sends reports and sets gauges.
//!
//! Calls are started by [`Control::run`] alone, which only Envoy's running event loop reaches: the hooks
//! of calls and configurations also run while a process that ends takes its clusters apart, and a call
//! that is started then brings Envoy down. They ring the bell instead.

mod draining;
mod prefetching;
mod sending;
mod watching;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use self::draining::Farewell;
use self::sending::{Cargo, Fate, Flight};
use self::watching::{Cut, Watch};
use crate::config::{ConfigId, FilterConfig};
use crate::grpc::CallFailure;
use crate::host::{CallId, ControlHost, Moment, Notify, RawHeader};
use crate::mixer::Mixer;
use crate::stats::{Counter, Gauge};
use crate::ticker::Ticker;
use crate::watch::Backoff;

/// Runs come at least so often, or silence would be noticed late.
const LONGEST_INTERVAL: Duration = Duration::from_secs(1);

/// The main-thread half for one Mixer.
pub struct Control {
    mixer: Arc<Mixer>,
    ticker: RefCell<Ticker>,
    state: RefCell<State>,
}

struct State {
    /// In order of creation; the newest one's host makes the calls.
    members: Vec<Member>,
    watch: Watch,
    backoff: Backoff,
    /// Whether the log says that the watch is alive.
    logged_alive: Option<bool>,
    /// Why the last watch ended.
    watch_failure: String,
    flights: HashMap<(ConfigId, CallId), Flight>,
    sequence: u64,
    /// `None` when the next run is to flush, however soon it comes.
    flushed: Option<Moment>,
    /// Who waits for the last report of a process that ends.
    farewell: Option<Farewell>,
}

struct Member {
    config: Arc<FilterConfig>,
    host: Rc<dyn ControlHost>,
    /// Whether its host can keep a stream open.
    watches: bool,
}

thread_local! {
    static CONTROLS: RefCell<Vec<Rc<Control>>> = const { RefCell::new(Vec::new()) };
}

impl Control {
    /// The main-thread half for `mixer`.
    pub fn new(mixer: &Arc<Mixer>) -> Self {
        Self {
            mixer: Arc::clone(mixer),
            ticker: RefCell::new(Ticker::new(&mixer.bell)),
            state: RefCell::new(State {
                members: Vec::new(),
                watch: Watch::Waiting { until: Moment::default() },
                backoff: Backoff::new(mixer.seed()),
                // Not having heard yet is no news.
                logged_alive: Some(false),
                watch_failure: String::new(),
                flights: HashMap::new(),
                sequence: 0,
                flushed: None,
                farewell: None,
            }),
        }
    }

    /// This thread's control for `mixer`, made when there is none. Called on the main thread alone.
    pub fn of_this_thread(mixer: &Arc<Mixer>) -> Rc<Self> {
        CONTROLS.with_borrow_mut(|controls| {
            let known = controls.iter().find(|control| Arc::ptr_eq(&control.mixer, mixer));
            known.cloned().unwrap_or_else(|| {
                let control = Rc::new(Self::new(mixer));
                controls.push(Rc::clone(&control));
                control
            })
        })
    }

    /// Adds a configuration, which from now on makes the calls, and starts the watch. Without
    /// `notifier` nothing ticks: Envoy only validates its configuration.
    ///
    /// # Errors
    /// When the ticker's thread cannot be started.
    pub fn join(
        &self,
        config: &Arc<FilterConfig>,
        host: Rc<dyn ControlHost>,
        notifier: Option<Box<dyn Notify>>,
    ) -> std::io::Result<()> {
        let now = host.now();
        let interval = config.settings().report_batch_time.min(LONGEST_INTERVAL);
        let Some(notifier) = notifier else { return Ok(()) };
        self.ticker.borrow_mut().add(config.id(), notifier, interval)?;
        let member = Member { config: Arc::clone(config), host, watches: true };
        self.state.borrow_mut().members.push(member);
        self.mixer.reports.set_sender(true);
        self.run(now);
        Ok(())
    }

    /// Adds a configuration that sends reports while there is no other. Its host can keep no stream
    /// open, so that there is no watch then.
    ///
    /// # Errors
    /// When the ticker's thread cannot be started.
    pub fn join_as_stand_in(
        &self,
        config: &Arc<FilterConfig>,
        host: Rc<dyn ControlHost>,
        notifier: Box<dyn Notify>,
    ) -> std::io::Result<()> {
        let interval = config.settings().report_batch_time.min(LONGEST_INTERVAL);
        self.ticker.borrow_mut().add_stand_in(config.id(), notifier, interval)?;
        let member = Member { config: Arc::clone(config), host, watches: false };
        self.state.borrow_mut().members.insert(0, member);
        self.mixer.reports.set_sender(true);
        self.mixer.bell.ring();
        Ok(())
    }

    /// Removes a configuration, whose calls end without a word. Another takes over its watch; without
    /// another, what is pending is lost.
    pub fn leave(&self, config: ConfigId) {
        self.ticker.borrow_mut().remove(config);
        let Some(host) = self.state.borrow_mut().remove(config) else { return };
        let now = host.now();
        let cut: Vec<Flight> = {
            let mut state = self.state.borrow_mut();
            let of_config = |owner: &ConfigId| *owner == config;
            state.flights.extract_if(|(owner, _), _| of_config(owner)).map(|(_, f)| f).collect()
        };
        for flight in cut {
            match flight.cargo {
                Cargo::Report(requests) => self.settle(&*host, requests, Fate::Unknown),
                Cargo::Prefetch(ticket, asked) => self.settle_prefetch(&ticket, asked, None, now),
            }
        }
        let last = {
            let mut state = self.state.borrow_mut();
            if matches!(&state.watch, Watch::Open(open) if open.config == config) {
                // Nothing is wrong with the watch itself: what was heard stays good for its time.
                state.watch = Watch::Waiting { until: now };
            }
            state.members.is_empty()
        };
        if last {
            self.mixer.reports.set_sender(false);
            self.mixer.generations.watch().cut(now);
            let dropped = self.mixer.reports.flush();
            self.settle(&*host, dropped, Fate::Lost);
            while let Some(batch) = self.mixer.reports.next() {
                self.settle(&*host, batch.requests, Fate::Lost);
            }
            let this: *const Self = self;
            CONTROLS.with_borrow_mut(|controls| {
                controls.retain(|control| !std::ptr::eq(Rc::as_ptr(control), this));
            });
        } else {
            self.mixer.bell.ring();
        }
    }

    /// Does what is due.
    pub fn run(&self, now: Moment) {
        let Some(host) = self.host() else { return };
        self.give_up_silent_watch(now);
        self.start_watch(now);
        self.flush(&*host, now);
        self.send_reports(&*host);
        self.prefetch_quotas(&*host, now);
        self.show(&*host, now);
        self.log_watch(&*host, now);
        self.say_farewell(now);
    }

    /// Headers or trailers of an answer to a call of `config`.
    pub fn on_call_headers<'h>(
        &self,
        config: ConfigId,
        call: CallId,
        headers: impl Iterator<Item = RawHeader<'h>>,
    ) {
        let mut state = self.state.borrow_mut();
        let reply = match &mut state.watch {
            Watch::Open(open) if (open.config, open.call) == (config, call) => &mut open.reply,
            _ => match state.flights.get_mut(&(config, call)) {
                Some(flight) => &mut flight.reply,
                None => return,
            },
        };
        for (name, value) in headers {
            reply.header(name, value);
        }
    }

    /// Data of an answer to a call of `config`.
    pub fn on_call_data(&self, config: ConfigId, call: CallId, data: &[u8], now: Moment) {
        let mut events = 0;
        let failed = {
            let mut state = self.state.borrow_mut();
            let State { watch, flights, backoff, .. } = &mut *state;
            match watch {
                Watch::Open(open) if (open.config, open.call) == (config, call) => {
                    let generations = &self.mixer.generations;
                    let read = open.reader.read(data, |event| {
                        events += 1;
                        generations.announce(&event, now);
                    });
                    if events > 0 {
                        open.heard = now;
                        backoff.succeeded();
                    }
                    read.err()
                }
                _ => {
                    if let Some(flight) = flights.get_mut(&(config, call)) {
                        // More than an answer ever has is of no interest: the status decides.
                        flight.reply.data(data);
                    }
                    None
                }
            }
        };
        if let Some(host) = self.host() {
            if events > 0 {
                host.count(Counter::WatchEvents, events);
                self.show(&*host, now);
            }
            if let Some(error) = failed {
                self.end_watch(now, None, &error.to_string(), Cut::Reset);
            }
        }
    }

    /// A call of `config` has ended by itself.
    pub fn on_call_complete(&self, config: ConfigId, call: CallId, now: Moment) {
        let watch_failure = match &mut self.state.borrow_mut().watch {
            Watch::Open(open) if (open.config, open.call) == (config, call) => {
                Some(open.reply.status_failure())
            }
            _ => None,
        };
        if let Some(failure) = watch_failure {
            self.end_watch(now, Some(failure.status), &failure.reason, Cut::AlreadyOver);
        } else if let Some(Flight { mut reply, cargo }) = self.take_flight(config, call) {
            match cargo {
                Cargo::Report(requests) => {
                    let fate = match reply.finish() {
                        Ok(_) => Fate::Sent,
                        Err(CallFailure { unsent: true, .. }) => Fate::Lost,
                        Err(_) => Fate::Unknown,
                    };
                    self.land(requests, fate);
                }
                Cargo::Prefetch(ticket, asked) => {
                    self.settle_prefetch(&ticket, asked, Some(&mut reply), now);
                }
            }
        }
    }

    /// A call of `config` was cut off.
    pub fn on_call_reset(&self, config: ConfigId, call: CallId, now: Moment) {
        let is_watch = matches!(&self.state.borrow().watch,
            Watch::Open(open) if (open.config, open.call) == (config, call));
        if is_watch {
            self.end_watch(now, None, "the stream was reset", Cut::AlreadyOver);
        } else if let Some(flight) = self.take_flight(config, call) {
            match flight.cargo {
                Cargo::Report(requests) => self.land(requests, Fate::Unknown),
                Cargo::Prefetch(ticket, asked) => self.settle_prefetch(&ticket, asked, None, now),
            }
        }
    }

    /// The host of the newest configuration, which makes the calls.
    fn host(&self) -> Option<Rc<dyn ControlHost>> {
        self.state.borrow().members.last().map(|member| Rc::clone(&member.host))
    }

    fn show(&self, host: &dyn ControlHost, now: Moment) {
        let alive = self.mixer.generations.watch().dead_since(now).is_none();
        let (shapes, entries, bytes) = self.mixer.sizes();
        host.set(Gauge::WatchConnected, alive.into());
        host.set(Gauge::Namespaces, self.mixer.generations.len() as u64);
        host.set(Gauge::Shapes, shapes);
        host.set(Gauge::L1Entries, entries);
        host.set(Gauge::L1Bytes, bytes);
        host.set(Gauge::ReportsPending, self.mixer.reports.pending());
    }
}

impl State {
    fn remove(&mut self, config: ConfigId) -> Option<Rc<dyn ControlHost>> {
        let at = self.members.iter().position(|member| member.config.id() == config)?;
        Some(self.members.remove(at).host)
    }

    fn host_of(&self, config: ConfigId) -> Option<Rc<dyn ControlHost>> {
        let member = self.members.iter().find(|member| member.config.id() == config)?;
        Some(Rc::clone(&member.host))
    }
}

#[cfg(test)]
mod tests;
