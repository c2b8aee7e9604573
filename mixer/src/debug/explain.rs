use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mesh_attributes::bag_from_json;

use super::{Subject, pretty};

/// What a body looks like.
const FORM: &str = r#"{"request.path":{"t":"STRING","v":"/"}}"#;

/// `GET /debug/explain`: how to ask.
pub(super) async fn usage() -> String {
    format!("POST the attributes of a request, such as {FORM}\n")
}

/// `POST /debug/explain`: attributes as JSON in, what the rules make of them out.
pub(super) async fn answer(State(subject): State<Subject>, body: Bytes) -> Response {
    let Some(seen) = subject.seen.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "there is no configuration yet\n")
            .into_response();
    };
    let wrong = |cause: String| {
        let message = format!("the body must be attributes such as {FORM}: {cause}\n");
        (StatusCode::BAD_REQUEST, message).into_response()
    };
    let json = match serde_json::from_slice(&body) {
        Ok(json) => json,
        Err(cause) => return wrong(cause.to_string()),
    };
    match bag_from_json(&json) {
        Ok(bag) => pretty(&seen.mixer.explain(&bag).await),
        Err(cause) => wrong(cause.to_string()),
    }
}
