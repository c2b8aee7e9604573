use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use percent_encoding::percent_decode_str;
use tracing::info;

use super::LogControl;

/// `/debug/log`: GET shows what is logged, PUT with `?level=…` changes it until the process ends.
pub fn log_router(control: LogControl) -> Router {
    let show = control.clone();
    Router::new().route(
        "/debug/log",
        get(move || std::future::ready(format!("{}\n", show.level()))).put(
            move |RawQuery(query): RawQuery| std::future::ready(change(&control, query.as_deref())),
        ),
    )
}

fn change(control: &LogControl, query: Option<&str>) -> Response {
    let level = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("level="));
    let Some(level) = level else {
        let text = "say what is logged, such as PUT /debug/log?level=info,mixer::policy=debug\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let level = percent_decode_str(level).decode_utf8_lossy();
    match control.set_level(&level) {
        Ok(()) => {
            info!(level = %level, "the log's level is changed");
            format!("{}\n", control.level()).into_response()
        }
        Err(cause) => (StatusCode::BAD_REQUEST, format!("{cause}\n")).into_response(),
    }
}
