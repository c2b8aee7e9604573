use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn message(text: &str) -> Message {
    Message { data: text.into(), elements: 1, token: None }
}

fn with_token(text: &str, token: &str) -> Message {
    Message { token: Some(token.to_owned()), ..message(text) }
}

fn lines(max_bytes: usize, linger: Duration) -> Assembling {
    let (prefix, suffix) = (Vec::new(), Vec::new());
    Assembling { prefix, separator: b"\n".to_vec(), suffix, max_bytes, linger }
}

fn queue(max_bytes: usize, assembling: Option<Assembling>) -> Arc<Queue> {
    let queue = Queue::new(max_bytes, (100, 4), assembling);
    queue.open();
    queue
}

async fn next(queue: &Arc<Queue>) -> String {
    let taken = queue.take().await.unwrap();
    let text = String::from_utf8(taken.bundle()).unwrap();
    taken.sent();
    text
}

#[tokio::test(start_paused = true)]
async fn a_bundle_goes_out_when_it_is_full_or_its_time_has_come() {
    let queue = queue(1000, Some(lines(7, Duration::from_secs(1))));
    let start = Instant::now();
    for text in ["a", "bb", "cc", "d"] {
        queue.push(message(text)).unwrap();
    }
    assert_eq!(next(&queue).await, "a\nbb\ncc");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(next(&queue).await, "d");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    queue.push(message("longer than seven")).unwrap();
    assert_eq!(next(&queue).await, "longer than seven");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_bundle_that_the_queue_cannot_hold() {
    let queue = queue(20, Some(lines(1000, Duration::from_secs(1))));
    let start = Instant::now();
    queue.push(message("12345")).unwrap();
    queue.push(message("12345")).unwrap();
    assert_eq!(next(&queue).await, "12345\n12345");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_bundle_has_a_bound_of_messages_and_separators_count() {
    let queue = queue(20, Some(lines(1000, Duration::from_secs(1))));
    for _ in 0..9 {
        queue.push(message("")).unwrap();
    }
    assert_eq!(queue.totals().held_bytes, 9);
    assert_eq!(next(&queue).await, "\n\n\n");
    assert_eq!(next(&queue).await, "\n\n\n");
    let long = "x".repeat(19);
    assert_eq!(queue.push(message(&long)), Err(Refusal::Full));
    assert_eq!(next(&queue).await, "");
    queue.push(message(&long)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_gives_what_it_has_at_once_and_takes_nothing() {
    let queue = queue(100, Some(lines(50, Duration::from_secs(1))));
    queue.push(message("a")).unwrap();
    queue.close();
    assert_eq!(queue.push(message("b")), Err(Refusal::Closed));
    let start = Instant::now();
    assert_eq!(next(&queue).await, "a");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(queue.take().await.is_none());
    assert_eq!(queue.totals().lost.closed, 1);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_counted() {
    let queue = queue(150, None);
    assert_eq!(queue.push(message(&"x".repeat(101))), Err(Refusal::TooLarge));
    queue.push(message(&"x".repeat(100))).unwrap();
    assert_eq!(queue.push(message(&"x".repeat(51))), Err(Refusal::Full));
    // What is taken is held until it is settled.
    let taken = queue.take().await.unwrap();
    assert_eq!(queue.push(message(&"x".repeat(51))), Err(Refusal::Full));
    taken.sent();
    queue.push(message(&"x".repeat(51))).unwrap();
    let lost = queue.totals().lost;
    assert_eq!((lost.too_large, lost.queue_full), (1, 2));
}

#[tokio::test]
async fn empty_messages_have_a_bound_too() {
    let queue = queue(1000, None);
    let taken = (0..MAX_MESSAGES + 10).filter(|_| queue.push(message("")).is_ok()).count();
    assert_eq!(taken, MAX_MESSAGES);
}

#[tokio::test]
async fn what_is_not_settled_goes_back_in_order() {
    let queue = queue(1000, None);
    let mut taken = Taken::nothing(&queue);
    for text in ["a", "b", "c", "d"] {
        queue.push(with_token(text, text)).unwrap();
    }
    for _ in 0..3 {
        taken.append(queue.take().await.unwrap());
    }
    taken.all_written(true);
    assert!(taken.settle("b"));
    assert!(!taken.settle("b"), "twice");
    assert!(!taken.settle("d"), "not written yet");
    drop(taken);
    queue.close();
    let mut order = Vec::new();
    while !queue.totals().held_messages.eq(&0) {
        order.push(next(&queue).await);
    }
    assert_eq!(order, ["a", "c", "d"]);
}

#[tokio::test]
async fn what_comes_back_to_an_abandoned_queue_is_lost() {
    let queue = queue(1000, None);
    queue.push(message("a")).unwrap();
    queue.push(message("b")).unwrap();
    let taken = queue.take().await.unwrap();
    assert_eq!(queue.abandon(), 2);
    drop(taken);
    let totals = queue.totals();
    assert_eq!((totals.lost.closed, totals.held_elements, totals.held_bytes), (2, 0, 0));
}

#[derive(Debug, Clone)]
enum Step {
    Push { bytes: usize, elements: u32, token: Option<u8> },
    Take,
    Write,
    Settle(u8),
    Sent,
    Lost,
    GiveBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..120, 0_u32..5, any::<Option<u8>>())
            .prop_map(|(bytes, elements, token)| Step::Push { bytes, elements, token }),
        3 => Just(Step::Take),
        2 => Just(Step::Write),
        2 => any::<u8>().prop_map(Step::Settle),
        1 => Just(Step::Sent),
        1 => Just(Step::Lost),
        1 => Just(Step::GiveBack),
    ]
}

proptest! {
    #[test]
    fn what_was_handed_over_is_sent_or_lost_or_held(steps in proptest::collection::vec(step(), 0..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let queue = queue(300, Some(lines(50, Duration::ZERO)));
            let mut taken = Taken::nothing(&queue);
            let mut handed_over = 0;
            for step in steps {
                match step {
                    Step::Push { bytes, elements, token } => {
                        handed_over += u64::from(elements);
                        let token = token.map(|token| (token % 4).to_string());
                        let _ = queue.push(Message { data: vec![0; bytes], elements, token });
                    }
                    Step::Take => {
                        let waiting = !queue.inner().waiting.is_empty();
                        if waiting {
                            taken.append(queue.take_due().unwrap());
                        }
                    }
                    Step::Write => taken.all_written(true),
                    Step::Settle(token) => drop(taken.settle(&(token % 4).to_string())),
                    Step::Sent => std::mem::replace(&mut taken, Taken::nothing(&queue)).sent(),
                    Step::Lost => {
                        std::mem::replace(&mut taken, Taken::nothing(&queue)).lost(Reason::Refused);
                    }
                    Step::GiveBack => taken = Taken::nothing(&queue),
                }
                let totals = queue.totals();
                let sum = totals.sent_elements + totals.lost.sum() + totals.held_elements;
                prop_assert_eq!(sum, handed_over);
                prop_assert!(totals.held_bytes <= 300);
                let inner = queue.inner();
                let waiting: usize = inner.waiting.iter().map(|q| q.message.data.len()).sum();
                prop_assert_eq!(waiting, inner.waiting_bytes);
                prop_assert_eq!(inner.waiting.len() + taken.len(), totals.held_messages);
            }
            Ok(())
        })?;
    }
}
