//! Counts that a sender chooses end at a limit, and every malformation has its own error.

use mesh_attributes::AttributeBag;
use mesh_attributes::wire::{
    CheckRequest, DecodeError, MAX_ATTRIBUTES, MAX_MAP_ENTRIES, MAX_QUOTAS, MAX_WORDS,
    QuotaRequest, ReportEncoder, ReportRequest, encode_check_request,
};
use prost::Message;

use crate::bags::owned;
use crate::check::encoded;
use crate::messages::{self, CompressedAttributes, StringMap};

fn refused(bytes: &[u8]) -> DecodeError {
    CheckRequest::decode(bytes).err().unwrap()
}

fn assert_too_many(error: &DecodeError, thing: &str, most: usize) {
    assert!(
        matches!(error, DecodeError::TooMany { what, limit, .. } if *what == thing && *limit == most),
        "{error}"
    );
}

fn bag_of(attributes: usize) -> AttributeBag {
    let mut bag = AttributeBag::new();
    for i in 0..attributes {
        bag.set(&format!("x.{i}"), 1);
    }
    bag
}

#[test]
fn a_bag_holds_a_limited_number_of_attributes() {
    let most = encoded(&bag_of(MAX_ATTRIBUTES));
    assert_eq!(owned(&CheckRequest::decode(&most).unwrap().attributes).len(), MAX_ATTRIBUTES);
    let error = refused(&encoded(&bag_of(MAX_ATTRIBUTES + 1)));
    assert_too_many(&error, "attributes", MAX_ATTRIBUTES);
}

#[test]
fn maps_have_a_limited_number_of_entries() {
    let map = |entries: usize| StringMap { entries: (0..entries as i32).map(|i| (i, 0)).collect() };
    let request = |entries| {
        let string_maps = [(15, map(entries))].into();
        let attributes = Some(CompressedAttributes { string_maps, ..Default::default() });
        messages::CheckRequest { attributes, ..Default::default() }.encode_to_vec()
    };
    assert!(CheckRequest::decode(&request(MAX_MAP_ENTRIES)).is_ok());
    assert_too_many(&refused(&request(MAX_MAP_ENTRIES + 1)), "map entries", MAX_MAP_ENTRIES);
}

#[test]
fn a_message_lists_a_limited_number_of_words() {
    let request = |words| {
        let words = vec![String::new(); words];
        let attributes = Some(CompressedAttributes { words, ..Default::default() });
        messages::CheckRequest { attributes, ..Default::default() }.encode_to_vec()
    };
    assert!(CheckRequest::decode(&request(MAX_WORDS)).is_ok());
    assert_too_many(&refused(&request(MAX_WORDS + 1)), "words", MAX_WORDS);

    let default_words = vec![String::new(); MAX_WORDS + 1];
    let report = messages::ReportRequest { default_words, ..Default::default() }.encode_to_vec();
    assert_too_many(&ReportRequest::decode(&report).err().unwrap(), "words", MAX_WORDS);
}

#[test]
fn a_report_encoder_stops_before_readers_would_refuse() {
    let element = |round: usize| {
        let mut entries = std::collections::BTreeMap::new();
        for i in 0..MAX_MAP_ENTRIES {
            entries.insert(format!("k{i}"), format!("v{round}.{i}"));
        }
        let mut bag = AttributeBag::new();
        bag.set("x", mesh_attributes::OwnedValue::StringMap(entries));
        bag
    };
    let mut encoder = ReportEncoder::new();
    let mut taken = 0;
    while encoder.push(&element(taken)) {
        taken += 1;
    }
    // 10,000 keys once, 10,000 values each time, one name.
    assert_eq!(taken, 5);
    assert_eq!(encoder.len(), 5);
    let bytes = encoder.finish().unwrap();
    let report = ReportRequest::decode(&bytes).unwrap();
    let mut bags = report.bags();
    let mut read = 0;
    while let Some(bag) = bags.next_bag() {
        assert_eq!(owned(bag.unwrap()), element(read));
        read += 1;
    }
    assert_eq!(read, taken);
    assert!(encoder.push(&element(taken)));
}

#[test]
fn a_request_asks_for_a_limited_number_of_quotas() {
    let names: Vec<String> = (0..=MAX_QUOTAS).map(|i| i.to_string()).collect();
    let quotas: Vec<_> =
        names.iter().map(|name| QuotaRequest { name, amount: 1, best_effort: false }).collect();
    let mut bytes = Vec::new();
    encode_check_request(&AttributeBag::new(), "", &quotas[1..], &mut bytes);
    assert_eq!(CheckRequest::decode(&bytes).unwrap().quotas.len(), MAX_QUOTAS);
    bytes.clear();
    encode_check_request(&AttributeBag::new(), "", &quotas, &mut bytes);
    assert_too_many(&refused(&bytes), "quotas", MAX_QUOTAS);
}

#[test]
fn deltas_that_keep_changing_a_type_do_not_pile_up_memory() {
    let map = CompressedAttributes {
        string_maps: [(15, StringMap::default())].into(),
        ..Default::default()
    };
    let number = CompressedAttributes { int64s: [(15, 1)].into(), ..Default::default() };
    let report =
        |attributes| messages::ReportRequest { attributes, ..Default::default() }.encode_to_vec();
    let failed = |bytes: &[u8]| {
        let report = ReportRequest::decode(bytes).unwrap();
        let mut bags = report.bags();
        let mut failed = 0;
        while let Some(bag) = bags.next_bag() {
            failed += usize::from(bag.is_err());
        }
        failed
    };
    assert_eq!(failed(&report(vec![map.clone(); 70_000])), 0);
    let toggling = vec![[map, number]; MAX_ATTRIBUTES + 10].concat();
    assert_eq!(failed(&report(toggling)), 10);
}

#[test]
fn every_malformation_has_its_error_and_place() {
    use DecodeError as E;
    let delimited = "a length-delimited field";
    for (bytes, want) in [
        (&[0x0a, 5, 0][..], E::Truncated { offset: 2, what: delimited }),
        (&[0x0a][..], E::Truncated { offset: 1, what: "a number" }),
        (&[0x10, 0x80][..], E::Truncated { offset: 1, what: "a number" }),
        (&[0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], E::Varint { offset: 1 }),
        (&[0x02][..], E::FieldKey { offset: 0, key: 2 }),
        (&[0x0f][..], E::FieldKey { offset: 0, key: 15 }),
        (&[0x80, 0x80, 0x80, 0x80, 0x10][..], E::FieldKey { offset: 0, key: 1 << 32 }),
        (&[0x08, 1][..], E::WireType { offset: 0, field: 1, expected: 2, found: 0 }),
        (&[0x12, 0][..], E::WireType { offset: 0, field: 2, expected: 0, found: 2 }),
        (&[0x1a, 1, 0xff][..], E::Utf8 { offset: 2 }),
        (&[0x0a, 3, 0x0a, 1, 0xc0][..], E::Utf8 { offset: 4 }),
        (&[0x2c][..], E::Group { offset: 0, field: 5 }),
        (&[0x2b][..], E::Group { offset: 0, field: 5 }),
        (&[0x2b, 0x34][..], E::Group { offset: 1, field: 6 }),
        (&[0x2b; 17][..], E::Group { offset: 16, field: 5 }),
        (&[0x29, 1, 2][..], E::Truncated { offset: 1, what: "a fixed field" }),
    ] {
        assert_eq!(refused(bytes), want, "{bytes:?}");
    }
}

#[test]
fn unknown_fields_and_groups_are_passed_over() {
    // 90: varint, 91: fixed64, 92: bytes, 93: fixed32, 5: a group with a group in it.
    let bytes = [
        0xd0, 5, 1, 0xd9, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0xe2, 5, 1, 9, 0xed, 5, 0, 0, 0, 0, 0x2b,
        0x33, 0x08, 1, 0x34, 0x2c, 0x10, 7,
    ];
    assert_eq!(CheckRequest::decode(&bytes).unwrap().global_word_count, 7);
}
