use mesh_api::watch::v1::{GenerationsEvent, NamespaceGeneration};
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::ReportRequest;
use prost::Message;

use super::sending::{MAX_FLIGHTS, REPORT_TIMEOUT};
use super::*;
use crate::config::Settings;
use crate::generations::WatchClock;
use crate::grpc::Frame;
use crate::host::{LogLevel, StartFailure};
use crate::mock::{MockCall, MockControl, MockProxy, SilentNotifier};
use crate::report::ReportSlot;
use crate::watch;

/// A mock proxy's main thread and one worker's slot.
struct Main {
    proxy: Rc<MockProxy>,
    mixer: Arc<Mixer>,
    control: Control,
    slot: Arc<ReportSlot>,
}

impl Main {
    fn new() -> Self {
        let mixer = Arc::new(Mixer::new("mixer"));
        Self {
            proxy: MockProxy::new(),
            control: Control::new(&mixer),
            slot: mixer.reports.join(),
            mixer,
        }
    }

    fn join(&self) -> Arc<FilterConfig> {
        let config = Arc::new(FilterConfig::new(Settings::default(), Arc::clone(&self.mixer)));
        let host = Rc::new(MockControl(Rc::clone(&self.proxy)));
        self.control.join(&config, host, Some(Box::new(SilentNotifier))).unwrap();
        config
    }

    /// A configuration whose watch is under way.
    fn watching() -> (Self, Arc<FilterConfig>, MockCall) {
        let main = Self::new();
        let config = main.join();
        let call = main.call();
        assert_eq!(call.header(":path"), Some(watch::PATH));
        (main, config, call)
    }

    fn call(&self) -> MockCall {
        let mut calls = self.proxy.take_calls();
        assert_eq!(calls.len(), 1, "expected one call: {calls:?}");
        calls.remove(0)
    }

    /// The reports that were started; the watch, which nobody feeds, may have been started again.
    fn reports(&self) -> Vec<MockCall> {
        let mut calls = self.proxy.take_calls();
        calls.retain(|call| call.header("mixmesh-batch").is_some());
        calls
    }

    fn pass(&self, time: Duration) {
        self.proxy.pass(time);
        self.control.run(self.proxy.now());
    }

    fn hear(&self, config: &FilterConfig, call: &MockCall, event: &GenerationsEvent) {
        let frame = Frame::write(|out| out.extend_from_slice(&event.encode_to_vec()));
        self.control.on_call_data(config.id(), call.id, frame.bytes(), self.proxy.now());
    }

    fn complete(&self, config: &FilterConfig, call: &MockCall, status: &str, message: &str) {
        let headers = [("grpc-status", status), ("grpc-message", message)];
        let headers = headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        self.control.on_call_headers(config.id(), call.id, headers);
        self.control.on_call_complete(config.id(), call.id, self.proxy.now());
    }

    /// The empty answer of a report that was taken.
    fn acknowledge(&self, config: &FilterConfig, call: &MockCall) {
        self.control.on_call_data(config.id(), call.id, &[0; 5], self.proxy.now());
        self.complete(config, call, "0", "");
    }

    fn clock(&self) -> &WatchClock {
        self.mixer.generations.watch()
    }

    fn is_alive(&self) -> bool {
        self.clock().dead_since(self.proxy.now()).is_none()
    }

    /// As many requests as a worker reports.
    fn report(&self, requests: u64) {
        for _ in 0..requests {
            self.mixer.reports.add_pending(1);
            self.proxy_count(Counter::Reports, 1);
            self.slot.push(&AttributeBag::new().with("request.path", "/"), 1000);
        }
    }

    fn proxy_count(&self, counter: Counter, by: u64) {
        MockControl(Rc::clone(&self.proxy)).count(counter, by);
    }

    fn count(&self, counter: Counter) -> u64 {
        self.proxy.counter(counter)
    }

    fn assert_every_report_is_accounted_for(&self) {
        let settled = self.count(Counter::ReportsSent)
            + self.count(Counter::ReportsLost)
            + self.count(Counter::ReportsUnknown)
            + self.count(Counter::ReportsDropped);
        assert_eq!(settled + self.mixer.reports.pending(), self.count(Counter::Reports));
    }
}

fn full() -> GenerationsEvent {
    let state = |namespace: &str| NamespaceGeneration {
        namespace: namespace.to_owned(),
        revision: 1,
        digest: vec![1; 16],
        has_check: true,
        quotas: Vec::new(),
    };
    GenerationsEvent {
        full: true,
        namespaces: vec![state("default")],
        default: Some(state("")),
        removed: Vec::new(),
    }
}

#[test]
fn the_watch_begins_with_the_first_configuration_and_is_alive_once_it_has_spoken() {
    let (main, config, call) = Main::watching();
    assert_eq!(call.timeout, None);
    assert!(!main.is_alive());
    main.hear(&config, &call, &full());
    assert!(main.is_alive());
    assert_eq!(main.proxy.gauge(Gauge::WatchConnected), 1);
    assert_eq!(main.count(Counter::WatchEvents), 1);
    assert_eq!(main.mixer.generations.len(), 1);
}

#[test]
fn a_second_configuration_starts_no_second_watch() {
    let (main, _config, _call) = Main::watching();
    main.join();
    assert!(main.proxy.take_calls().is_empty());
}

#[test]
fn heartbeats_keep_the_watch_alive_and_silence_kills_it() {
    let (main, config, call) = Main::watching();
    main.hear(&config, &call, &full());
    for _ in 0..10 {
        main.pass(Duration::from_secs(1));
        main.hear(&config, &call, &GenerationsEvent::default());
        assert!(main.is_alive());
    }
    main.pass(Duration::from_millis(2999));
    assert!(main.is_alive() && main.proxy.take_resets().is_empty());
    main.pass(Duration::from_millis(1));
    assert!(!main.is_alive());
    assert_eq!(main.proxy.take_resets(), [call.id], "a half-open stream is given up");
    main.pass(Duration::from_millis(100));
    assert_eq!(main.call().header(":path"), Some(watch::PATH));
}

#[test]
fn a_watch_that_ends_is_dead_at_once_and_started_again_after_a_growing_wait() {
    let (main, config, mut call) = Main::watching();
    main.hear(&config, &call, &full());
    main.control.on_call_reset(config.id(), call.id, main.proxy.now());
    assert!(!main.is_alive());
    let mut waits = Vec::new();
    for _ in 0..6 {
        let mut waited = 0;
        loop {
            main.pass(Duration::from_millis(25));
            waited += 25;
            if let Some(again) = main.proxy.take_calls().pop() {
                call = again;
                break;
            }
        }
        waits.push(waited);
        main.complete(&config, &call, "14", "connection refused");
    }
    assert!(waits[0] <= 125 && waits[5] <= 1025, "{waits:?}");
    assert!(waits[5] > 3 * waits[0], "{waits:?}");
    assert_eq!(main.count(Counter::WatchFailures), 7);
}

#[test]
fn a_watch_that_cannot_start_is_tried_again() {
    let main = Main::new();
    main.proxy.refuse_calls(Some(StartFailure::NoCluster));
    main.join();
    main.proxy.refuse_calls(None);
    main.pass(Duration::from_millis(100));
    main.call();
}

#[test]
fn an_old_mixer_without_watch_is_asked_seldom() {
    let (main, config, call) = Main::watching();
    main.complete(&config, &call, "12", "unknown service");
    main.pass(Duration::from_secs(29));
    assert!(main.proxy.take_calls().is_empty());
    main.pass(Duration::from_secs(1));
    main.call();
}

#[test]
fn garbage_on_the_watch_ends_it() {
    let (main, config, call) = Main::watching();
    main.hear(&config, &call, &full());
    main.control.on_call_data(config.id(), call.id, &[9; 30], main.proxy.now());
    assert!(!main.is_alive());
    assert_eq!(main.proxy.take_resets(), [call.id]);
    main.hear(&config, &call, &full());
    assert!(!main.is_alive(), "what still comes of the old stream does not count");
}

#[test]
fn another_configuration_takes_the_watch_over_without_a_gap() {
    let (main, old, call) = Main::watching();
    main.hear(&old, &call, &full());
    let new = main.join();
    main.control.leave(old.id());
    assert!(main.proxy.take_calls().is_empty(), "Envoy may be ending");
    main.pass(Duration::ZERO);
    let again = main.call();
    assert!(main.is_alive(), "what was heard stays good for its time");
    main.hear(&new, &again, &full());
    assert!(main.is_alive());
    assert!(main.proxy.take_resets().is_empty());
}

#[test]
fn with_the_last_configuration_the_watch_is_dead_and_what_is_pending_lost() {
    let (main, config, call) = Main::watching();
    main.hear(&config, &call, &full());
    main.report(3);
    main.control.leave(config.id());
    assert!(!main.is_alive());
    assert_eq!(main.count(Counter::ReportsLost), 3);
    main.assert_every_report_is_accounted_for();
    main.control.run(main.proxy.now());
    assert!(main.proxy.take_calls().is_empty());
}

#[test]
fn changes_of_the_watch_are_logged_once_each() {
    let (main, config, call) = Main::watching();
    main.pass(Duration::from_millis(1));
    assert!(main.proxy.take_lines().is_empty(), "not having heard yet is no news");
    main.hear(&config, &call, &full());
    main.pass(Duration::from_millis(1));
    main.pass(Duration::from_millis(1));
    let lines = main.proxy.take_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].0, LogLevel::Info);
    main.control.on_call_reset(config.id(), call.id, main.proxy.now());
    for _ in 0..5 {
        main.pass(Duration::from_millis(10));
    }
    let lines = main.proxy.take_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].0, LogLevel::Warn);
    assert!(lines[0].1.contains("the stream was reset"), "{}", lines[0].1);
}

#[test]
fn reports_are_flushed_each_second_and_sent_under_a_name() {
    let (main, config, _) = Main::watching();
    main.report(2);
    main.pass(Duration::from_millis(500));
    assert!(main.proxy.take_calls().is_empty());
    main.pass(Duration::from_millis(500));
    let first = main.call();
    assert_eq!(first.header(":path"), Some("/istio.mixer.v1.Mixer/Report"));
    let name = |number| format!("{}-{number}", main.mixer.filter_id());
    assert_eq!(first.header("mixmesh-batch"), Some(name(1).as_str()));
    assert_eq!(first.timeout, Some(REPORT_TIMEOUT));
    assert_eq!(ReportRequest::decode(&first.body[5..]).unwrap().len(), 2);
    main.report(1);
    main.pass(Duration::from_secs(1));
    assert_eq!(main.call().header("mixmesh-batch"), Some(name(2).as_str()));
    main.acknowledge(&config, &first);
    assert_eq!(main.count(Counter::ReportsSent), 2);
    assert_eq!(main.mixer.reports.pending(), 1);
    main.assert_every_report_is_accounted_for();
}

#[test]
fn what_became_of_a_report_is_counted_by_how_its_call_ended() {
    let (main, config, _) = Main::watching();
    let send = |requests| {
        main.report(requests);
        main.pass(Duration::from_secs(1));
        main.reports().remove(0)
    };
    let call = send(1);
    main.complete(&config, &call, "14", "upstream connect error: remote connection failure");
    assert_eq!(main.count(Counter::ReportsLost), 1);
    let call = send(2);
    main.complete(&config, &call, "14", "upstream request timeout");
    assert_eq!(main.count(Counter::ReportsUnknown), 2);
    let call = send(4);
    main.complete(&config, &call, "13", "broken");
    assert_eq!(main.count(Counter::ReportsUnknown), 6);
    let call = send(8);
    main.control.on_call_reset(config.id(), call.id, main.proxy.now());
    assert_eq!(main.count(Counter::ReportsUnknown), 14);
    main.proxy.refuse_calls(Some(StartFailure::NoHost));
    main.report(16);
    main.pass(Duration::from_secs(1));
    assert_eq!(main.count(Counter::ReportsLost), 17);
    main.assert_every_report_is_accounted_for();
    assert_eq!(main.mixer.reports.pending(), 0);
}

#[test]
fn only_so_many_reports_are_under_way_and_the_rest_wait_or_are_dropped() {
    let (main, config, _) = Main::watching();
    for _ in 0..300 {
        main.report(1);
        main.pass(Duration::from_secs(1));
    }
    let mut calls = main.reports();
    assert_eq!(calls.len(), MAX_FLIGHTS);
    assert!(main.count(Counter::ReportsDropped) > 0);
    main.assert_every_report_is_accounted_for();
    while let Some(call) = calls.pop() {
        main.acknowledge(&config, &call);
        assert!(main.proxy.take_calls().is_empty(), "Envoy may be ending");
        main.pass(Duration::ZERO);
        calls.extend(main.reports());
    }
    assert_eq!(main.mixer.reports.pending(), 0);
    main.assert_every_report_is_accounted_for();
}

#[test]
fn reports_under_way_of_a_configuration_that_goes_are_unknown_and_the_rest_is_sent_by_another() {
    let (main, old, _) = Main::watching();
    main.report(1);
    main.pass(Duration::from_secs(1));
    let cut = main.call();
    let new = main.join();
    main.report(2);
    main.control.leave(old.id());
    assert_eq!(main.count(Counter::ReportsUnknown), 1);
    main.proxy.take_calls();
    main.acknowledge(&old, &cut);
    assert_eq!(main.count(Counter::ReportsSent), 0, "its stream is gone");
    main.pass(Duration::from_secs(1));
    let calls = main.reports();
    main.acknowledge(&new, &calls[0]);
    assert_eq!(main.count(Counter::ReportsSent), 2);
    main.assert_every_report_is_accounted_for();
}
