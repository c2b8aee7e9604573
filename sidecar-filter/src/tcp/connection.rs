use std::cell::RefCell;
use std::rc::Rc;

use mesh_attributes::Span;

use crate::attributes::{ConnectionBag, RequestBag, Traffic};
use crate::config::Switch;
use crate::filter::{Filter, Flow, timestamp};
use crate::grpc::UnaryReply;
use crate::host::{CallId, ConnectionHost, Moment, RawHeader, WakeEvent};
use crate::stats::Counter;
use crate::ticker::Tick;
use crate::worker::Site;

/// One connection.
pub struct Connection {
    filter: Filter,
    site: Rc<Site>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    began: Moment,
    total: Traffic,
    reported: Traffic,
    /// Bytes of the client that wait in the proxy for the decision.
    held: u64,
    /// The next report of a connection that lasts.
    tick: Option<Tick>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client is not known yet.
    #[default]
    New,
    Asking,
    Open,
    Refused,
    Over,
}

/// What has happened to a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Open,
    Continue,
    Close,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Continue => "continue",
            Self::Close => "close",
        }
    }
}

impl Connection {
    /// A connection of which nothing is known yet.
    pub fn new(site: &Rc<Site>) -> Self {
        Self { filter: Filter::new(site), site: Rc::clone(site), state: RefCell::default() }
    }

    /// The client is known: asks whether it may connect.
    pub fn on_open<H: ConnectionHost>(&self, host: &mut H) -> Flow {
        {
            let mut state = self.state.borrow_mut();
            if state.phase != Phase::New {
                return Flow::Wait;
            }
            state.phase = Phase::Asking;
            state.began = host.now();
        }
        let flow = self.filter.on_request_headers(host);
        self.follow(host, flow)
    }

    /// A wake-up that the check asked for.
    pub fn on_scheduled<H: ConnectionHost>(&self, host: &mut H, event: WakeEvent) -> Flow {
        let flow = self.filter.on_scheduled(host, event);
        self.follow(host, flow)
    }

    /// The whole answer to this connection's call. `headers` are all that the proxy shows: it keeps
    /// trailers to itself, so that a whole message without a status stands for success.
    pub fn on_answer<'h, H: ConnectionHost>(
        &self,
        host: &mut H,
        call: CallId,
        headers: impl Iterator<Item = RawHeader<'h>> + Clone,
        chunks: impl Iterator<Item = &'h [u8]>,
    ) -> Flow {
        self.filter.on_call_headers(call, UnaryReply::complete(headers));
        for chunk in chunks {
            let flow = self.filter.on_call_data(host, call, chunk);
            if !matches!(flow, Flow::Wait) {
                return self.follow(host, flow);
            }
        }
        let flow = self.filter.on_call_complete(host, call);
        self.follow(host, flow)
    }

    /// There is no answer: the call was cut off.
    pub fn on_no_answer<H: ConnectionHost>(&self, host: &mut H, call: CallId) -> Flow {
        let flow = self.filter.on_call_reset(host, call);
        self.follow(host, flow)
    }

    /// The client has sent; `buffered` bytes wait to go on. Says whether they may.
    pub fn on_read(&self, buffered: usize) -> bool {
        let mut state = self.state.borrow_mut();
        match state.phase {
            Phase::Open => {
                state.total.received += buffered as u64;
                true
            }
            // Shown once more with what comes later, but not when it is let go.
            Phase::New | Phase::Asking => {
                state.held = buffered as u64;
                false
            }
            Phase::Refused | Phase::Over => false,
        }
    }

    /// So many bytes go to the client.
    pub fn on_write(&self, bytes: usize) {
        self.state.borrow_mut().total.sent += bytes as u64;
    }

    /// The interval that [`ConnectionHost::tick_after`] was asked for is over.
    pub fn on_tick<H: ConnectionHost>(&self, host: &H) {
        if self.state.borrow().phase == Phase::Open {
            self.report(host, Event::Continue);
            self.rest(host);
        }
    }

    /// The connection has ended.
    pub fn on_close<H: ConnectionHost>(&self, host: &H) {
        self.filter.abandon(host);
        let before = {
            let mut state = self.state.borrow_mut();
            drop(state.tick.take());
            std::mem::replace(&mut state.phase, Phase::Over)
        };
        if !matches!(before, Phase::New | Phase::Over) {
            self.report(host, Event::Close);
        }
    }

    /// The connection goes away. Harmless when it has ended.
    pub fn on_destroy(&self) {
        self.filter.on_destroy();
        if let Ok(mut state) = self.state.try_borrow_mut() {
            drop(state.tick.take());
        }
    }

    /// A hook of this connection panicked; see [`Filter::on_panic`].
    pub fn on_panic(&self) {
        self.filter.on_panic();
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.phase = Phase::Refused;
        }
    }

    fn follow<H: ConnectionHost>(&self, host: &H, flow: Flow) -> Flow {
        let opened = {
            let mut state = self.state.borrow_mut();
            match flow {
                _ if state.phase != Phase::Asking => return Flow::Wait,
                Flow::Wait => false,
                Flow::Continue => {
                    state.phase = Phase::Open;
                    state.total.received += std::mem::take(&mut state.held);
                    true
                }
                Flow::Reply(_) => {
                    state.phase = Phase::Refused;
                    false
                }
            }
        };
        if opened {
            self.report(host, Event::Open);
            self.rest(host);
        }
        flow
    }

    /// Waits for the next report.
    fn rest<H: ConnectionHost>(&self, host: &H) {
        let settings = self.site.config.settings();
        if settings.report == Switch::On {
            let tick = host.tick_after(settings.report_interval);
            self.state.borrow_mut().tick = tick;
        }
    }

    fn report<H: ConnectionHost>(&self, host: &H, event: Event) {
        let config = &self.site.config;
        let scope = config.scope(None);
        if scope.report == Switch::Off {
            return;
        }
        let (total, reported, began) = {
            let mut state = self.state.borrow_mut();
            let total = state.total;
            let reported = std::mem::replace(&mut state.reported, total);
            (total, reported, state.began)
        };
        let duration = (event == Event::Close).then(|| {
            let nanos = host.now().since(began).as_nanos();
            Span::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
        });
        let worker = &self.site.worker;
        if !worker.mixer().reports.has_sender() {
            host.count(Counter::Reports, 1);
            host.count(Counter::ReportsLost, 1);
            return;
        }
        let wall = timestamp(host.wall_clock());
        let bag = RequestBag::new(host, &scope.statics, wall).with_event(event.name());
        let check = self.filter.check_outcome();
        let bag = ConnectionBag::new(host, &bag, &check, total, reported, duration);
        worker.report(host, &bag, config.settings().report_batch_entries);
    }
}
