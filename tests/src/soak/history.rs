use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::policy::Policy;

/// After Mixer was away or started again, sidecars may hear of edits late for so long.
const SHAKEN: Duration = Duration::from_secs(10);

/// What happened when: by this answers are judged.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Events>);

#[derive(Debug, Default)]
struct Events {
    /// When each version's file was there, and what it said. Version 1 is the first.
    versions: Vec<(Instant, String)>,
    /// When Mixer could not answer; the last one may have no end yet.
    outages: Vec<(Instant, Option<Instant>)>,
}

/// An answer, as far as the oracle is concerned.
#[derive(Debug)]
pub(super) enum Seen {
    /// The request passed, by this version.
    Passed(u64),
    /// It was refused, by this version.
    Refused(u64),
    /// The sidecar says that Mixer gave no verdict.
    NoVerdict,
    /// Anything else.
    Other(String),
}

/// What the oracle says of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It follows from the policy that it names, which had been replaced for so long.
    Right {
        behind: Duration,
    },
    /// Nobody could have answered better.
    Excused,
    Wrong(String),
}

impl History {
    /// Notes a version whose file is there now.
    pub(super) fn save(&self, yaml: &str) {
        self.events().versions.push((Instant::now(), yaml.to_owned()));
    }

    pub(super) fn newest(&self) -> u64 {
        self.events().versions.len() as u64
    }

    /// Notes that Mixer cannot answer from now on.
    pub(super) fn outage_begins(&self) {
        self.events().outages.push((Instant::now(), None));
    }

    /// Notes that it can again.
    pub(super) fn outage_ends(&self) {
        if let Some((_, end)) = self.events().outages.last_mut() {
            *end = Some(Instant::now());
        }
    }

    /// Whether Mixer was away, or had just come back, at some time between the two.
    pub(super) fn is_shaken(&self, from: Instant, to: Instant) -> bool {
        self.events()
            .outages
            .iter()
            .any(|(began, ended)| *began <= to && ended.is_none_or(|ended| ended + SHAKEN >= from))
    }

    /// Judges what a request got that began at `began` and ended now.
    pub(super) fn judge(&self, user: &str, page: &str, began: Instant, seen: &Seen) -> Judgement {
        let number = match seen {
            Seen::Passed(number) | Seen::Refused(number) => *number,
            Seen::NoVerdict if self.is_shaken(began, Instant::now()) => return Judgement::Excused,
            Seen::NoVerdict => {
                return Judgement::Wrong("no verdict although Mixer was there".to_owned());
            }
            Seen::Other(what) => return Judgement::Wrong(what.clone()),
        };
        let events = self.events();
        let index = usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1);
        let Some((_, yaml)) = events.versions.get(index) else {
            // An answer may overtake the note that the file was written by a moment.
            let is_next = index == events.versions.len();
            let policy = Policy::numbered(number);
            return if is_next {
                verify(&policy, user, page, seen, Duration::ZERO)
            } else {
                Judgement::Wrong(format!("policy {number} was never written"))
            };
        };
        let behind = match events.versions.get(index + 1) {
            Some((replaced, _)) => began.saturating_duration_since(*replaced),
            None => Duration::ZERO,
        };
        match Policy::from_yaml(yaml) {
            Ok(policy) if policy.number() == number => verify(&policy, user, page, seen, behind),
            _ => Judgement::Wrong(format!("policy {number} cannot be read again")),
        }
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn verify(policy: &Policy, user: &str, page: &str, seen: &Seen, behind: Duration) -> Judgement {
    if policy.allows(user, page) == matches!(seen, Seen::Passed(_)) {
        Judgement::Right { behind }
    } else {
        Judgement::Wrong(format!("{user} at {page}: {seen:?} is not what the policy says"))
    }
}
