use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use rustls::ClientConfig;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::source::Location;
use crate::outbound::{HttpClient, HttpUrl, http_client, read_body, why};

/// Fetches a document, and knows how to ask whether there is a newer one.
pub(super) struct Fetcher {
    place: Place,
    max_bytes: usize,
    limit: Duration,
}

enum Place {
    Http(Box<Server>),
    File { path: PathBuf, seen: Option<Stamp> },
}

/// A document of a server.
struct Server {
    client: HttpClient,
    url: HttpUrl,
    seen: Seen,
}

/// What the server said about the last version.
#[derive(Default)]
struct Seen {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

/// By what a file is known not to have changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

/// There is a document.
#[derive(Debug)]
pub(super) enum Fetched {
    Document(Bytes),
    Unchanged,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the document is larger than {0} bytes")]
    TooLarge(usize),
    #[error("{0}")]
    Failed(String),
}

impl Fetcher {
    pub(super) fn new(
        location: &Location,
        tls: &Arc<ClientConfig>,
        max_bytes: u64,
        limit: Duration,
    ) -> Self {
        let place = match location {
            Location::Http { url, .. } => Place::Http(Box::new(Server {
                client: http_client(tls, 1),
                url: HttpUrl::clone(url),
                seen: Seen::default(),
            })),
            Location::File(path) => Place::File { path: path.clone(), seen: None },
        };
        Self { place, max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX), limit }
    }

    /// Fetches the document, unless it is the one of the last time.
    pub(super) async fn fetch(&mut self) -> Result<Fetched, FetchError> {
        let (limit, max_bytes) = (self.limit, self.max_bytes);
        let late = |_| FetchError::Failed(format!("no document within {limit:?}"));
        match &mut self.place {
            Place::Http(server) => {
                let Server { client, url, seen } = &mut **server;
                timeout(limit, get(client, url, seen, max_bytes)).await.map_err(late)?
            }
            Place::File { path, seen } => {
                let (path, before) = (path.clone(), *seen);
                let read = spawn_blocking(move || read_file(&path, before, max_bytes));
                let read = timeout(limit, read).await.map_err(late)?;
                let read = read.map_err(|error| FetchError::Failed(error.to_string()))??;
                let Some((document, stamp)) = read else { return Ok(Fetched::Unchanged) };
                *seen = Some(stamp);
                Ok(Fetched::Document(document))
            }
        }
    }
}

async fn get(
    client: &HttpClient,
    url: &HttpUrl,
    seen: &mut Seen,
    max_bytes: usize,
) -> Result<Fetched, FetchError> {
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = url.uri.clone();
    let headers = request.headers_mut();
    let agent = concat!("mixmesh/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    let optional = [
        (header::AUTHORIZATION, &url.authorization),
        (header::IF_NONE_MATCH, &seen.etag),
        (header::IF_MODIFIED_SINCE, &seen.last_modified),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
    let asked_for_newer = seen.etag.is_some() || seen.last_modified.is_some();
    let answer = client.request(request).await;
    let (head, body) = answer.map_err(|error| FetchError::Failed(why(&error)))?.into_parts();
    match head.status {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if asked_for_newer => return Ok(Fetched::Unchanged),
        status => return Err(FetchError::Failed(format!("answered {status}"))),
    }
    let document = match read_body(body, max_bytes).await {
        Ok(Some(document)) => document,
        Ok(None) => return Err(FetchError::TooLarge(max_bytes)),
        Err(error) => return Err(FetchError::Failed(why(&error))),
    };
    seen.etag = head.headers.get(header::ETAG).cloned();
    seen.last_modified = head.headers.get(header::LAST_MODIFIED).cloned();
    Ok(Fetched::Document(document))
}

/// `None`: it has not changed.
fn read_file(
    path: &Path,
    seen: Option<Stamp>,
    max_bytes: usize,
) -> Result<Option<(Bytes, Stamp)>, FetchError> {
    let failed = |error: std::io::Error| {
        FetchError::Failed(format!("{} cannot be read: {error}", path.display()))
    };
    // Opening a pipe would wait for somebody who writes.
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(FetchError::Failed(format!("{} is no file", path.display())));
    }
    let stamp = Stamp { modified: about.modified().map_err(failed)?, bytes: about.len() };
    if seen == Some(stamp) {
        return Ok(None);
    }
    let mut document = Vec::new();
    let most = (max_bytes as u64).saturating_add(1);
    File::open(path).and_then(|f| f.take(most).read_to_end(&mut document)).map_err(failed)?;
    if document.len() > max_bytes {
        return Err(FetchError::TooLarge(max_bytes));
    }
    Ok(Some((document.into(), stamp)))
}
