use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mesh_attributes::wire::ReportRequest;
use mesh_attributes::{AttributeName, Bag, Value};

use super::*;
use crate::config::{FilterConfig, Settings};
use crate::filter::Flow;
use crate::grpc::Frame;
use crate::host::CallId;
use crate::mixer::Mixer;
use crate::mock::{MockProxy, MockStream};
use crate::stats::Counter;
use crate::worker::{Site, Worker};

struct Mesh {
    proxy: Rc<MockProxy>,
    mixer: Arc<Mixer>,
    site: Rc<Site>,
}

impl Mesh {
    fn new(json: &str) -> Self {
        let mixer = Arc::new(Mixer::new("mixer"));
        mixer.reports.set_sender(true);
        let settings = Settings::parse_tcp(json.as_bytes()).unwrap();
        let worker = Rc::new(Worker::new(&mixer, settings.l1_entries, settings.l1_bytes));
        let config = Arc::new(FilterConfig::new(settings, Arc::clone(&mixer)));
        Self { proxy: MockProxy::new(), mixer, site: Rc::new(Site { config, worker }) }
    }

    fn connect(&self) -> (MockStream, Connection) {
        (MockStream::tcp(&self.proxy, "10.0.0.7:4000"), Connection::new(&self.site))
    }

    /// Answers the last call with this status code of the precondition.
    fn answer(&self, host: &mut MockStream, connection: &Connection, message: &[u8]) -> Flow {
        let call = self.proxy.take_calls().pop().unwrap().id;
        let frame = Frame::write(|out| out.extend_from_slice(message));
        let headers = [(&b":status"[..], &b"200"[..])];
        connection.on_answer(host, call, headers.into_iter(), std::iter::once(frame.bytes()))
    }

    fn reports(&self) -> Vec<Vec<(String, String)>> {
        self.mixer.reports.flush();
        let mut reports = Vec::new();
        while let Some(batch) = self.mixer.reports.next() {
            let message = ReportRequest::decode(&batch.message).unwrap();
            let mut bags = message.bags();
            while let Some(bag) = bags.next_bag() {
                let bag = bag.unwrap();
                let told = [
                    "connection.event",
                    "connection.received.bytes",
                    "connection.received.bytes_total",
                    "connection.sent.bytes",
                    "check.error_code",
                    "context.protocol",
                ];
                let told = told.iter().filter_map(|name| {
                    let value = match bag.get(&AttributeName::new(name))? {
                        Value::Int64(number) => number.to_string(),
                        Value::String(text) => text.to_owned(),
                        _ => return None,
                    };
                    Some(((*name).to_owned(), value))
                });
                reports.push(told.collect());
            }
        }
        reports
    }
}

/// A precondition that allows: status absent, a lifetime of none.
fn allow() -> Vec<u8> {
    use mesh_api::mixer::v1::CheckResponse;
    use mesh_api::mixer::v1::check_response::PreconditionResult;
    use prost::Message;
    let precondition = Some(PreconditionResult { valid_use_count: 1, ..Default::default() });
    CheckResponse { precondition, ..Default::default() }.encode_to_vec()
}

fn value<'r>(report: &'r [(String, String)], name: &str) -> Option<&'r str> {
    report.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn held_bytes_are_counted_once_and_reports_bear_what_is_new() {
    let mesh = Mesh::new("{}");
    let (mut host, connection) = mesh.connect();
    assert!(matches!(connection.on_open(&mut host), Flow::Wait));
    assert!(!connection.on_read(3));
    assert!(!connection.on_read(5), "the same three and two more");
    assert!(matches!(mesh.answer(&mut host, &connection, &allow()), Flow::Continue));
    assert!(connection.on_read(7));
    connection.on_write(11);
    connection.on_tick(&host);
    connection.on_write(1);
    connection.on_close(&host);
    connection.on_close(&host);
    let reports = mesh.reports();
    let told = |name| reports.iter().map(|r| value(r, name).unwrap()).collect::<Vec<_>>();
    assert_eq!(told("connection.event"), ["open", "continue", "close"]);
    assert_eq!(told("connection.received.bytes"), ["5", "7", "0"]);
    assert_eq!(told("connection.received.bytes_total"), ["5", "12", "12"]);
    assert_eq!(told("connection.sent.bytes"), ["0", "11", "1"]);
    assert_eq!(told("context.protocol"), ["tcp"; 3]);
}

#[test]
fn a_connection_without_an_answer_is_refused_and_reported_at_its_end() {
    let mesh = Mesh::new(r#"{"fail_policy": {"max_retry": 0}}"#);
    let (mut host, connection) = mesh.connect();
    connection.on_open(&mut host);
    let CallId(call) = mesh.proxy.take_calls().pop().unwrap().id;
    let flow = connection.on_no_answer(&mut host, CallId(call));
    assert!(matches!(flow, Flow::Reply(_)));
    connection.on_close(&host);
    let reports = mesh.reports();
    assert_eq!(reports.len(), 1);
    assert_eq!(value(&reports[0], "connection.event"), Some("close"));
    assert_eq!(value(&reports[0], "check.error_code"), Some("14"));
}

#[test]
fn an_answer_without_a_whole_message_lets_nobody_through() {
    let mesh = Mesh::new(r#"{"fail_policy": {"max_retry": 0, "check": "open"}}"#);
    let (mut host, connection) = mesh.connect();
    connection.on_open(&mut host);
    let call = mesh.proxy.take_calls().pop().unwrap().id;
    let headers = [(&b":status"[..], &b"200"[..])];
    let flow = connection.on_answer(&mut host, call, headers.into_iter(), std::iter::empty());
    assert!(matches!(flow, Flow::Reply(_)));
}

#[test]
fn what_nobody_can_send_is_counted_lost() {
    let mesh = Mesh::new(r#"{"disable_check": true}"#);
    mesh.mixer.reports.set_sender(false);
    let (mut host, connection) = mesh.connect();
    assert!(matches!(connection.on_open(&mut host), Flow::Continue));
    connection.on_close(&host);
    assert_eq!(mesh.proxy.counter(Counter::Reports), 2);
    assert_eq!(mesh.proxy.counter(Counter::ReportsLost), 2);
    assert!(mesh.reports().is_empty());
}

#[test]
fn a_wrong_interval_is_refused_with_its_field() {
    let error = Settings::parse_tcp(br#"{"report_interval": "10ms"}"#).unwrap_err();
    assert!(error.to_string().contains("report_interval"), "{error}");
    assert!(Settings::parse(br#"{"report_interval": "10s"}"#).is_err());
    let settings = Settings::parse_tcp(br#"{"report_interval": "2s"}"#).unwrap();
    assert_eq!(settings.report_interval, Duration::from_secs(2));
}
