//! What a request's report is made of.

use std::time::Duration;

use super::{Filter, timestamp};
use crate::attributes::{Original, RequestBag, ServedBag};
use crate::config::Scope;
use crate::host::StreamHost;

impl Filter {
    /// Writes the stream that has ended into the worker's batch.
    pub(super) fn report<H: StreamHost>(&self, host: &H, scope: &Scope) {
        let state = self.state.borrow();
        let wall = timestamp(host.wall_clock());
        let mut bag = RequestBag::new(
            host,
            &scope.statics,
            state.begun.as_ref().map_or(wall, |begun| begun.wall),
        );
        let mut duration = Duration::ZERO;
        if let Some(begun) = &state.begun {
            let (path, authority) = begun.line.split_at(begun.path_len);
            bag = bag
                .with_original(Original { path, authority })
                .with_carried(begun.carried.as_deref());
            duration = host.now().since(begun.at);
        }
        let served = ServedBag::new(host, &bag, &state.check, wall, duration);
        let full = self.site.config.settings().report_batch_entries;
        self.site.worker.report(host, &served, full);
    }
}
