//! What no client and no operator should send, and some will.

use anyhow::{Context, Result, ensure};
use mesh_api::RawCodec;
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::{ReportEncoder, encode_check_request};
use prost::bytes::Bytes;
use serde_json::Value;
use testbed::{Mixer, TestMesh, http, wait_until};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::readings::LIMIT;

const CHECK: &str = "/istio.mixer.v1.Mixer/Check";
const REPORT: &str = "/istio.mixer.v1.Mixer/Report";
/// Mutilated messages sent to each method.
const MESSAGES: usize = 100;

async fn connect(mixer: &Mixer) -> Result<Channel> {
    Ok(Endpoint::new(format!("http://{}", mixer.grpc()))?.connect().await?)
}

async fn send(channel: &Channel, method: &'static str, bytes: Vec<u8>) -> Result<Bytes, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|cause| Status::unavailable(cause.to_string()))?;
    let request = Request::new(Bytes::from(bytes));
    Ok(client.unary(request, method.parse().expect("a path"), RawCodec).await?.into_inner())
}

fn bag() -> AttributeBag {
    AttributeBag::new()
        .with("destination.namespace", "default")
        .with("context.protocol", "http")
        .with("request.path", "/admin")
        .with("origin.ip", "not in the dictionary")
}

fn good_check() -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_check_request(&bag(), "id", &[], &mut bytes);
    bytes
}

fn good_report() -> Vec<u8> {
    let mut encoder = ReportEncoder::new();
    assert!(encoder.push(&bag()));
    encoder.finish().expect("one element was pushed")
}

/// Messages that break the wire format in every way it can be broken, wherever the bytes of `good` lead.
fn broken(good: &[u8]) -> Vec<Vec<u8>> {
    let attributes_field = good[0];
    let endings: [&[u8]; 10] = [
        // A field that ends within its key, its varint, its length, its bytes.
        &[0x80],
        &[0x10, 0x80],
        &[0x0a, 0xff],
        &[0x0a, 0x7f, 0x00],
        // A varint of eleven bytes; a length of 2^63.
        &[0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        // Field number 0; wire types 6 and 7.
        &[0x00, 0x00],
        &[0x0e],
        &[0x0f],
        // A fixed64 of three bytes.
        &[0x79, 0x01, 0x02, 0x03],
    ];
    let mut messages: Vec<Vec<u8>> = endings.iter().map(|ending| [good, ending].concat()).collect();
    // The same within the attributes.
    for ending in endings {
        let length = u8::try_from(ending.len()).expect("endings are short");
        messages.push([&[attributes_field, length], ending].concat());
    }
    // Cut off within the first field, which is the attributes and shorter than 128 bytes.
    let cuts = (2..2 + usize::from(good[1])).cycle();
    messages.extend(cuts.take(MESSAGES - messages.len()).map(|cut| good[..cut].to_vec()));
    messages
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

#[test]
fn a_hundred_malformed_messages_of_each_kind_are_refused_and_mixer_serves_on() -> Result<()> {
    let mixer = TestMesh::new()?.with_demo_file("deny.yaml")?.start_mixer()?;
    runtime()?.block_on(async {
        let channel = connect(&mixer).await?;
        for (method, good) in [(CHECK, good_check()), (REPORT, good_report())] {
            let expected = send(&channel, method, good.clone()).await?;
            let messages = broken(&good);
            assert_eq!(messages.len(), MESSAGES);
            for message in messages {
                let refusal = send(&channel, method, message.clone()).await;
                let refusal =
                    refusal.err().with_context(|| format!("{method} took {message:02x?}"))?;
                ensure!(
                    refusal.code() == Code::InvalidArgument,
                    "{method} of {message:02x?}: {refusal}"
                );
                ensure!(!refusal.message().is_empty(), "{method} of {message:02x?}: no text");
            }
            // The same channel still gets the same answer, apart from what changes in any answer.
            let answer = send(&channel, method, good).await?;
            assert_eq!(answer.is_empty(), expected.is_empty());
        }
        Ok(())
    })?;
    let refused = mixer.metrics()?.sum("mixer_malformed_messages_total", &[]);
    ensure!(refused >= 2.0 * MESSAGES as f64, "{refused} were counted");
    Ok(())
}

#[test]
fn bytes_flipped_at_random_never_harm_mixer() -> Result<()> {
    let mixer = TestMesh::new()?.with_demo_file("deny.yaml")?.start_mixer()?;
    runtime()?.block_on(async {
        let channel = connect(&mixer).await?;
        // A fixed sequence: a failure can be repeated.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).expect("below a usize")
        };
        for (method, good) in [(CHECK, good_check()), (REPORT, good_report())] {
            for _ in 0..500 {
                let mut message = good.clone();
                for _ in 0..=random(3) {
                    let at = random(message.len());
                    message[at] ^= 1 << random(8);
                }
                // Some of these are still messages. What must not come is a failure of Mixer.
                if let Err(refusal) = send(&channel, method, message.clone()).await {
                    let code = refusal.code();
                    ensure!(code == Code::InvalidArgument, "{method} of {message:02x?}: {refusal}");
                }
            }
        }
        send(&channel, CHECK, good_check()).await?;
        Ok(())
    })
}

/// Files that are wrong, each in another way.
const MISTAKES: [(&str, &str); 7] = [
    ("no-yaml.yaml", "kind: [rule\nmetadata: {"),
    ("binary.yaml", "\u{0}\u{1}\u{2}kind: rule"),
    (
        "unknown-kind.yaml",
        "apiVersion: config.istio.io/v1alpha2\nkind: rull\nmetadata: {name: a, namespace: default}\nspec: {}\n",
    ),
    (
        "unknown-field.yaml",
        "apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata: {name: b, namespace: default}\nspec:\n  mach: \"true\"\n  actions: []\n",
    ),
    (
        "unknown-attribute.yaml",
        "apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata: {name: c, namespace: default}\nspec:\n  match: request.pth == \"/\"\n  actions: [{handler: denyadmin, instances: [admin]}]\n",
    ),
    (
        "unknown-adapter.yaml",
        "apiVersion: config.istio.io/v1alpha2\nkind: handler\nmetadata: {name: d, namespace: default}\nspec: {compiledAdapter: denyer}\n",
    ),
    (
        "type-error.yaml",
        "apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata: {name: e, namespace: default}\nspec:\n  match: request.size == \"large\"\n  actions: [{handler: denyadmin, instances: [admin]}]\n",
    ),
];

#[test]
fn a_folder_full_of_mistakes_is_told_file_by_file_and_good_rules_work() -> Result<()> {
    let mut mesh = TestMesh::new()?.with_demo_file("deny.yaml")?;
    for (file, text) in MISTAKES {
        mesh = mesh.with_file(file, text)?;
    }
    let config = mesh.config();
    let mixer = mesh.start_mixer()?;
    let problems = || -> Result<Vec<String>> {
        let answer = http::get(&format!("{}/debug/config", mixer.http_url()))?.require_ok()?;
        let debug: Value = serde_json::from_slice(&answer.body)?;
        let problems = debug["problems"].as_array().context("no list of problems")?;
        Ok(problems.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    };
    let told = problems()?;
    for (file, _) in MISTAKES {
        let of_file = format!("{file}:");
        ensure!(
            told.iter().any(|problem| problem.contains(&of_file)),
            "nothing of {file} in {told:#?}"
        );
    }
    let denied = |code: i32| -> Result<()> {
        runtime()?.block_on(async {
            let channel = connect(&mixer).await?;
            let answer = send(&channel, CHECK, good_check()).await?;
            let response: mesh_api::mixer::v1::CheckResponse = prost::Message::decode(answer)?;
            let status = response.precondition.and_then(|precondition| precondition.status);
            ensure!(status.as_ref().is_some_and(|status| status.code == code), "{status:?}");
            Ok(())
        })
    };
    denied(7)?;
    // With the mistakes gone, so are the problems.
    for (file, _) in MISTAKES {
        std::fs::remove_file(config.join(file))?;
    }
    wait_until("the problems to go", LIMIT, || {
        let left = problems()?;
        ensure!(left.is_empty(), "{left:#?}");
        Ok(())
    })?;
    denied(7)
}
