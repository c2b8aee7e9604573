use std::time::Duration;

use mixer_quota::{Ask, CounterKey, Deduplication, Limit, StoreError, Window};

use crate::bindings::mixmesh::host::counters::{self, Failure, Grant, Request};
use crate::counters::Counters;
use crate::guest::GuestState;

impl counters::Host for GuestState {
    async fn take(&mut self, request: Request) -> Result<Grant, Failure> {
        let Some(counters) = self.surroundings.counters.get() else {
            return Err(Failure::Unavailable("the handler's counters are not open".to_owned()));
        };
        let ask = ask(request, counters)?;
        let grant = counters.take(&ask).await.map_err(|cause| failure(&cause))?;
        let valid_for = u64::try_from(grant.valid_for.as_nanos()).unwrap_or(u64::MAX);
        Ok(Grant { amount: grant.amount, valid_for })
    }
}

fn ask(request: Request, counters: &Counters) -> Result<Ask, Failure> {
    let window = match request.window {
        counters::Window::Forever => Window::Forever,
        counters::Window::Fixed(length) => Window::Fixed { length: Duration::from_nanos(length) },
        counters::Window::Rolling(counters::Rolling { length, bucket }) => Window::Rolling {
            length: Duration::from_nanos(length),
            bucket: Duration::from_nanos(bucket),
        },
    };
    let limit = Limit::new(request.max_amount, window)
        .map_err(|error| Failure::Invalid(error.to_string()))?;
    let dimensions = request.dimensions.iter().map(|(name, value)| (&**name, &**value));
    let key = CounterKey::new(counters.scope(), &request.quota, dimensions, limit.window());
    let ask = Ask::new(key, limit, request.amount).map_err(|cause| failure(&cause))?;
    let ask = ask.best_effort(request.best_effort);
    Ok(match request.deduplication {
        None => ask,
        Some(counters::Deduplication { id, keep }) => {
            ask.deduplicate(Deduplication { id, keep: Duration::from_nanos(keep) })
        }
    })
}

fn failure(cause: &StoreError) -> Failure {
    let text = cause.to_string();
    match cause {
        StoreError::Amount { .. } | StoreError::OtherWindow { .. } | StoreError::Forever { .. } => {
            Failure::Invalid(text)
        }
        StoreError::Full { .. } => Failure::Full(text),
        StoreError::Unknown { .. } => Failure::Unknown(text),
        StoreError::Busy { .. }
        | StoreError::Away { .. }
        | StoreError::Refused { .. }
        | StoreError::Garbage { .. } => Failure::Unavailable(text),
    }
}
