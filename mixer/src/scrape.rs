//! The page where Prometheus scrapes the series of adapters.
//!
//! A page can have some hundred thousand lines. It is written and compressed away from the threads that
//! serve calls, and few are written at a time: a scraper that asks for more is told to come back.

use std::io::Write;
use std::sync::Arc;

use adapter_host::{ScrapeFormat, SeriesStore};
use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::task::spawn_blocking;

/// Pages under way at once. Two Prometheus servers, and somebody who looks by hand.
const MAX_PAGES: usize = 4;

/// `/metrics`, in the format and the encoding that the request asks for.
pub(crate) fn routes(series: Arc<SeriesStore>) -> Router {
    let pages = Arc::new(Semaphore::new(MAX_PAGES));
    let page = move |headers: HeaderMap| scrape(Arc::clone(&series), Arc::clone(&pages), headers);
    Router::new().route("/metrics", get(page))
}

async fn scrape(series: Arc<SeriesStore>, pages: Arc<Semaphore>, headers: HeaderMap) -> Response {
    let permit = match pages.try_acquire_owned() {
        Ok(permit) => permit,
        Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
            let text = format!("{MAX_PAGES} scrapes are under way; come back when one has ended\n");
            return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        }
    };
    let format = ScrapeFormat::negotiate(&joined(&headers, &header::ACCEPT));
    let compress = takes_gzip(&joined(&headers, &header::ACCEPT_ENCODING));
    let written = spawn_blocking(move || {
        // The permit lasts as long as the work, also when nobody waits for it any more.
        let _permit = permit;
        let page = series.encode(format);
        if compress { gzip(&page) } else { Ok(page) }
    });
    let page = match written.await {
        Ok(Ok(page)) => page,
        Ok(Err(cause)) => return failed(&cause),
        Err(cause) => return failed(&cause),
    };
    let mut response = page.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if compress {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// All values of a header as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

/// Whether an `Accept-Encoding` header allows gzip.
fn takes_gzip(header: &str) -> bool {
    header.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        is_gzip && weight.is_none_or(|q| q.parse::<f32>().is_ok_and(|q| q > 0.0))
    })
}

/// Fast: the line to the scraper is a short one, and pages shrink to a tenth whatever the effort is.
fn gzip(page: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 8), Compression::fast());
    encoder.write_all(page)?;
    encoder.finish()
}

fn failed(cause: &dyn std::error::Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("the page cannot be written: {cause}\n"))
        .into_response()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::body::Body;
    use axum::http::Request;
    use flate2::read::GzDecoder;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(routes: &Router, headers: &[(HeaderName, &str)]) -> Response {
        let mut request = Request::get("/metrics");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn body(response: Response) -> Vec<u8> {
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn format_and_encoding_are_those_asked_for() {
        let routes = routes(Arc::default());
        let plain = ask(&routes, &[]).await;
        assert_eq!(plain.headers()["content-type"], ScrapeFormat::Text.content_type());
        assert_eq!(body(plain).await, b"");
        let accept = [
            (header::ACCEPT, "application/openmetrics-text;version=1.0.0"),
            (header::ACCEPT_ENCODING, "br, gzip;q=0.5"),
        ];
        let packed = ask(&routes, &accept).await;
        assert_eq!(packed.headers()["content-type"], ScrapeFormat::OpenMetrics.content_type());
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        let mut text = String::new();
        GzDecoder::new(&*body(packed).await).read_to_string(&mut text).unwrap();
        assert_eq!(text, "# EOF\n");
    }

    #[tokio::test]
    async fn a_crowd_of_scrapers_is_told_to_come_back() {
        let pages = Arc::new(Semaphore::new(1));
        let _taken = Arc::clone(&pages).try_acquire_owned().unwrap();
        let answer = scrape(Arc::default(), pages, HeaderMap::new()).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn gzip_is_only_for_those_who_take_it() {
        for (header, expected) in [
            ("gzip", true),
            ("deflate, GZIP", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("identity", false),
            ("", false),
            ("gzip;q=nonsense", false),
        ] {
            assert_eq!(takes_gzip(header), expected, "{header}");
        }
    }
}
