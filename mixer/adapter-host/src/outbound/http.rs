use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::gzip::gzip;
use super::health::Stage;
use super::http_client::{HttpClient, read_body, why};
use super::queue::Taken;
use super::retry_after::retry_after;
use super::status::Reason;
use super::target::Target;
use super::url::HttpUrl;

/// Requests under way at once; what is sent with them arrives in no order. More would only hide that the
/// server does not keep up.
pub(super) const MAX_REQUESTS: usize = 4;

/// What is read of an answer, so that the connection can be used again. Of a longer one it is closed.
const MAX_ANSWER: usize = 64 << 10;

/// What is told of a refusal.
const MAX_TOLD: usize = 200;

/// Where bodies are posted.
pub(super) struct Post {
    pub(super) target: Arc<Target>,
    pub(super) client: HttpClient,
    pub(super) url: HttpUrl,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) gzip: bool,
    /// For one request with its answer.
    pub(super) limit: Duration,
}

/// What became of one request.
enum Outcome {
    Taken,
    /// The answer is no, and will be.
    Refused(String),
    /// It may work later; the server may have said when.
    Failed(String, Option<Duration>),
}

/// Posts a target's bundles, until its queue is closed and empty.
pub(super) async fn run(post: Post) {
    let post = Arc::new(post);
    let queue = &post.target.queue;
    let mut requests = JoinSet::new();
    let mut closing = false;
    while !closing || !requests.is_empty() {
        tokio::select! {
            taken = queue.take(), if !closing && requests.len() < MAX_REQUESTS => match taken {
                Some(taken) => {
                    requests.spawn(deliver(Arc::clone(&post), taken));
                }
                None => closing = true,
            },
            Some(_done) = requests.join_next(), if !requests.is_empty() => {}
        }
    }
    post.target.health.is(Stage::Closed);
}

/// Posts one bundle until it is taken or refused.
async fn deliver(post: Arc<Post>, taken: Taken) {
    let mut body = taken.bundle();
    if post.gzip {
        match gzip(body).await {
            Ok(compressed) => body = compressed,
            Err(error) => {
                tracing::error!(%error, "a body for a target of an adapter could not be compressed and is lost");
                return taken.lost(Reason::Unsendable);
            }
        }
    }
    let body = Bytes::from(body);
    let health = &post.target.health;
    let mut backoff = Backoff::of_target();
    loop {
        match post.send(body.clone()).await {
            Outcome::Taken => {
                health.works();
                return taken.sent();
            }
            Outcome::Refused(cause) => {
                health.refuses(cause);
                return taken.lost(Reason::Refused);
            }
            Outcome::Failed(cause, asked) => {
                let pause = backoff.pause().max(asked.unwrap_or_default());
                health.failed(&cause, pause);
                sleep(pause).await;
                taken.tried_again();
            }
        }
    }
}

impl Post {
    async fn send(&self, body: Bytes) -> Outcome {
        let limit = self.limit;
        match timeout(limit, self.request(body)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(cause)) => Outcome::Failed(cause, None),
            Err(_elapsed) => Outcome::Failed(format!("no answer within {limit:?}"), None),
        }
    }

    async fn request(&self, body: Bytes) -> Result<Outcome, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.uri.clone();
        *request.headers_mut() = self.headers();
        let answer = self.client.request(request).await.map_err(|error| why(&error))?;
        let (head, body) = answer.into_parts();
        let told = read_body(body, MAX_ANSWER).await;
        if head.status.is_success() {
            // It was taken, whatever came after.
            return Ok(Outcome::Taken);
        }
        let told = told.ok().flatten().unwrap_or_default();
        let told = String::from_utf8_lossy(&told[..told.len().min(MAX_TOLD)]);
        let cause = format!("answered {}: {}", head.status, told.trim().escape_debug());
        if may_work_later(head.status) {
            return Ok(Outcome::Failed(cause, retry_after(&head.headers, SystemTime::now())));
        }
        Ok(Outcome::Refused(cause))
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let agent = concat!("mixmesh/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        if self.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        for (name, value) in &self.headers {
            if name == header::USER_AGENT {
                headers.insert(name, value.clone());
            } else {
                headers.append(name, value.clone());
            }
        }
        headers
    }
}

fn may_work_later(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504)
}
