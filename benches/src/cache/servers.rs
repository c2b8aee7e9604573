//! What stands behind and beside the proxies: a service that answers 1 kB, and an authorization server that
//! decodes what Envoy asks and says yes.

use std::net::SocketAddr;

use anyhow::Result;
use mesh_api::envoy::service::auth::v3::authorization_server::{
    Authorization, AuthorizationServer,
};
use mesh_api::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use mesh_api::rpc;
use testbed::free_address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Of an answer's body, as in Istio's own measurements.
const BODY_BYTES: usize = 1024;

/// The longest head of a request that the service reads.
const HEAD_LIMIT: usize = 64 << 10;

/// Proxies that may be connected at once, several connections each.
const CONNECTIONS: usize = 1024;

/// Both, until dropped.
#[derive(Debug)]
pub(super) struct Servers {
    service: SocketAddr,
    authorization: SocketAddr,
    /// Ends their tasks when it is dropped.
    _runtime: Runtime,
}

impl Servers {
    /// Starts both on threads of their own.
    ///
    /// # Errors
    /// When there are no free ports.
    pub(super) fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let service = listener.local_addr()?;
        let authorization = free_address()?;
        runtime.spawn(serve(listener));
        let mut server = Server::builder().tcp_nodelay(true);
        runtime.spawn(server.add_service(AuthorizationServer::new(Yes)).serve(authorization));
        Ok(Self { service, authorization, _runtime: runtime })
    }

    /// Where the service listens.
    pub(super) fn service(&self) -> SocketAddr {
        self.service
    }

    /// Where the authorization server listens.
    pub(super) fn authorization(&self) -> SocketAddr {
        self.authorization
    }
}

/// Answers on every connection until the listener fails.
async fn serve(listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        // One more than there are proxies for is closed at once.
        if connections.len() < CONNECTIONS {
            connections.spawn(answer(connection));
        }
    }
}

/// One answer for each head of a request without a body, until the other end is done.
async fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {BODY_BYTES}\r\n\r\n"
    );
    let answer = [head.as_bytes(), &[b'x'; BODY_BYTES]].concat();
    let mut read = Vec::new();
    while connection.read_buf(&mut read).await? > 0 && read.len() <= HEAD_LIMIT {
        while let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            read.drain(..at + 4);
            connection.write_all(&answer).await?;
        }
    }
    Ok(())
}

struct Yes;

#[tonic::async_trait]
impl Authorization for Yes {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let status = Some(rpc::Status::default());
        Ok(Response::new(CheckResponse { status, ..CheckResponse::default() }))
    }
}
