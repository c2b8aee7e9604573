use std::rc::Rc;

use mesh_api::code;

use super::HeaderOperations;
use super::operations::HeaderOperation;

/// Response code details of a request that policy refused; the code's name follows.
const DENIED: &str = "mixmesh_denied";

/// May a request pass?
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Yes.
    Allow,
    /// Yes, with these changes to its headers.
    AllowWith(Rc<HeaderOperations>),
    /// No, and this is what the client gets.
    Deny(Rc<Denial>),
}

/// What a client gets whose request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Why, by google.rpc numbers.
    pub code: i32,
    /// Why, in the words of policy.
    pub message: Rc<str>,
    /// The HTTP status.
    pub http_status: u16,
    /// The body: `CODE_NAME:message`, unless policy wrote its own.
    pub body: String,
    /// Response code details, for access logs: what decided.
    pub details: String,
    /// The rule that refused, if policy says which.
    pub rule: Option<Box<str>>,
    /// What policy does to the response's headers.
    pub operations: Vec<HeaderOperation>,
}

impl Verdict {
    /// Whether the request may pass.
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow | Self::AllowWith(_))
    }

    /// Says which rule refused, of a refusal that is not shared yet.
    pub fn name_rule(&mut self, rule: Option<Box<str>>) {
        if let Self::Deny(denial) = self
            && let Some(denial) = Rc::get_mut(denial)
        {
            denial.rule = rule;
        }
    }
}

impl Denial {
    /// The refusal with this code and message.
    pub fn new(code: i32, message: &str) -> Self {
        let (name, http_status) = code::name_and_status(code);
        Self {
            code,
            message: message.into(),
            http_status,
            body: format!("{name}:{message}"),
            details: format!("{DENIED}{{{name}}}"),
            rule: None,
            operations: Vec::new(),
        }
    }

    /// The refusal of a request that could not be checked.
    pub fn unavailable(reason: &str, details: &str) -> Self {
        let details = details.to_owned();
        Self { details, ..Self::new(code::UNAVAILABLE, reason) }
    }

    /// The refusal of a request whose check broke down inside this filter.
    pub fn panicked(details: &str) -> Self {
        let details = details.to_owned();
        Self { details, ..Self::new(code::INTERNAL, "the sidecar filter failed") }
    }

    /// The status of a gRPC call that gets this refusal: never success, which would be an answer without
    /// a message.
    pub fn grpc_status(&self) -> i32 {
        code::refusal(self.code)
    }

    /// The same with a status and body that policy wrote.
    #[must_use]
    pub fn with_response(mut self, http_status: u32, body: &str) -> Self {
        // What is no status of a final response would make the proxy fail the stream.
        if let Some(status) = u16::try_from(http_status).ok().filter(|s| (200..=599).contains(s)) {
            self.http_status = status;
        }
        self.body = body.to_owned();
        self
    }
}
