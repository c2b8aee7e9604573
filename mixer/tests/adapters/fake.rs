//! A gRPC server in the place of an adapter in another process.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mesh_api::RawCodec;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tonic::{Code, Request, Response, Status};

type Answer = Arc<dyn Fn(&str, &Bytes) -> Result<Bytes, Status> + Send + Sync>;

/// An adapter that answers as it is told, and remembers what it was asked.
pub(crate) struct Adapter {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    pool: DescriptorPool,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    calls: Mutex<VecDeque<(String, Bytes, tonic::metadata::MetadataMap)>>,
    came: Notify,
}

/// A call that an adapter got.
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) metadata: tonic::metadata::MetadataMap,
}

impl Adapter {
    /// One that knows Istio's templates and those of `pool`.
    pub(crate) async fn start(
        pool: DescriptorPool,
        answer: impl Fn(&str, &Bytes) -> Result<Bytes, Status> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, pool, answer).await
    }

    pub(crate) async fn serve(
        listener: TcpListener,
        pool: DescriptorPool,
        answer: impl Fn(&str, &Bytes) -> Result<Bytes, Status> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Seen::default());
        let answer: Answer = Arc::new(answer);
        let address = listener.local_addr().unwrap();
        let calls = Arc::clone(&seen);
        let router = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let (answer, seen) = (Arc::clone(&answer), Arc::clone(&calls));
            async move {
                let path = request.uri().path().to_owned();
                let service = tower::service_fn(move |request: Request<Bytes>| {
                    let answered = answer(&path, request.get_ref());
                    let metadata = request.metadata().clone();
                    let call = (path.clone(), request.into_inner(), metadata);
                    seen.calls.lock().unwrap().push_back(call);
                    seen.came.notify_one();
                    std::future::ready(answered.map(Response::new))
                });
                tonic::server::Grpc::new(RawCodec).unary(service, request).await
            }
        });
        let mut server = JoinSet::new();
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let routes = tonic::service::Routes::from(router);
        server.spawn(async move {
            let server = tonic::transport::Server::builder().add_routes(routes);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self { address, seen, pool, _server: server }
    }

    /// The next call, once it comes.
    pub(crate) async fn call(&self) -> Call {
        loop {
            let next = self.seen.calls.lock().unwrap().pop_front();
            if let Some((path, bytes, metadata)) = next {
                let body = json(self.message_of(&path), &bytes);
                return Call { path, body, metadata };
            }
            self.seen.came.notified().await;
        }
    }

    /// How many calls came that nobody looked at.
    pub(crate) fn waiting(&self) -> usize {
        self.seen.calls.lock().unwrap().len()
    }

    fn message_of(&self, path: &str) -> MessageDescriptor {
        let (service, method) = path[1..].split_once('/').unwrap();
        let service = [&self.pool, &istio(), &model()]
            .iter()
            .find_map(|pool| pool.get_service_by_name(service))
            .unwrap_or_else(|| panic!("no service {path}"));
        service.methods().find(|m| m.name() == method).unwrap().input()
    }
}

/// The message as JSON; what `Any` holds stays bytes.
fn json(message: MessageDescriptor, bytes: &[u8]) -> Value {
    let message = DynamicMessage::decode(message, bytes).unwrap();
    plain(&prost_reflect::Value::Message(message))
}

fn plain(value: &prost_reflect::Value) -> Value {
    use prost_reflect::{MapKey, ReflectMessage, Value as Is};
    match value {
        Is::Bool(truth) => (*truth).into(),
        Is::I32(n) | Is::EnumNumber(n) => (*n).into(),
        Is::I64(n) => (*n).into(),
        Is::U32(n) => (*n).into(),
        Is::U64(n) => (*n).into(),
        Is::F32(n) => f64::from(*n).into(),
        Is::F64(n) => (*n).into(),
        Is::String(text) => text.as_str().into(),
        Is::Bytes(bytes) => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        }
        Is::List(items) => items.iter().map(plain).collect(),
        Is::Map(entries) => {
            let key = |key: &MapKey| key.as_str().unwrap().to_owned();
            entries.iter().map(|(k, v)| (key(k), plain(v))).collect()
        }
        Is::Message(message) => {
            let _ = message.descriptor();
            message.fields().map(|(field, value)| (field.name().to_owned(), plain(value))).collect()
        }
    }
}

/// Istio's own templates.
pub(crate) fn istio() -> DescriptorPool {
    DescriptorPool::decode(mesh_api::TEMPLATES).unwrap()
}

fn model() -> DescriptorPool {
    DescriptorPool::decode(mesh_api::DESCRIPTORS).unwrap()
}

pub(crate) fn bytes(message: &impl Message) -> Result<Bytes, Status> {
    Ok(message.encode_to_vec().into())
}

pub(crate) fn unimplemented() -> Result<Bytes, Status> {
    Err(Status::new(Code::Unimplemented, "no such method"))
}
