//! Against an etcd that answers by a script: what the real one cannot be made to do at will.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use mesh_api::etcd::event::EventType;
use mesh_api::etcd::kv_server::{Kv, KvServer};
use mesh_api::etcd::watch_request::RequestUnion;
use mesh_api::etcd::watch_server::{Watch, WatchServer};
use mesh_api::etcd::{
    Event, KeyValue, RangeRequest, RangeResponse, ResponseHeader, WatchRequest, WatchResponse,
};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::EtcdSource;
use crate::source::SourceFeed;
use crate::{ConfigSet, Revision, SourceLocation};

/// What does not come within this time never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The next answers: one for each range; for each watch from where it must begin, and what it tells.
#[derive(Default)]
struct Script {
    ranges: Mutex<VecDeque<(i64, Result<RangeResponse, Status>)>>,
    watches: Mutex<VecDeque<(i64, Vec<WatchResponse>)>>,
}

struct Scripted(Arc<Script>);

fn is_over() -> Status {
    Status::unavailable("the script is over")
}

#[tonic::async_trait]
impl Kv for Scripted {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let next = self.0.ranges.lock().unwrap().pop_front();
        let (revision, answer) = next.ok_or_else(is_over)?;
        assert_eq!(request.get_ref().revision, revision);
        answer.map(Response::new)
    }
}

#[tonic::async_trait]
impl Watch for Scripted {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let asked = request.into_inner().message().await?;
        let Some(RequestUnion::CreateRequest(create)) = asked.and_then(|asked| asked.request_union)
        else {
            return Err(Status::invalid_argument("no watch is created"));
        };
        let next = self.0.watches.lock().unwrap().pop_front();
        let (start, answers) = next.ok_or_else(is_over)?;
        assert_eq!(create.start_revision, start);
        assert_eq!((&*create.key, &*create.range_end), (&b"/m/"[..], &b"/m0"[..]));
        // The stream stays open.
        let answers = stream::iter(answers.into_iter().map(Ok)).chain(stream::pending());
        Ok(Response::new(Box::pin(answers)))
    }
}

/// Follows an etcd that answers by `script`. All ends with the tasks.
async fn follow(script: Script) -> (SourceFeed, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("etcd://{}/m", listener.local_addr().unwrap());
    let script = Arc::new(script);
    let served = Server::builder()
        .add_service(KvServer::new(Scripted(Arc::clone(&script))))
        .add_service(WatchServer::new(Scripted(script)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let Ok(SourceLocation::Etcd(location)) = url.parse() else { panic!("not etcd: {url}") };
    let (source, feed) = EtcdSource::open(&location).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async { served.await.unwrap() });
    tasks.spawn(source.run(std::future::pending()));
    (feed, tasks)
}

async fn until(feed: &mut SourceFeed, mut done: impl FnMut(&ConfigSet) -> bool) -> Vec<String> {
    let waited = feed.configs.wait_for(|set| done(set));
    let set = tokio::time::timeout(PATIENCE, waited).await.unwrap().unwrap();
    set.resources.keys().map(|key| key.name.to_string()).collect()
}

fn pair(name: &str, revision: i64) -> KeyValue {
    let text = format!(
        "apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata: {{name: {name}, namespace: a}}\n\
         spec: {{actions: [{{handler: h, instances: [i]}}]}}\n"
    );
    KeyValue {
        key: format!("/m/{name}").into_bytes(),
        value: text.into_bytes(),
        mod_revision: revision,
        ..KeyValue::default()
    }
}

fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..ResponseHeader::default() })
}

fn page(names: &[&str], revision: i64, more: bool) -> Result<RangeResponse, Status> {
    let kvs = names.iter().map(|name| pair(name, revision)).collect();
    Ok(RangeResponse { header: header(revision), kvs, more, count: 0 })
}

fn put(name: &str, revision: i64) -> Event {
    Event { r#type: EventType::Put.into(), kv: Some(pair(name, revision)) }
}

fn compacted() -> Status {
    Status::out_of_range("etcdserver: mvcc: required revision has been compacted")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_of_compacted_revisions_leads_to_reading_everything_again() {
    let cancelled = WatchResponse {
        header: header(9),
        canceled: true,
        compact_revision: 9,
        ..WatchResponse::default()
    };
    let change = WatchResponse { events: vec![put("c", 13)], ..WatchResponse::default() };
    let script = Script {
        ranges: Mutex::new(VecDeque::from([
            (0, page(&["a"], 5, false)),
            // While pages are read, too.
            (0, page(&["x"], 10, true)),
            (10, Err(compacted())),
            (0, page(&["b"], 12, false)),
        ])),
        watches: Mutex::new(VecDeque::from([(6, vec![cancelled]), (13, vec![change])])),
    };
    let (mut feed, _tasks) = follow(script).await;
    assert_eq!(until(&mut feed, |set| set.revision == Revision(13)).await, ["b", "c"]);
    let status = feed.status.borrow().clone();
    assert_eq!((status.resyncs, status.reconnects, status.connected), (1, 0, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fragments_of_an_answer_come_into_force_together() {
    let fragment =
        WatchResponse { fragment: true, events: vec![put("b", 6)], ..Default::default() };
    let last = WatchResponse { events: vec![put("c", 6)], ..Default::default() };
    let script = Script {
        ranges: Mutex::new(VecDeque::from([(0, page(&["a"], 5, false))])),
        watches: Mutex::new(VecDeque::from([(6, vec![fragment, last])])),
    };
    let (mut feed, _tasks) = follow(script).await;
    let names = until(&mut feed, |set| {
        assert_ne!(set.resources.len(), 2, "half of the answer");
        set.revision == Revision(6)
    });
    assert_eq!(names.await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_etcds_is_told_as_such() {
    let strange = RangeResponse { header: None, ..RangeResponse::default() };
    let script =
        Script { ranges: Mutex::new(VecDeque::from([(0, Ok(strange))])), ..Default::default() };
    let (mut feed, _tasks) = follow(script).await;
    let told = feed.status.wait_for(|status| {
        status.error.as_ref().is_some_and(|error| error.contains("is it etcd, version 3.4"))
    });
    tokio::time::timeout(PATIENCE, told).await.unwrap().unwrap();
}
