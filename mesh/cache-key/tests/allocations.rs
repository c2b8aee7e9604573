//! Making a key allocates nothing once its buffer has grown.

#![expect(unsafe_code, reason = "an allocator that counts is an allocator")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use mesh_attributes::wire::{CheckRequest, encode_check_request};
use mesh_attributes::{
    AttributeBag, AttributeName, Bag, Condition, References, Timestamp, Tracked,
};
use mesh_cache_key::{Shape, ShapeTable, key_for};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches a thread-local
// that needs neither memory nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the promises that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count() {
    ALLOCATIONS.with(|allocations| allocations.set(allocations.get() + 1));
}

fn allocations_of<T>(f: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATIONS.with(Cell::get);
    let result = f();
    (ALLOCATIONS.with(Cell::get) - before, result)
}

fn headers<const N: usize>(names: [&'static str; N]) -> [(&'static str, &'static str); N] {
    names.map(|name| (name, "a value of some length"))
}

fn bag() -> AttributeBag {
    AttributeBag::new()
        .with("request.path", "/cart/items/42")
        .with("request.size", 7)
        .with("x.ratio", 0.5)
        .with("connection.mtls", true)
        .with("request.time", Timestamp { seconds: 1, nanos: 2 })
        .with("source.ip", &[10, 0, 0, 1][..])
        .with("origin.ip", &[10, 0, 0, 2][..])
        .with(
            "request.headers",
            headers([":authority", ":method", "accept", "x-user", "user-agent"]),
        )
}

/// Everything in the bag, two keys of a map, and three things that are not there.
fn references(bag: &impl Bag, names: &AttributeBag) -> References {
    let tracked = Tracked::new(bag);
    for (name, _) in names.iter() {
        tracked.get(name);
    }
    tracked.get(&AttributeName::new("request.id"));
    tracked.get_key(&AttributeName::new("request.auth.claims"), "iss");
    let mut references = tracked.references();
    let headers = AttributeName::new("request.headers");
    references.record(&headers, Some("x-user"), Condition::Exact);
    references.record(&headers, Some("x-none"), Condition::Absence);
    references
}

fn assert_free(bag: &impl Bag, references: &References) {
    let shape = Shape::of(references).unwrap();
    let mut table = ShapeTable::new();
    let id = table.learn(shape.clone(), 0).id().unwrap();
    let mut key = Vec::new();
    key_for(id, &shape, bag, &mut key);
    let cold = key.clone();
    let (allocations, ()) = allocations_of(|| {
        for (id, shape) in table.iter() {
            key_for(id, shape, bag, &mut key);
            assert!(shape.agrees(references, bag));
            table.touch(id);
        }
    });
    assert_eq!(allocations, 0);
    assert_eq!(key, cold);
}

#[test]
fn a_warm_key_of_an_owned_bag_allocates_nothing() {
    let bag = bag();
    assert_free(&bag, &references(&bag, &bag));
}

#[test]
fn decoding_a_common_request_and_making_its_warm_key_allocate_nothing() {
    let owned = bag();
    let mut bytes = Vec::new();
    encode_check_request(&owned, "id", &[], &mut bytes);
    let (allocations, request) = allocations_of(|| CheckRequest::decode(&bytes).unwrap());
    assert_eq!(allocations, 0);
    assert_free(&request.attributes, &references(&request.attributes, &owned));
}
