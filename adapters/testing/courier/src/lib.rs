//! For tests: opens the targets and documents that its parameters list, and then does as each checked
//! value says:
//!
//! * `send TARGET ELEMENTS TOKEN TEXT`, with `-` for no token,
//! * `flood TARGET COUNT BYTES`: so many messages of one element,
//! * `version LIST`, `read LIST`,
//! * `open PARAMETER`: too late for that.
//!
//! It answers with what came of it. On connections it says `HELLO` and expects lines: `WELCOME`,
//! `ACK TOKEN`, and for its own misbehaviour `BYE`, `CRASH`, `SWELL`.

use adapter_sdk::host::{lists, outbound};
use adapter_sdk::{
    Adapter, CallError, CheckResult, Code, Conversation, InstanceIndex, Instances, ListEntry,
    Problems, Step, Value,
};
use schemars::JsonSchema;
use serde::Deserialize;

adapter_sdk::export!(Courier: listentry, conversation);

/// The adapter.
#[derive(Debug)]
pub struct Courier;

/// What a handler of this adapter is configured with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    address: String,
    second_address: String,
    collectors: Vec<Collector>,
    ca_file: String,
    /// What it opens.
    targets: Vec<Target>,
    documents: Vec<Document>,
    /// Sends to target 0 while it is being configured.
    hasty: bool,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Collector {
    url: String,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Target {
    parameter: String,
    protocol: String,
    lines: Option<Lines>,
    default_path: String,
    headers: Vec<(String, String)>,
    gzip: bool,
    conversation: bool,
    /// Opens it so often.
    repeat: Option<u32>,
}

/// Bundles of lines in brackets.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Lines {
    max_bytes: u32,
    linger_ms: u64,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Document {
    parameter: String,
    refresh_ms: u64,
    keep_ms: u64,
    max_bytes: u64,
}

impl Adapter for Courier {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        for target in &parameters.targets {
            for _ in 0..target.repeat.unwrap_or(1) {
                if let Err(problem) = outbound::open(&target.asked()) {
                    problems.add(&target.parameter, problem);
                }
            }
        }
        for document in &parameters.documents {
            let source = lists::Source {
                parameter: document.parameter.clone(),
                refresh: document.refresh_ms * 1_000_000,
                keep: document.keep_ms * 1_000_000,
                max_bytes: document.max_bytes,
            };
            if let Err(problem) = lists::open(&source) {
                problems.add(&document.parameter, problem);
            }
        }
        if parameters.hasty {
            problems.add("hasty", send(0, 1, None, b"too early".to_vec()));
        }
        problems.none_or(Self)
    }
}

impl Target {
    fn asked(&self) -> outbound::Target {
        let assembly = self.lines.as_ref().map(|lines| outbound::Assembly {
            prefix: b"[".to_vec(),
            separator: b"\n".to_vec(),
            suffix: b"]".to_vec(),
            max_bytes: lines.max_bytes,
            linger: lines.linger_ms * 1_000_000,
        });
        let protocol = match self.protocol.as_str() {
            "udp" => outbound::Protocol::Udp,
            "tcp" => outbound::Protocol::Tcp,
            _ => outbound::Protocol::Http,
        };
        let http = (protocol == outbound::Protocol::Http).then(|| outbound::HttpOptions {
            default_path: self.default_path.clone(),
            headers: self.headers.clone(),
            gzip: self.gzip,
        });
        let (parameter, conversation) = (self.parameter.clone(), self.conversation);
        outbound::Target { parameter, protocol, assembly, http, conversation }
    }
}

impl ListEntry for Courier {
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        let Value::Text(order) = value else { return Err(CallError::caller("no order")) };
        let mut words = order.splitn(5, ' ');
        let mut word = || words.next().unwrap_or_default();
        let verb = word();
        let answer = match verb {
            "send" => {
                let (target, elements) = (number(word()), number(word()));
                let token = Some(word()).filter(|token| *token != "-").map(str::to_owned);
                send(target, elements, token, word().as_bytes().to_vec())
            }
            "flood" => flood(number(word()), number(word()), number(word())),
            "version" => match lists::version(number(word())) {
                None => "none".to_owned(),
                Some(version) => version.to_string(),
            },
            "read" => match lists::read(number(word())) {
                None => "none".to_owned(),
                Some(document) => {
                    format!("{} {}", document.version, String::from_utf8_lossy(&document.content))
                }
            },
            "open" => {
                let parameter = word().to_owned();
                format!("{:?}", outbound::open(&Target { parameter, ..Target::default() }.asked()))
            }
            _ => return Err(CallError::caller("no such order")),
        };
        Ok(CheckResult::once(Code::OK, answer))
    }
}

impl Conversation for Courier {
    fn opened(&mut self, _target: u32) -> Result<Step, String> {
        Ok(Step { state: Vec::new(), send: b"HELLO\n".to_vec(), ready: false, settled: Vec::new() })
    }

    /// What is remembered is the start of a line.
    fn received(&mut self, _target: u32, state: &[u8], data: &[u8]) -> Result<Step, String> {
        let mut step =
            Step { state: Vec::new(), send: Vec::new(), ready: false, settled: Vec::new() };
        let said = [state, data].concat();
        for line in said.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else {
                step.state = line.to_vec();
                break;
            };
            match line {
                b"WELCOME" => step.ready = true,
                b"BYE" => return Err("told to go".to_owned()),
                b"CRASH" => panic!("told to crash"),
                b"SWELL" => step.state = vec![b'x'; 100 << 10],
                _ => {
                    let token = line.strip_prefix(b"ACK ").ok_or("that is no line")?;
                    step.settled.push(String::from_utf8_lossy(token).into_owned());
                }
            }
        }
        Ok(step)
    }
}

fn send(target: u32, elements: u32, token: Option<String>, data: Vec<u8>) -> String {
    match outbound::send(target, &outbound::Message { data, elements, token }) {
        Ok(()) => "taken".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// Says how many messages were taken.
fn flood(target: u32, count: u32, bytes: u32) -> String {
    let data = vec![b'f'; bytes as usize];
    let message = outbound::Message { data, elements: 1, token: None };
    let taken = (0..count).filter(|_| outbound::send(target, &message).is_ok());
    taken.count().to_string()
}

fn number(word: &str) -> u32 {
    word.parse().unwrap_or(u32::MAX)
}
