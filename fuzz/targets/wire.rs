//! Messages of `istio.mixer.v1` from strangers. A request is read or refused; what was read can be
//! written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_attributes::wire::{CheckRequest, ReportRequest, WireBag, encode_check_request};
use mesh_attributes::{AttributeBag, AttributeName, Bag, EachAttribute, OwnedValue, Value};

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = CheckRequest::decode(data) {
        let bag = owned(&request.attributes);
        let mut message = Vec::new();
        encode_check_request(&bag, request.deduplication_id, &[], &mut message);
        let again = CheckRequest::decode(&message).expect("what is written can be read");
        // As text: a double that is no number does not equal itself.
        assert_eq!(format!("{:?}", owned(&again.attributes)), format!("{bag:?}"));
    }
    if let Ok(request) = ReportRequest::decode(data) {
        let mut bags = request.bags();
        let mut count = 0;
        while let Some(bag) = bags.next_bag() {
            count += 1;
            if let Ok(bag) = bag {
                owned(bag);
            }
        }
        assert_eq!(count, request.len());
    }
});

/// All of the bag, each attribute found by its name too.
fn owned(bag: &WireBag<'_>) -> AttributeBag {
    let mut all = AttributeBag::new();
    bag.each(&mut |name: &AttributeName, value: Value<'_>| {
        assert!(bag.get(name).is_some(), "{name} is listed and not found");
        all.set(name.as_str(), OwnedValue::from(value));
    });
    all
}
