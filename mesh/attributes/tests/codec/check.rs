use mesh_attributes::wire::{CheckRequest, DecodeError, QuotaRequest, encode_check_request};
use mesh_attributes::{AttributeBag, AttributeName, Bag, OwnedValue};
use proptest::prelude::*;
use prost::Message;

use crate::bags::{self, NAMES, assert_alike, owned};
use crate::{messages, model};

pub(crate) fn encoded(bag: &AttributeBag) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_check_request(bag, "", &[], &mut bytes);
    bytes
}

/// The attributes that a request with this message has for us and for the model.
fn both(message: messages::CompressedAttributes) -> (AttributeBag, usize, AttributeBag) {
    let want = model::bag(&model::attributes(&message).0);
    let request = messages::CheckRequest { attributes: Some(message), ..Default::default() };
    let bytes = request.encode_to_vec();
    let request = CheckRequest::decode(&bytes).unwrap();
    (owned(&request.attributes), request.attributes.skipped(), want)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(bag in bags::bag(), id in ".{0,9}", amount: i64, best_effort: bool) {
        let quotas = [
            QuotaRequest { name: "RequestCount", amount, best_effort },
            QuotaRequest { name: "", amount: 0, best_effort: !best_effort },
        ];
        let mut bytes = Vec::new();
        encode_check_request(&bag, &id, &quotas, &mut bytes);
        let request = CheckRequest::decode(&bytes).unwrap();
        prop_assert_eq!(request.deduplication_id, id);
        prop_assert_eq!(request.global_word_count, 222);
        prop_assert_eq!(&request.quotas[..], &quotas[..]);
        prop_assert_eq!(request.attributes.skipped(), 0);
        prop_assert_eq!(owned(&request.attributes), bag);
    }

    #[test]
    fn look_ups_answer_like_the_owned_bag(bag in bags::bag()) {
        let bytes = encoded(&bag);
        let request = CheckRequest::decode(&bytes).unwrap();
        let names: Vec<&str> = bag.iter().map(|(name, _)| name.as_str()).chain(NAMES).collect();
        assert_alike(&request.attributes, &bag, &names);
    }

    #[test]
    fn prost_reads_what_we_write(bag in bags::bag(), id in ".{0,9}") {
        let quotas = [QuotaRequest { name: "q", amount: -3, best_effort: true }];
        let mut bytes = Vec::new();
        encode_check_request(&bag, &id, &quotas, &mut bytes);
        let message = messages::CheckRequest::decode(&bytes[..]).unwrap();
        prop_assert_eq!(message.deduplication_id, id);
        prop_assert_eq!(message.global_word_count, 222);
        prop_assert_eq!(&message.quotas["q"], &messages::QuotaParams { amount: -3, best_effort: true });
        let attributes = message.attributes.unwrap();
        let mut words = attributes.words.clone();
        words.sort_unstable();
        words.dedup();
        prop_assert_eq!(words.len(), attributes.words.len());
        let (attributes, fault) = model::attributes(&attributes);
        prop_assert_eq!(fault, Ok(()));
        prop_assert_eq!(model::bag(&attributes), bag);
    }

    #[test]
    fn messages_mean_what_the_model_says(message in model::message()) {
        let fault = model::attributes(&message).1;
        let (got, skipped, want) = both(message);
        prop_assert_eq!(got, want);
        prop_assert!(skipped == 0 || fault.is_err());
    }

    #[test]
    fn a_message_in_pieces_with_its_words_last_is_the_same(message in model::message()) {
        let piece = |attributes| {
            let attributes = Some(attributes);
            messages::CheckRequest { attributes, ..Default::default() }.encode_to_vec()
        };
        let want = both(message.clone()).0;
        let words = messages::CompressedAttributes { words: message.words.clone(), ..Default::default() };
        let rest = messages::CompressedAttributes { words: Vec::new(), ..message };
        let bytes = [piece(rest), piece(words)].concat();
        prop_assert_eq!(owned(&CheckRequest::decode(&bytes).unwrap().attributes), want);
    }
}

/// A request whose attributes are these bytes.
fn request(attributes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(attributes.len()).unwrap();
    [&[0x0a, length][..], attributes].concat()
}

#[test]
fn a_dictionary_word_that_is_listed_is_found_by_its_name() {
    let message = messages::CompressedAttributes {
        words: vec!["request.path".into(), "GET".into()],
        strings: [(-1, -2)].into(),
        ..Default::default()
    };
    assert_eq!(both(message).0, AttributeBag::new().with("request.path", "GET"));
}

#[test]
fn an_attribute_with_an_unknown_word_is_absent_and_counted() {
    let message = messages::CompressedAttributes {
        words: vec!["x".into()],
        strings: [(-1, 222), (0, i32::MIN), (1, -2), (2, -1)].into(),
        int64s: [(-3, 1), (i32::MAX, 1)].into(),
        string_maps: [(15, messages::StringMap { entries: [(-1, -1), (-9, -1)].into() })].into(),
        ..Default::default()
    };
    let (got, skipped, _) = both(message);
    assert_eq!(got.len(), 1);
    assert_eq!(skipped, 6);
}

#[test]
fn a_text_with_an_unknown_word_hides_the_same_name_of_another_type() {
    let message = messages::CompressedAttributes {
        strings: [(0, 999)].into(),
        int64s: [(0, 1)].into(),
        ..Default::default()
    };
    assert!(both(message).0.is_empty());
}

#[test]
fn entries_have_the_defaults_of_protobuf() {
    // strings { } ; int64s { key: 30 } ; string_maps { key: 15 }
    let bytes = request(&[0x12, 0, 0x1a, 2, 0x08, 60, 0x4a, 2, 0x08, 30]);
    let request = CheckRequest::decode(&bytes).unwrap();
    let want = AttributeBag::new()
        .with("source.ip", "source.ip")
        .with("response.code", 0)
        .with("request.headers", []);
    assert_eq!(owned(&request.attributes), want);
}

#[test]
fn the_parts_of_a_repeated_value_are_merged_and_of_scalars_the_last_counts() {
    // timestamps { key: 133, value { seconds: 1 nanos: 1 }, value { seconds: 2 } } ; bools { key: 0
    // key: 1 value: true value: false }
    let bytes = request(&[
        0x32, 13, 0x08, 0x8a, 2, 0x12, 4, 0x08, 1, 0x10, 1, 0x12, 2, 0x08, 2, 0x2a, 8, 0x08, 0,
        0x08, 2, 0x10, 1, 0x10, 0,
    ]);
    let request = CheckRequest::decode(&bytes).unwrap();
    let want = AttributeBag::new()
        .with("context.time", mesh_attributes::Timestamp { seconds: 2, nanos: 1 })
        .with("source.port", false);
    assert_eq!(owned(&request.attributes), want);
}

#[test]
fn doubles_keep_their_bits() {
    for bits in [0x7ff8_0000_dead_beef, 1u64 << 63] {
        let bytes = encoded(&AttributeBag::new().with("x", f64::from_bits(bits)));
        let request = CheckRequest::decode(&bytes).unwrap();
        let value = request.attributes.get(&AttributeName::new("x")).map(OwnedValue::from);
        assert!(matches!(value, Some(OwnedValue::Double(v)) if v.to_bits() == bits));
    }
}

#[test]
fn of_quotas_with_one_name_the_last_counts() {
    let bytes = [0x22, 7, 0x0a, 1, b'q', 0x12, 2, 0x08, 9, 0x22, 3, 0x0a, 1, b'q'];
    let request = CheckRequest::decode(&bytes).unwrap();
    assert_eq!(&request.quotas[..], [QuotaRequest { name: "q", amount: 0, best_effort: false }]);
}

#[test]
fn times_out_of_range_refuse_the_message_and_say_where() {
    let seconds_253402300800 = [0x08, 0x80, 0x83, 0xd1, 0xff, 0xaf, 0x07];
    let bytes = request(&[&[0x32, 11, 0x08, 0, 0x12, 7][..], &seconds_253402300800].concat());
    let error = CheckRequest::decode(&bytes).err().unwrap();
    let what = "timestamp";
    let want = DecodeError::TimeRange { offset: 6, what, seconds: 253_402_300_800, nanos: 0 };
    assert_eq!(error, want);
    // durations { value { seconds: 1 nanos: -1 } }
    let minus_one = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let bytes = request(&[&[0x3a, 15, 0x12, 13, 0x08, 1, 0x10][..], &minus_one].concat());
    let error = CheckRequest::decode(&bytes).err().unwrap();
    assert_eq!(
        error,
        DecodeError::TimeRange { offset: 4, what: "duration", seconds: 1, nanos: -1 }
    );
}

#[test]
fn a_request_and_its_tracked_bag_may_move_between_threads() {
    fn assert_send<T: Send>() {}
    fn assert_sync<T: Sync>() {}
    assert_send::<CheckRequest<'static>>();
    assert_sync::<CheckRequest<'static>>();
    assert_send::<mesh_attributes::Tracked<'static, mesh_attributes::wire::WireBag<'static>>>();
}
