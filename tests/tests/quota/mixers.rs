use std::sync::Arc;
use std::time::Duration;

use mesh_api::mixer::v1::mixer_client::MixerClient;
use mesh_api::mixer::v1::{CheckRequest, CheckResponse};
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::{QuotaRequest, encode_check_request};
use prost::Message;
use tempfile::TempDir;
use testbed::{Layout, Mixer, MixerOptions, Persistence, write_at_once};
use tonic::transport::{Channel, Endpoint};

use crate::Server;

const LIMIT: i64 = 100;

/// google.rpc's UNAVAILABLE.
const UNAVAILABLE: i32 = 14;

/// One handler that counts in Redis, and two quotas that differ in their rule's fail policy.
const CONFIG: &str = r#"
apiVersion: config.istio.io/v1alpha2
kind: attributemanifest
metadata: { name: proxy, namespace: istio-system }
spec:
  attributes:
    request.path: { valueType: STRING }
    destination.namespace: { valueType: STRING }
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: counted, namespace: istio-system }
spec:
  compiledAdapter: redisquota
  params:
    redisServerUrl: SERVER
    quotas:
    - { name: closedcount.instance.istio-system, maxAmount: 100, validDuration: 3600s }
    - name: opencount.instance.istio-system
      maxAmount: 100
      validDuration: 3600s
      rateLimitAlgorithm: ROLLING_WINDOW
      bucketDuration: 4s
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: closedcount, namespace: istio-system }
spec: { compiledTemplate: quota, params: { dimensions: { path: request.path } } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: opencount, namespace: istio-system }
spec: { compiledTemplate: quota, params: { dimensions: { path: request.path } } }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: limited, namespace: istio-system }
spec: { actions: [ { handler: counted, instances: [ closedcount ] } ] }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: limitedatbest, namespace: istio-system }
spec: { failPolicy: open, actions: [ { handler: counted, instances: [ opencount ] } ] }
"#;

/// A Mixer with a connection to it.
struct Counting {
    _mixer: Mixer,
    channel: Channel,
    _folder: TempDir,
}

impl Counting {
    async fn start(server: &Server) -> Self {
        let layout = Layout::of_checkout();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        std::fs::create_dir(&config).unwrap();
        let text = CONFIG.replace("SERVER", &server.redis.address().to_string());
        write_at_once(&config.join("quota.yaml"), text.as_bytes()).unwrap();
        let options = MixerOptions::new(&layout, &config, folder.path()).unwrap();
        let mixer = tokio::task::block_in_place(|| Mixer::start(&layout, options)).unwrap();
        let address = format!("http://{}", mixer.grpc());
        let channel = Endpoint::new(address).unwrap().connect().await.unwrap();
        Self { _mixer: mixer, channel, _folder: folder }
    }
}

async fn ask(channel: &Channel, quota: &str, amount: i64, id: &str) -> CheckResponse {
    let bag = AttributeBag::new().with("request.path", "/").with("destination.namespace", "a");
    let mut bytes = Vec::new();
    let quotas = [QuotaRequest { name: quota, amount, best_effort: true }];
    encode_check_request(&bag, id, &quotas, &mut bytes);
    let request = CheckRequest::decode(bytes.as_slice()).unwrap();
    MixerClient::new(channel.clone()).check(request).await.unwrap().into_inner()
}

fn code(answer: &CheckResponse) -> i32 {
    answer.precondition.as_ref().unwrap().status.as_ref().map_or(0, |status| status.code)
}

/// What was granted, asked for with one id until there is a decision.
async fn granted(channel: &Channel, quota: &str, amount: i64, id: &str) -> i64 {
    let decision = async {
        loop {
            let answer = ask(channel, quota, amount, id).await;
            if code(&answer) == 0 {
                return answer.quotas[quota].granted_amount;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), decision).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_mixers_share_a_limit_and_follow_the_fail_policy_while_redis_is_away() {
    let Some(mut server) = Server::start(Persistence::EachWrite) else { return };
    let mixers = [Counting::start(&server).await, Counting::start(&server).await];

    let mut clients = tokio::task::JoinSet::new();
    for n in 0..120 {
        let channel = mixers[n % 2].channel.clone();
        let id: Arc<str> = format!("request {n}").into();
        clients.spawn(async move { granted(&channel, "closedcount", 1, &id).await });
    }
    let closed: i64 = clients.join_all().await.into_iter().sum();
    assert_eq!(closed, LIMIT, "120 asked, one each, at two Mixers");

    server.redis.kill().unwrap();
    for (n, mixer) in mixers.iter().enumerate() {
        let refused = ask(&mixer.channel, "closedcount", 1, &format!("closed {n}")).await;
        assert_eq!(code(&refused), UNAVAILABLE, "{refused:?}");
        assert!(!refused.quotas.contains_key("closedcount"), "{refused:?}");
        let passed = ask(&mixer.channel, "opencount", 7, &format!("open {n}")).await;
        assert_eq!((code(&passed), passed.quotas["opencount"].granted_amount), (0, 7));
    }

    server.redis.start_again().unwrap();
    let more = granted(&mixers[0].channel, "closedcount", 1, "after").await;
    assert_eq!(more, 0, "the limit was spent before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_rule_counts_in_redis_what_it_can() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let mixer = Counting::start(&server).await;
    // Until Redis has decided: an answer of the fail policy grants all of it, and at once.
    let decided = async {
        loop {
            let answer = ask(&mixer.channel, "opencount", LIMIT * 10, "all of it").await;
            match answer.quotas["opencount"].granted_amount {
                amount if amount <= LIMIT => return amount,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let amount = tokio::time::timeout(Duration::from_secs(60), decided).await.unwrap();
    assert_eq!(amount, LIMIT);
}
