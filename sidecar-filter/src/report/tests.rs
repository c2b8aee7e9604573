use mesh_attributes::wire::ReportRequest;
use mesh_attributes::{AttributeBag, OwnedValue};

use super::*;

fn request(path: &str) -> AttributeBag {
    AttributeBag::new().with("request.path", path)
}

fn requests_in(batch: &Batch) -> usize {
    let message = ReportRequest::decode(&batch.message).unwrap();
    let mut bags = message.bags();
    let mut count = 0;
    while let Some(bag) = bags.next_bag() {
        bag.unwrap();
        count += 1;
    }
    count
}

#[test]
fn a_batch_closes_when_it_is_full() {
    let slot = ReportSlot::default();
    for _ in 0..2 {
        assert!(slot.push(&request("/"), 3).closed.is_empty());
    }
    let pushed = slot.push(&request("/"), 3);
    assert!(pushed.taken);
    assert_eq!(pushed.closed.len(), 1);
    assert_eq!(pushed.closed[0].requests, 3);
    assert_eq!(requests_in(&pushed.closed[0]), 3);
    assert!(slot.flush().is_none());
}

#[test]
fn a_batch_closes_before_mixer_would_refuse_its_size() {
    let slot = ReportSlot::default();
    let mut closed = Vec::new();
    for number in 0..200 {
        let path = format!("{number}{}", "x".repeat(60_000));
        closed.extend(slot.push(&request(&path), 10_000).closed);
    }
    closed.extend(slot.flush());
    assert!(closed.iter().all(|batch| batch.message.len() < 1 << 20));
    assert_eq!(closed.iter().map(|batch| batch.requests).sum::<u64>(), 200);
}

#[test]
fn a_request_with_more_words_than_a_report_may_list_costs_nobody_elses_report() {
    let slot = ReportSlot::default();
    slot.push(&request("/before"), 100);
    let headers = (0..70_000).map(|number| (number.to_string(), String::new())).collect();
    let mut huge = AttributeBag::new();
    huge.set("request.headers", OwnedValue::StringMap(headers));
    let pushed = slot.push(&huge, 100);
    assert!(!pushed.taken);
    slot.push(&request("/after"), 100);
    let batches: Vec<_> = pushed.closed.into_iter().chain(slot.flush()).collect();
    assert_eq!(batches.iter().map(requests_in).sum::<usize>(), 2);
}

#[test]
fn the_queue_is_bounded_and_says_when_it_is_full() {
    let reports = Reports::default();
    let batch = || Batch { message: Vec::new(), requests: 5 };
    let mut queued = 0;
    while reports.queue(batch()).is_ok() {
        queued += 1;
    }
    assert!(queued > 0 && reports.is_full());
    assert_eq!(reports.queue(batch()).unwrap_err().requests, 5, "it comes back");
    reports.next().unwrap();
    assert!(!reports.is_full());
}

#[test]
fn a_flush_closes_the_batches_of_all_workers_that_live() {
    let reports = Reports::default();
    let (one, two, gone) = (reports.join(), reports.join(), reports.join());
    one.push(&request("/"), 100);
    two.push(&request("/"), 100);
    two.push(&request("/"), 100);
    drop(gone);
    assert_eq!(reports.flush(), 0);
    let mut sizes = [reports.next().unwrap().requests, reports.next().unwrap().requests];
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2]);
    assert!(reports.next().is_none());
}
