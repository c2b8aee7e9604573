use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::*;
use crate::config::{FilterConfig, Settings};
use crate::mixer::Mixer;

/// Long enough that a test which waits for it has failed.
const FOREVER: Duration = Duration::from_secs(60);

struct Listener(SyncSender<()>);

impl Notify for Listener {
    fn notify(&self) {
        // A full channel means that nobody has asked yet, which is as good.
        let _ = self.0.try_send(());
    }
}

fn listener() -> (Box<Listener>, Receiver<()>) {
    let (sender, receiver) = sync_channel(1);
    (Box::new(Listener(sender)), receiver)
}

fn config_id() -> ConfigId {
    FilterConfig::new(Settings::default(), Arc::new(Mixer::new("mixer"))).id()
}

#[test]
fn the_newest_target_is_notified_each_interval() {
    let bell = Bell::default();
    let mut ticker = Ticker::new(&bell);
    let (old, from_old) = listener();
    let (new, from_new) = listener();
    let new_id = config_id();
    ticker.add(config_id(), old, FOREVER).unwrap();
    ticker.add(new_id, new, Duration::from_millis(1)).unwrap();
    for _ in 0..3 {
        from_new.recv_timeout(FOREVER).unwrap();
    }
    ticker.remove(new_id);
    from_old.recv_timeout(FOREVER).unwrap();
}

#[test]
fn the_bell_is_heard_before_the_interval_is_over() {
    let bell = Bell::default();
    let mut ticker = Ticker::new(&bell);
    let (target, notified) = listener();
    ticker.add(config_id(), target, FOREVER).unwrap();
    bell.ring();
    notified.recv_timeout(FOREVER / 2).unwrap();
    bell.ring_within(Duration::from_millis(5));
    notified.recv_timeout(FOREVER / 2).unwrap();
}

#[test]
fn a_dropped_ticker_has_stopped() {
    let bell = Bell::default();
    let mut ticker = Ticker::new(&bell);
    let (target, notified) = listener();
    ticker.add(config_id(), target, Duration::from_millis(1)).unwrap();
    notified.recv_timeout(FOREVER).unwrap();
    drop(ticker);
    // The target went with the ticker, and with it the sending end.
    while notified.recv().is_ok() {}
    bell.ring();
}
