use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::fetch::Fetcher;
use super::list::{Document, List};
use super::source::{ListSpec, Location};
use super::status::ListStatus;
use crate::ParameterProblem;
use crate::outbound::{Authorities, client_tls, no_tls};

/// Documents of one handler.
const MAX_LISTS: usize = 8;

/// How long the building of a handler waits for its documents.
const FIRST_FETCH: Duration = Duration::from_secs(2);

/// The documents of one handler, with the tasks that fetch them.
#[derive(Debug)]
pub(crate) struct Lists {
    handler: String,
    parameters: Arc<Value>,
    /// For one fetch.
    limit: Duration,
    /// What the first instance of the component opens while it is configured.
    named: Mutex<Vec<Arc<List>>>,
    /// All, once it is configured.
    lists: OnceLock<Box<[Arc<List>]>>,
    tasks: Mutex<JoinSet<()>>,
}

/// An instance of the component does other than the first one did.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the adapter opens other documents than in its first instance (document {position})")]
pub(crate) struct OtherLists {
    position: usize,
}

impl Lists {
    pub(crate) fn new(handler: &str, parameters: &Arc<Value>, limit: Duration) -> Self {
        Self {
            handler: handler.to_owned(),
            parameters: Arc::clone(parameters),
            limit,
            named: Mutex::default(),
            lists: OnceLock::new(),
            tasks: Mutex::default(),
        }
    }

    /// Names document number `position` of an instance that is being configured. Fetches nothing. The
    /// inner error is a problem of the parameter.
    pub(crate) fn name(
        &self,
        position: usize,
        spec: ListSpec,
    ) -> Result<Result<(), String>, OtherLists> {
        if let Some(lists) = self.lists.get() {
            let same = lists.get(position).is_some_and(|list| list.spec == spec);
            return if same { Ok(Ok(())) } else { Err(OtherLists { position }) };
        }
        if position >= MAX_LISTS {
            return Ok(Err(format!("is one document too many: a handler has {MAX_LISTS} at most")));
        }
        let location = match spec.locate(&self.parameters) {
            Ok(location) => location,
            Err(problem) => return Ok(Err(problem)),
        };
        let list = List::new(spec, location, &self.handler);
        self.named.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(list));
        Ok(Ok(()))
    }

    /// An instance is configured, and has named so many documents.
    pub(crate) fn all_named(&self, count: usize) -> Result<(), OtherLists> {
        let named = || {
            let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *named).into_boxed_slice()
        };
        let lists = self.lists.get_or_init(named);
        if lists.len() == count { Ok(()) } else { Err(OtherLists { position: count }) }
    }

    /// The version that holds now; `None`: there is no such document.
    pub(crate) fn current(&self, list: u32) -> Option<Option<Arc<Document>>> {
        Some(self.all().get(list as usize)?.current())
    }

    /// Prepares the fetching, which is started by [`Self::start`]. Reads the authorities' files: the one
    /// thing that can fail.
    pub(crate) async fn prepare(&self) -> Result<Vec<Fetching>, ParameterProblem> {
        let mut all = Vec::new();
        for list in self.all() {
            let (tls, field) = match &list.location {
                Location::Http { authorities: Some(authorities), .. } => {
                    let field = match authorities {
                        Authorities::File(_) => "ca_file".to_owned(),
                        Authorities::OfSystem => list.spec.parameter.clone(),
                    };
                    (client_tls(authorities.clone()).await, field)
                }
                _ => (no_tls(), list.spec.parameter.clone()),
            };
            let tls = tls.map_err(|message| ParameterProblem { field, message })?;
            let fetcher = Fetcher::new(&list.location, &tls, list.spec.max_bytes, self.limit);
            all.push(Fetching { list: Arc::clone(list), fetcher });
        }
        Ok(all)
    }

    /// Starts the fetching, and waits until each document was tried once, for two seconds at most.
    pub(crate) async fn start(&self, all: Vec<Fetching>) {
        {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            for Fetching { list, fetcher } in all {
                tasks.spawn(async move { list.keep_fetching(fetcher).await });
            }
        }
        let tried = async {
            for list in self.all() {
                list.tried().await;
            }
        };
        let _later = timeout(FIRST_FETCH, tried).await;
    }

    /// Ends the fetching.
    pub(crate) async fn close(&self) {
        let mut tasks = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        tasks.shutdown().await;
    }

    pub(crate) fn status(&self) -> Vec<ListStatus> {
        self.all().iter().map(|list| list.status()).collect()
    }

    fn all(&self) -> &[Arc<List>] {
        self.lists.get().map_or(&[], |lists| lists)
    }
}

/// A document with what fetches it.
pub(crate) struct Fetching {
    list: Arc<List>,
    fetcher: Fetcher,
}
