use proptest::prelude::*;

use super::*;

fn frame(message: &[u8]) -> Vec<u8> {
    Frame::write(|out| out.extend_from_slice(message)).bytes().to_vec()
}

fn reply(headers: &[(&str, &str)], data: &[u8]) -> UnaryReply {
    let mut reply = UnaryReply::new(1000);
    for (name, value) in headers {
        reply.header(name.as_bytes(), value.as_bytes());
    }
    assert!(reply.data(data));
    reply
}

#[test]
fn a_call_succeeds_with_status_zero_and_one_whole_message() {
    let mut good = reply(&[(":status", "200"), ("grpc-status", "0")], &frame(b"answer"));
    assert_eq!(good.finish(), Ok(&b"answer"[..]));
    let mut empty = reply(&[("grpc-status", "0")], &frame(b""));
    assert_eq!(empty.finish(), Ok(&b""[..]));
}

#[test]
fn a_message_without_a_status_is_a_failure() {
    let failure = reply(&[(":status", "200")], &frame(b"answer")).finish().unwrap_err();
    assert!(failure.transport);
    assert!(!failure.unsent);
}

#[test]
fn a_status_after_a_message_decides() {
    let failure = reply(&[("grpc-status", "7")], &frame(b"answer")).finish().unwrap_err();
    assert_eq!(failure.status, 7);
    assert!(!failure.transport, "the service has spoken");
}

#[test]
fn a_status_that_is_no_number_is_a_failure() {
    let failure = reply(&[("grpc-status", "zero")], &frame(b"answer")).finish().unwrap_err();
    assert_eq!(failure.status, status::UNKNOWN);
}

#[test]
fn garbage_with_status_zero_is_a_failure_that_is_not_the_transports() {
    let two = [frame(b"a"), frame(b"b")].concat();
    let compressed = [&[1, 0, 0, 0, 1], &b"x"[..]].concat();
    let too_large = [&[0, 0, 1, 0, 0][..]].concat();
    for garbage in [&b""[..], b"\0", &frame(b"answer")[..8], &two, &compressed, &too_large] {
        let failure = reply(&[("grpc-status", "0")], garbage).finish().unwrap_err();
        assert!(!failure.transport, "{garbage:?}: {failure:?}");
    }
}

#[test]
fn the_proxys_own_failures_are_the_transports() {
    let refused = "upstream connect error or disconnect/reset before headers. reset reason: \
                   remote connection failure, transport failure reason: Connection refused";
    let failure =
        reply(&[("grpc-status", "14"), ("grpc-message", refused)], b"").finish().unwrap_err();
    assert!(failure.transport && failure.unsent);
    let timeout =
        reply(&[("grpc-status", "14"), ("grpc-message", "upstream request timeout")], b"");
    let failure = { timeout }.finish().unwrap_err();
    assert!(failure.transport && !failure.unsent, "it may have been received");
    let spoken = [
        ("grpc-status", "14"),
        ("grpc-message", "backend: connection failure"),
        ("x-envoy-upstream-service-time", "3"),
    ];
    let failure = reply(&spoken, b"").finish().unwrap_err();
    assert!(!failure.unsent, "the service's own words say nothing about the way to it");
    assert!(reply(&[(":status", "503")], b"").finish().unwrap_err().transport);
}

#[test]
fn an_answer_that_is_too_long_is_noticed_before_it_is_kept() {
    let mut reply = UnaryReply::new(10);
    assert!(reply.data(&[0; 15]));
    assert!(!reply.data(&[0; 1]));
}

#[test]
fn messages_of_failures_are_percent_decoded() {
    for (encoded, decoded) in [
        ("plain", "plain"),
        ("a%20b", "a b"),
        ("%C3%A9", "é"),
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        ("%FF", "\u{fffd}"),
    ] {
        assert_eq!(percent_decode(encoded.as_bytes()), decoded);
    }
}

proptest! {
    #[test]
    fn messages_come_out_as_they_went_in_however_they_are_cut(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..8),
        cut in 1usize..30,
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
        let mut reader = FrameReader::new(50);
        let mut read = Vec::new();
        for piece in bytes.chunks(cut) {
            reader.push(piece);
            while let Some(message) = reader.next_message().unwrap() {
                read.push(message.to_vec());
            }
        }
        prop_assert_eq!(read, messages);
        prop_assert!(!reader.has_rest());
    }

    #[test]
    fn no_bytes_upset_the_reader(pieces in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..20), 0..20)
    ) {
        let mut reader = FrameReader::new(64);
        for piece in pieces {
            reader.push(&piece);
            while let Ok(Some(message)) = reader.next_message() {
                prop_assert!(message.len() <= 64);
            }
        }
    }
}
