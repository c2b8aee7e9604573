//! What all watches together have told. No IO.

use std::collections::HashMap;
use std::sync::Arc;

use adapter_host::{MAX_PODS, Pod};

/// `namespace/name`.
pub(super) type PodKey = Arc<str>;

/// What a watch tells of its namespace, or of all.
#[derive(Debug)]
pub(super) enum News {
    /// A list begins. What was known of the namespace holds until it has ended.
    Listing,
    /// A pod of the list.
    Listed(PodKey, Arc<Pod>),
    /// The list has ended.
    Synced,
    /// A pod is new or has changed.
    Applied(PodKey, Arc<Pod>),
    /// A pod has gone, or cannot be understood any more.
    Deleted(PodKey),
    /// The server was heard, and nothing has changed.
    Alive,
    /// Changes are not noticed now, and why.
    Broken(String),
}

/// All pods that are known.
#[derive(Debug)]
pub(super) struct Known {
    scopes: Vec<Scope>,
    limit: usize,
    /// Pods that did not fit, as far as they are still there.
    left_out: usize,
    is_changed: bool,
}

/// The pods of one watch.
#[derive(Debug, Default)]
struct Scope {
    pods: HashMap<PodKey, Arc<Pod>>,
    /// A list that has not ended.
    listing: Option<HashMap<PodKey, Arc<Pod>>>,
    left_out: usize,
    synced: bool,
    /// Why its changes are not noticed.
    broken: Option<String>,
}

impl Known {
    pub(super) fn new(scopes: usize) -> Self {
        Self::with_limit(scopes, MAX_PODS)
    }

    fn with_limit(scopes: usize, limit: usize) -> Self {
        let scopes = (0..scopes).map(|_| Scope::default()).collect();
        Self { scopes, limit, left_out: 0, is_changed: false }
    }

    /// Takes note of what the watch of this number tells.
    pub(super) fn told(&mut self, scope: usize, news: News) {
        let total: usize = self.scopes.iter().map(|scope| scope.pods.len()).sum();
        let limit = self.limit;
        let Some(scope) = self.scopes.get_mut(scope) else { return };
        let of_others = total - scope.pods.len();
        match news {
            News::Listing => {
                scope.listing = Some(HashMap::new());
                scope.left_out = 0;
            }
            News::Listed(key, pod) => {
                let listing = scope.listing.get_or_insert_default();
                if of_others + listing.len() >= limit && !listing.contains_key(&key) {
                    scope.left_out += 1;
                } else {
                    listing.insert(key, pod);
                }
            }
            News::Synced => {
                scope.pods = scope.listing.take().unwrap_or_default();
                scope.synced = true;
                scope.broken = None;
                self.is_changed = true;
            }
            News::Applied(key, pod) => {
                if total >= limit && !scope.pods.contains_key(&key) {
                    scope.left_out += 1;
                } else if scope.pods.get(&key) != Some(&pod) {
                    scope.pods.insert(key, pod);
                    self.is_changed = true;
                }
            }
            News::Deleted(key) => {
                if scope.pods.remove(&key).is_some() {
                    self.is_changed = true;
                } else {
                    scope.left_out = scope.left_out.saturating_sub(1);
                }
            }
            News::Alive => scope.broken = None,
            News::Broken(why) => {
                scope.listing = None;
                scope.broken = Some(why);
            }
        }
        self.left_out = self.scopes.iter().map(|scope| scope.left_out).sum();
    }

    /// Whether all was listed once.
    pub(super) fn is_synced(&self) -> bool {
        self.scopes.iter().all(|scope| scope.synced)
    }

    /// Why changes are not noticed, if they are not.
    pub(super) fn broken(&self) -> Option<&str> {
        self.scopes.iter().find_map(|scope| scope.broken.as_deref())
    }

    /// Pods that did not fit.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether pods that did not fit would now, with room for as many again as come and go meanwhile.
    pub(super) fn has_room_again(&self) -> bool {
        let total: usize = self.scopes.iter().map(|scope| scope.pods.len()).sum();
        self.left_out > 0 && total <= self.limit - self.limit / 20
    }

    /// Whether something has changed since [`Self::take`].
    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// All pods, to be shown.
    pub(super) fn take(&mut self) -> Vec<Arc<Pod>> {
        self.is_changed = false;
        self.scopes.iter().flat_map(|scope| scope.pods.values()).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> PodKey {
        format!("default/{name}").into()
    }

    fn pod(name: &str) -> Arc<Pod> {
        Arc::new(Pod { name: name.to_owned(), ..Pod::default() })
    }

    fn list(known: &mut Known, scope: usize, names: &[&str]) {
        known.told(scope, News::Listing);
        for name in names {
            known.told(scope, News::Listed(key(name), pod(name)));
        }
        known.told(scope, News::Synced);
    }

    fn names(known: &mut Known) -> Vec<String> {
        let mut names: Vec<_> = known.take().iter().map(|pod| pod.name.clone()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_list_replaces_what_was_known_when_it_has_ended() {
        let mut known = Known::new(1);
        assert!(!known.is_synced());
        list(&mut known, 0, &["a", "b"]);
        assert!(known.is_synced() && known.is_changed());
        assert_eq!(names(&mut known), ["a", "b"]);
        known.told(0, News::Listing);
        known.told(0, News::Listed(key("b"), pod("b")));
        assert!(!known.is_changed());
        // Cut off: nothing is lost by a list that has not ended.
        known.told(0, News::Broken("gone".to_owned()));
        assert_eq!(names(&mut known), ["a", "b"]);
        list(&mut known, 0, &["b", "c"]);
        assert_eq!(names(&mut known), ["b", "c"]);
    }

    #[test]
    fn changes_are_noted_and_what_is_the_same_is_none() {
        let mut known = Known::new(1);
        list(&mut known, 0, &["a"]);
        known.take();
        known.told(0, News::Applied(key("a"), pod("a")));
        known.told(0, News::Deleted(key("x")));
        known.told(0, News::Alive);
        assert!(!known.is_changed());
        known.told(0, News::Applied(key("b"), pod("b")));
        known.told(0, News::Deleted(key("a")));
        assert!(known.is_changed());
        assert_eq!(names(&mut known), ["b"]);
    }

    #[test]
    fn namespaces_are_kept_apart() {
        let mut known = Known::new(2);
        list(&mut known, 0, &["a"]);
        assert!(!known.is_synced());
        list(&mut known, 1, &["b"]);
        assert!(known.is_synced());
        known.told(1, News::Broken("why".to_owned()));
        assert_eq!(known.broken(), Some("why"));
        list(&mut known, 1, &[]);
        assert_eq!(known.broken(), None);
        assert_eq!(names(&mut known), ["a"]);
    }

    #[test]
    fn pods_beyond_the_bound_are_counted_and_listed_again_when_there_is_room() {
        let mut known = Known::with_limit(2, 20);
        let many: Vec<_> = (0..19).map(|n| n.to_string()).collect();
        list(&mut known, 0, &many.iter().map(String::as_str).collect::<Vec<_>>());
        list(&mut known, 1, &["a", "b"]);
        assert_eq!((known.left_out(), known.take().len()), (1, 20));
        known.told(0, News::Applied(key("x"), pod("x")));
        assert_eq!(known.left_out(), 2);
        known.told(0, News::Applied(key("0"), Arc::new(Pod::default())));
        known.told(0, News::Deleted(key("x")));
        assert_eq!((known.left_out(), known.has_room_again()), (1, false));
        known.told(0, News::Deleted(key("0")));
        assert!(known.has_room_again());
        list(&mut known, 1, &["a", "b"]);
        assert_eq!((known.left_out(), known.take().len()), (0, 20));
    }
}
