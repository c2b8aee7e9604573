use std::io::Read;

use adapter_sdk::host::outbound::SendError;
use adapter_sdk::testing::{
    TestHandler, TestInstance, instance, refuse_messages, sent, set_now, targets,
};
use adapter_sdk::{FailedElement, Step, Template, Value, ValueType};
use flate2::read::GzDecoder;
use rmpv::Value as Packed;
use rmpv::decode::read_value;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha512};

use super::Fluentd;

type Handler = TestHandler<Fluentd>;

const NAME: &str = "access.instance.default";
/// 2024-05-31T12:00:00.000000007Z.
const NOON: i64 = 1_717_156_800_000_000_007;

fn declared(fields: &[(&str, ValueType)]) -> TestInstance {
    instance(NAME, Template::LogEntry, fields, None)
}

fn parameters(more: &Json) -> Json {
    let mut parameters = json!({ "address": "127.0.0.1:24224" });
    for (field, value) in more.as_object().unwrap() {
        parameters[field] = value.clone();
    }
    parameters
}

fn handler(more: &Json, fields: &[(&str, ValueType)]) -> Handler {
    Handler::configure(parameters(more), vec![declared(fields)]).unwrap()
}

/// A handler with one text variable `path`.
fn plain(more: &Json) -> Handler {
    handler(more, &[("path", ValueType::Text)])
}

fn report(handler: &mut Handler, paths: &[&str]) -> Vec<FailedElement> {
    let variables: Vec<[Value<'_>; 1]> = paths.iter().map(|path| [Value::Text(path)]).collect();
    let entries: Vec<_> = variables.iter().map(|v| (0, "Info", NOON, &v[..])).collect();
    handler.report_log_entries(&entries)
}

/// A message as a server reads it: tag, entries, options.
fn messages() -> Vec<(String, Vec<Packed>, Packed)> {
    let message = |data: Vec<u8>| {
        let message = read_value(&mut &data[..]).unwrap();
        let [tag, entries, options] = message.as_array().unwrap().as_slice() else {
            panic!("{message}")
        };
        let mut bytes = entries.as_slice().unwrap().to_vec();
        if options["compressed"].as_str() == Some("gzip") {
            let mut unpacked = Vec::new();
            GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).unwrap();
            bytes = unpacked;
        }
        let mut unread = &bytes[..];
        let mut entries = Vec::new();
        while !unread.is_empty() {
            entries.push(read_value(&mut unread).unwrap());
        }
        assert_eq!(options["size"].as_u64(), Some(entries.len() as u64));
        (tag.as_str().unwrap().to_owned(), entries, options.clone())
    };
    sent().into_iter().map(|(_, sent)| message(sent.data)).collect()
}

fn pack(value: &Packed) -> Vec<u8> {
    let mut out = Vec::new();
    rmpv::encode::write_value(&mut out, value).unwrap();
    out
}

fn map(entries: &[(&str, Packed)]) -> Packed {
    Packed::Map(entries.iter().map(|(key, value)| (Packed::from(*key), value.clone())).collect())
}

fn ack(token: &str) -> Vec<u8> {
    pack(&map(&[("ack", token.into())]))
}

fn hello(nonce: &str, auth: &str) -> Vec<u8> {
    let options = [("nonce", nonce.into()), ("auth", auth.into()), ("keepalive", true.into())];
    pack(&Packed::Array(vec!["HELO".into(), map(&options)]))
}

/// SHA-512 in hexadecimal, as the protocol's texts have it.
fn sha512(parts: &[&[u8]]) -> String {
    let hash = Sha512::digest(parts.concat());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server with a key answers PING.
fn pong(ping: &Step, nonce: &str, key: &str, accepts: bool) -> Vec<u8> {
    let ping = read_value(&mut &ping.send[..]).unwrap();
    let salt = ping[2].as_slice().unwrap();
    let proof = sha512(&[salt, b"server", nonce.as_bytes(), key.as_bytes()]);
    let parts = ["PONG".into(), accepts.into(), "not you".into(), "server".into(), proof.into()];
    pack(&Packed::Array(parts.into()))
}

#[test]
fn entries_of_a_batch_are_one_message_with_times_to_the_nanosecond() {
    let mut handler = plain(&json!({}));
    assert_eq!(report(&mut handler, &["/a", "/b"]), []);
    let [(tag, entries, options)] = messages().try_into().unwrap();
    assert_eq!(tag, NAME);
    let time = [&1_717_156_800_u32.to_be_bytes()[..], &7_u32.to_be_bytes()].concat();
    let entry = |path: &str| {
        let record = map(&[("severity", "Info".into()), ("path", path.into())]);
        Packed::Array(vec![Packed::Ext(0, time.clone()), record])
    };
    assert_eq!(entries, [entry("/a"), entry("/b")]);
    let [(_, message)] = sent().try_into().unwrap();
    assert_eq!(options["chunk"].as_str(), message.token.as_deref());
    assert_eq!(message.elements, 2);
}

#[test]
fn every_type_of_value_has_its_own_form() {
    let fields = [
        ("a", ValueType::Int64),
        ("b", ValueType::Double),
        ("c", ValueType::Boolean),
        ("d", ValueType::Duration),
        ("e", ValueType::IpAddress),
        ("f", ValueType::Timestamp),
    ];
    let values = [
        Value::Int64(-3),
        Value::Double(0.5),
        Value::Boolean(true),
        Value::Duration(1_500_000_000),
        Value::IpAddress(&[10, 0, 0, 1]),
        Value::Timestamp(NOON),
    ];
    for (integer_duration, duration) in [(false, Packed::from("1.5s")), (true, Packed::from(1500))]
    {
        let mut handler = handler(&json!({ "integerDuration": integer_duration }), &fields);
        assert_eq!(handler.report_log_entries(&[(0, "", NOON, &values)]), []);
        let (_, entries, _) = messages().pop().unwrap();
        let expected = map(&[
            ("severity", "".into()),
            ("a", (-3).into()),
            ("b", 0.5.into()),
            ("c", true.into()),
            ("d", duration),
            ("e", "10.0.0.1".into()),
            ("f", "2024-05-31T12:00:00.000000007Z".into()),
        ]);
        assert_eq!(entries[0][1], expected);
    }
}

#[test]
fn a_variable_named_tag_is_the_tag_and_the_instance_becomes_the_name() {
    let fields = [("path", ValueType::Text), ("tag", ValueType::Text)];
    let mut handler = handler(&json!({}), &fields);
    let entry = |path, tag| [Value::Text(path), Value::Text(tag)];
    let (a, b, c) = (entry("/a", "mesh.a"), entry("/b", "mesh.b"), entry("/c", ""));
    let failed = handler.report_log_entries(&[
        (0, "Info", NOON, &a),
        (0, "Info", NOON, &b),
        (0, "Info", NOON, &c),
    ]);
    assert_eq!(failed, []);
    let tags: Vec<String> = messages().into_iter().map(|(tag, ..)| tag).collect();
    assert_eq!(tags, [NAME, "mesh.a", "mesh.b"]);
    let (_, entries, _) = &messages()[1];
    let record = [("severity", "Info".into()), ("name", NAME.into()), ("path", Packed::from("/a"))];
    assert_eq!(entries[0][1], map(&record));
}

#[test]
fn compressed_messages_unpack_to_the_same_entries() {
    report(&mut plain(&json!({ "gzip": false })), &["/a", "/b"]);
    report(&mut plain(&json!({ "gzip": true })), &["/a", "/b"]);
    let [(_, plain, _), (_, unpacked, options)] = messages().try_into().unwrap();
    assert_eq!(plain, unpacked);
    assert_eq!(options["compressed"].as_str(), Some("gzip"));
}

#[test]
fn messages_hold_no_more_than_allowed_and_longer_entries_fail_alone() {
    let mut handler = plain(&json!({ "max_batch_size_bytes": 100 }));
    let failed = report(&mut handler, &["/a", "/b", "/c", "/d", &"x".repeat(100)]);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].element, 4);
    let sizes: Vec<usize> = messages().iter().map(|(_, entries, _)| entries.len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 4);
    assert!(sizes.len() > 1, "{sizes:?}");
}

#[test]
fn equal_batches_have_names_of_their_own() {
    let mut handler = plain(&json!({}));
    report(&mut handler, &["/a"]);
    report(&mut handler, &["/a"]);
    let tokens: Vec<_> = sent().into_iter().map(|(_, message)| message.token).collect();
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn without_acknowledgements_messages_carry_no_name_and_are_put_together_by_the_host() {
    let mut handler = plain(&json!({ "ack": false, "push_interval_duration": "5s" }));
    report(&mut handler, &["/a"]);
    let [(_, _, options)] = messages().try_into().unwrap();
    assert_eq!(options, map(&[("size", 1.into())]));
    let [target] = targets().try_into().unwrap();
    assert!(!target.conversation);
    assert_eq!(target.assembly.unwrap().linger, 5_000_000_000);
}

#[test]
fn what_the_queue_does_not_take_has_failed() {
    let mut handler = plain(&json!({}));
    refuse_messages(Some(SendError::Full));
    let failed = report(&mut handler, &["/a", "/b"]);
    refuse_messages(None);
    let failed: Vec<_> = failed.iter().map(|f| (f.element, &*f.message)).collect();
    let why = "the queue to the server is full";
    assert_eq!(failed, [(0, why), (1, why)]);
    assert_eq!(report(&mut handler, &["/c"]), []);
}

#[test]
fn acknowledgements_settle_messages_even_when_they_come_in_pieces() {
    let mut handler = plain(&json!({}));
    let opened = handler.opened(0).unwrap();
    assert!(opened.ready);
    let acks = [ack("first"), ack("second")].concat();
    let (one, other) = acks.split_at(acks.len() - 3);
    let step = handler.received(0, &opened.state, one).unwrap();
    assert_eq!(step.settled, ["first"]);
    let step = handler.received(0, &step.state, other).unwrap();
    assert_eq!(step.settled, ["second"]);
}

#[test]
fn a_login_proves_the_key_to_each_other_and_the_user_to_the_server() {
    set_now(NOON);
    let login = json!({
        "shared_key": "secret", "username": "mesh", "password": "pass", "hostname": "proxy",
    });
    let mut handler = plain(&login);
    let opened = handler.opened(0).unwrap();
    assert!(!opened.ready);
    let ping = handler.received(0, &opened.state, &hello("nonce", "auth")).unwrap();
    assert!(!ping.ready);
    let parts = read_value(&mut &ping.send[..]).unwrap();
    let salt = parts[2].as_slice().unwrap();
    assert_eq!(parts[0].as_str(), Some("PING"));
    assert_eq!(parts[1].as_str(), Some("proxy"));
    assert_eq!(parts[3].as_str(), Some(&*sha512(&[salt, b"proxy", b"nonce", b"secret"])));
    assert_eq!(parts[4].as_str(), Some("mesh"));
    assert_eq!(parts[5].as_str(), Some(&*sha512(&[b"auth", b"mesh", b"pass"])));
    let open = handler.received(0, &ping.state, &pong(&ping, "nonce", "secret", true)).unwrap();
    assert!(open.ready);
    let step = handler.received(0, &open.state, &ack("token")).unwrap();
    assert_eq!(step.settled, ["token"]);
}

#[test]
fn servers_that_refuse_or_lie_are_left_with_the_reason() {
    let mut handler = plain(&json!({ "shared_key": "secret" }));
    let opened = handler.opened(0).unwrap();
    let ping = handler.received(0, &opened.state, &hello("n", "")).unwrap();
    let refused = handler.received(0, &ping.state, &pong(&ping, "n", "secret", false));
    assert_eq!(refused.unwrap_err(), "the server refused the login: not you");
    let lied = handler.received(0, &ping.state, &pong(&ping, "n", "guess", true));
    assert_eq!(lied.unwrap_err(), "the server does not have the shared_key");
    let asks = handler.received(0, &opened.state, &hello("n", "auth"));
    assert_eq!(asks.unwrap_err(), "the server asks for a user: set username and password");
    let other = handler.received(0, &opened.state, &ack("token"));
    assert_eq!(other.unwrap_err(), "the server sent something else than HELO");
}

#[test]
fn garbage_and_floods_end_the_connection() {
    let mut handler = plain(&json!({}));
    let opened = handler.opened(0).unwrap();
    for garbage in [&[0xc1][..], b"HTTP/1.1 400 Bad Request\r\n", &[0x93; 100]] {
        assert!(handler.received(0, &opened.state, garbage).is_err(), "{garbage:?}");
    }
    let endless = [&[0xdb, 0xff, 0xff, 0xff, 0xff][..], &[b'x'; 64 << 10]].concat();
    let error = handler.received(0, &opened.state, &endless).unwrap_err();
    assert!(error.contains("more than 32768 bytes"), "{error}");
    let asks = handler.received(0, &opened.state, &hello("n", ""));
    assert_eq!(asks.unwrap_err(), "the server asks for a shared key: set shared_key");
    assert!(handler.received(0, &[1, 2], &ack("token")).is_err());
}

#[test]
fn mistakes_in_the_parameters_are_told_all_at_once() {
    let more = json!({ "max_batch_size_bytes": 0, "password": "x", "hostname": "" });
    assert_eq!(
        Handler::problems(parameters(&more), vec![declared(&[])]),
        [
            "max_batch_size_bytes: must be 1 to 8388608",
            "password: is asked for by servers with a shared_key alone: set it",
            "hostname: must not be empty",
        ]
    );
}
