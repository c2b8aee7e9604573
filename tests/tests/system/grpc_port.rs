//! The gRPC port as strangers find it: what it offers, what it bears, and that others are served all the
//! while.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};

use anyhow::{Context, Result, ensure};
use mesh_api::envoy::service::accesslog::v3::StreamAccessLogsMessage;
use mesh_api::envoy::service::accesslog::v3::access_log_service_client::AccessLogServiceClient;
use mesh_api::envoy::service::accesslog::v3::stream_access_logs_message::Identifier;
use mesh_api::envoy::service::auth::v3::attribute_context::{HttpRequest, Request as Asked};
use mesh_api::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use mesh_api::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use mesh_api::mixer::v1 as istio;
use mesh_api::mixer::v1::mixer_client::MixerClient;
use prost::bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testbed::{Mixer, TestMesh, wait_until};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::readings::LIMIT;
use mesh_api::RawCodec;

const SERVICES: [&str; 5] = [
    "envoy.service.accesslog.v3.AccessLogService",
    "envoy.service.auth.v3.Authorization",
    "envoy.service.ratelimit.v3.RateLimitService",
    "istio.mixer.v1.Mixer",
    "mixmesh.v1.Watch",
];

fn start(flags: &[&str]) -> Result<Mixer> {
    let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?;
    mesh.with(|options| options.mixer().flags = flags).start_mixer()
}

/// With a worker of its own, so that connections live while a test waits.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

async fn connect(mixer: &Mixer) -> Result<Channel> {
    Ok(endpoint(mixer)?.connect().await?)
}

fn endpoint(mixer: &Mixer) -> Result<Endpoint> {
    Ok(Endpoint::new(format!("http://{}", mixer.grpc()))?.timeout(LIMIT))
}

fn question(path: &str) -> CheckRequest {
    let http =
        HttpRequest { method: "GET".to_owned(), path: path.to_owned(), ..HttpRequest::default() };
    CheckRequest {
        attributes: Some(AttributeContext {
            request: Some(Asked { http: Some(http), ..Asked::default() }),
            context_extensions: [("destination.namespace".to_owned(), "default".to_owned())].into(),
            ..AttributeContext::default()
        }),
    }
}

async fn ask(channel: &Channel, question: CheckRequest) -> Result<CheckResponse, Status> {
    let mut client = AuthorizationClient::new(channel.clone());
    Ok(client.check(question).await?.into_inner())
}

/// What an honest client gets at any moment.
async fn require_served(channel: &Channel) -> Result<()> {
    for (path, code) in [("/", 0), ("/admin", 7)] {
        let answer = ask(channel, question(path)).await?;
        ensure!(answer.status.as_ref().is_some_and(|status| status.code == code), "{answer:?}");
    }
    Ok(())
}

fn refused(mixer: &Mixer, reason: &str) -> Result<u64> {
    Ok(mixer.metrics()?.count("mixer_grpc_connections_refused_total", &[("reason", reason)]))
}

fn open(mixer: &Mixer) -> Result<u64> {
    Ok(mixer.metrics()?.count("mixer_grpc_connections", &[]))
}

#[test]
fn health_and_reflection_tell_of_every_service() -> Result<()> {
    let mixer = start(&[])?;
    runtime()?.block_on(async {
        let channel = connect(&mixer).await?;
        let mut health = HealthClient::new(channel.clone());
        for service in SERVICES.iter().chain(&[""]) {
            let asked = HealthCheckRequest { service: (*service).to_owned() };
            let mut told = health.watch(asked).await?.into_inner();
            // It follows readiness, a moment behind.
            while told.message().await?.context("an end")?.status() != ServingStatus::Serving {}
        }
        let unknown = HealthCheckRequest { service: "no.such.Service".to_owned() };
        assert_eq!(health.check(unknown).await.unwrap_err().code(), Code::NotFound);
        let list = ServerReflectionRequest {
            message_request: Some(MessageRequest::ListServices(String::new())),
            ..ServerReflectionRequest::default()
        };
        let mut reflection = ServerReflectionClient::new(channel);
        let mut answers =
            reflection.server_reflection_info(tokio_stream::once(list)).await?.into_inner();
        let answer = answers.message().await?.context("an answer")?;
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            anyhow::bail!("{answer:?}");
        };
        let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
        for service in SERVICES.iter().chain(&["grpc.health.v1.Health"]) {
            ensure!(names.contains(service), "{service} is not among {names:?}");
        }
        Ok(())
    })
}

#[test]
fn a_newer_dictionary_is_refused_in_the_words_that_old_proxies_know() -> Result<()> {
    let mixer = start(&[])?;
    runtime()?.block_on(async {
        let mut client = MixerClient::new(connect(&mixer).await?);
        let beginning = "Request could not be processed due to invalid";
        for (known, accepted) in [(0, true), (222, true), (223, false), (u32::MAX, false)] {
            let check = istio::CheckRequest { global_word_count: known, ..Default::default() };
            let report = istio::ReportRequest { global_word_count: known, ..Default::default() };
            let answers =
                [client.check(check).await.map(drop), client.report(report).await.map(drop)];
            for answer in answers {
                let Err(refusal) = answer else {
                    ensure!(accepted, "{known} words were accepted");
                    continue;
                };
                ensure!(!accepted && refusal.code() == Code::InvalidArgument, "{refusal}");
                ensure!(refusal.message().starts_with(beginning), "{refusal}");
            }
        }
        Ok(())
    })
}

#[test]
fn connections_that_do_not_speak_http2_or_say_nothing_are_closed() -> Result<()> {
    let mixer = start(&["--handshake-timeout=1s"])?;
    runtime()?.block_on(async {
        let channel = connect(&mixer).await?;
        require_served(&channel).await?;
        let mut strangers = Vec::new();
        for words in [&b"GET / HTTP/1.1\r\nhost: mixer\r\n\r\n"[..], &[0xff; 4096]] {
            let mut stream = TcpStream::connect(mixer.grpc())?;
            stream.write_all(words)?;
            strangers.push(stream);
        }
        for words in [&b""[..], b"PRI * HTTP/2.0"] {
            let mut stream = TcpStream::connect(mixer.grpc())?;
            stream.write_all(words)?;
            strangers.push(stream);
        }
        for mut stream in strangers {
            stream.set_read_timeout(Some(LIMIT))?;
            // Closed, by an end or a reset; not for want of patience.
            if let Err(cause) = stream.read(&mut [0; 1]) {
                ensure!(cause.kind() == std::io::ErrorKind::ConnectionReset, "{cause}");
            }
        }
        require_served(&channel).await?;
        assert_eq!((refused(&mixer, "not_http2")?, refused(&mixer, "slow")?), (2, 2));
        Ok(())
    })
}

/// Ten thousand, or what this machine lets one process have.
fn connections_of_a_crowd() -> u64 {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(_) => limits.current,
    };
    // Other tests of this process have files open as well.
    files.unwrap_or(u64::MAX).saturating_sub(500).clamp(300, 10_000)
}

#[test]
fn one_address_with_many_connections_leaves_room_for_others() -> Result<()> {
    let mixer = start(&["--max-connections-per-client=50", "--max-handshakes=10"])?;
    runtime()?.block_on(async {
        let channel = connect(&mixer).await?;
        require_served(&channel).await?;
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let mut held = Vec::new();
        let many = connections_of_a_crowd();
        for _ in 0..many {
            let mut stream = TcpStream::connect(mixer.grpc())?;
            // It may be closed already.
            let _written = stream.write_all(preface);
            held.push(stream);
        }
        wait_until("the place of one address to be full", LIMIT, || {
            // Some hold a place until the oldest handshake must go.
            let all = refused(&mixer, "client_limit")? + refused(&mixer, "handshakes")?;
            ensure!(all >= many - 50 && open(&mixer)? <= 50);
            Ok(())
        })?;
        // Who is connected is served, and another address gets in.
        require_served(&channel).await?;
        let other: IpAddr = [127, 0, 0, 2].into();
        let other = endpoint(&mixer)?.local_address(Some(other)).connect().await?;
        require_served(&other).await?;
        drop(held);
        wait_until("the places to be free again", LIMIT, || {
            ensure!(open(&mixer)? <= 2);
            Ok(())
        })?;
        require_served(&connect(&mixer).await?).await
    })
}

#[test]
fn a_call_that_never_arrives_gives_its_place_back() -> Result<()> {
    let mixer = start(&["--call-timeout=1s"])?;
    runtime()?.block_on(async {
        let channel = connect(&mixer).await?;
        for path in ["/istio.mixer.v1.Mixer/Check", "/envoy.service.auth.v3.Authorization/Check"] {
            let mut client = tonic::client::Grpc::new(channel.clone());
            client.ready().await?;
            let never = Request::new(tokio_stream::pending::<Bytes>());
            let answer = client.client_streaming(never, path.parse()?, RawCodec).await;
            let status = answer.map(drop).unwrap_err();
            ensure!(status.code() == Code::DeadlineExceeded, "{path}: {status}");
        }
        require_served(&channel).await
    })
}

#[test]
fn questions_that_make_no_sense_get_a_status_and_never_a_pass() -> Result<()> {
    let mixer = start(&[])?;
    runtime()?.block_on(async {
        let channel = connect(&mixer).await?;
        let with_extension = |name: &str, value: &str| {
            let mut question = question("/");
            let context = question.attributes.get_or_insert_default();
            context.context_extensions.insert(name.to_owned(), value.to_owned());
            question
        };
        let with_headers = |count: usize, length: usize| {
            let mut question = question("/");
            let context = question.attributes.get_or_insert_default();
            let http = context.request.get_or_insert_default().http.get_or_insert_default();
            http.headers = (0..count).map(|n| (format!("x-{n}"), "v".repeat(length))).collect();
            question
        };
        for (question, code, told) in [
            (CheckRequest::default(), Code::InvalidArgument, "no attributes"),
            (with_extension("destination.port", "http"), Code::InvalidArgument, "destination.port"),
            (with_extension("", "x"), Code::InvalidArgument, "no attribute's name"),
            (with_headers(20_000, 1), Code::InvalidArgument, "more than"),
            (with_headers(2, 600_000), Code::OutOfRange, "too large"),
        ] {
            let refusal = ask(&channel, question).await.unwrap_err();
            ensure!(refusal.code() == code && refusal.message().contains(told), "{refusal}");
        }
        require_served(&channel).await
    })?;
    let errors = mixer.metrics()?.count("mixer_ext_authz_requests_total", &[("answer", "error")]);
    // The one that was too large was never read.
    assert_eq!(errors, 4);
    Ok(())
}

#[test]
fn a_stream_of_logs_must_say_whose_it_is_and_there_are_only_so_many() -> Result<()> {
    let mixer = start(&["--max-access-log-streams=1"])?;
    runtime()?.block_on(async {
        let channel = connect(&mixer).await?;
        let mut logs = AccessLogServiceClient::new(channel.clone());
        let nameless = tokio_stream::once(StreamAccessLogsMessage::default());
        let refusal = logs.stream_access_logs(nameless).await.unwrap_err();
        ensure!(refusal.code() == Code::InvalidArgument, "{refusal}");
        ensure!(refusal.message().contains("no identifier"), "{refusal}");

        let named = StreamAccessLogsMessage {
            identifier: Some(Identifier::default()),
            ..StreamAccessLogsMessage::default()
        };
        let (held, messages) = tokio::sync::mpsc::channel(1);
        held.send(named.clone()).await?;
        let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
        let mut first = logs.clone();
        let first = async move { first.stream_access_logs(messages).await };
        let second = async {
            wait_until_open(&mixer)?;
            let refusal = logs.stream_access_logs(tokio_stream::once(named)).await.unwrap_err();
            ensure!(refusal.code() == Code::ResourceExhausted, "{refusal}");
            ensure!(refusal.message().contains("--max-access-log-streams"), "{refusal}");
            drop(held);
            anyhow::Ok(())
        };
        let (first, second) = tokio::join!(first, second);
        second?;
        first?;
        require_served(&channel).await
    })?;
    let ended = mixer.metrics()?.sum("mixer_access_log_streams_refused_total", &[]);
    assert_eq!((ended, mixer.metrics()?.sum("mixer_access_log_streams", &[])), (2.0, 0.0));
    Ok(())
}

fn wait_until_open(mixer: &Mixer) -> Result<()> {
    wait_until("the stream to be open", LIMIT, || {
        ensure!(mixer.metrics()?.count("mixer_access_log_streams", &[]) == 1);
        Ok(())
    })
}
