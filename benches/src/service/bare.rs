use std::net::SocketAddr;

use anyhow::Result;
use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_api::mixer::v1::mixer_server::{Mixer, MixerServer};
use mesh_api::mixer::v1::{CheckRequest, CheckResponse, ReportRequest, ReportResponse};
use mesh_api::rpc;
use tokio::runtime::Builder;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Serves until the process is killed.
///
/// # Errors
/// When the address is taken.
pub(crate) fn serve(address: SocketAddr) -> Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let server = Server::builder().tcp_nodelay(true).add_service(MixerServer::new(Bare));
    Ok(runtime.block_on(server.serve(address))?)
}

/// Decodes what it is asked, as any generated server does, and says yes.
struct Bare;

#[tonic::async_trait]
impl Mixer for Bare {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let precondition = PreconditionResult {
            status: Some(rpc::Status::default()),
            valid_use_count: -1,
            ..PreconditionResult::default()
        };
        let precondition = Some(precondition);
        Ok(Response::new(CheckResponse { precondition, ..CheckResponse::default() }))
    }

    async fn report(&self, _: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
        Ok(Response::new(ReportResponse::default()))
    }
}
