//! Answers of adapters that are no components, held to the bounds of those that are: what is trimmed and
//! what fails is decided in one place (see [`super::taken`]).

use std::borrow::Cow;

use mesh_attributes::OwnedValue;

use super::taken::{Whole, check_size};
use super::{CheckResult, QuotaGrant};
use crate::CallError;
use crate::guest_text::cut;

impl CheckResult {
    /// What can be made of the decision, and whether a part of it was cut or left out for that.
    ///
    /// # Errors
    /// When an output is too large: half of it would mean something else.
    pub fn bounded(self) -> Result<(Self, bool), CallError> {
        let mut whole = Whole::default();
        let code = whole.code(self.code);
        // No header operation follows a denial.
        let output = if code == 0 { bounded_values(self.output)? } else { Vec::new() };
        let result = Self {
            code,
            message: whole.text(self.message),
            direct_response: self.direct_response.map(|response| response.bounded(&mut whole)),
            output,
            ..self
        };
        Ok((result, whole.is_trimmed()))
    }
}

impl QuotaGrant {
    /// What can be made of a grant of `asked`, and whether a part of it was cut or left out for that.
    pub fn bounded(self, asked: i64) -> (Self, bool) {
        let mut whole = Whole::default();
        let granted = self.amount.clamp(0, asked.saturating_abs());
        whole.is_whole(granted == self.amount);
        let grant = Self {
            code: whole.code(self.code),
            message: whole.text(self.message),
            amount: granted,
            ..self
        };
        (grant, whole.is_trimmed())
    }
}

/// Values that become attributes, as they are.
///
/// # Errors
/// When one is too large: half of it would mean something else.
pub fn bounded_values(
    values: Vec<(Cow<'static, str>, OwnedValue)>,
) -> Result<Vec<(Cow<'static, str>, OwnedValue)>, CallError> {
    for (_, value) in &values {
        check_size(value)?;
    }
    Ok(values)
}

/// A text for people, such as an error, held to a length that a log line can bear.
pub fn bounded_text(text: String) -> String {
    cut(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DirectResponse;

    #[test]
    fn a_decision_is_trimmed_and_never_turned_into_another() {
        let headers = vec![("Set-Cookie".to_owned(), "a=b".to_owned())];
        let direct_response = Some(DirectResponse { code: 99, body: "x".repeat(1 << 20), headers });
        let wild = CheckResult { code: 77, direct_response, ..CheckResult::default() };
        let (denied, trimmed) = wild.bounded().unwrap();
        assert_eq!((denied.code, trimmed), (2, true));
        let response = denied.direct_response.unwrap();
        assert_eq!((response.code, response.headers[0].0.as_str()), (0, "set-cookie"));
        assert!(response.body.len() < 1 << 20);
    }

    #[test]
    fn an_output_that_is_too_large_is_no_answer() {
        let output = vec![("value".into(), OwnedValue::String("x".repeat(1 << 20)))];
        let allowed = CheckResult { output: output.clone(), ..CheckResult::default() };
        assert!(allowed.bounded().is_err());
        let denied = CheckResult { code: 7, output, ..CheckResult::default() };
        assert_eq!(denied.bounded().unwrap().0.output, []);
    }

    #[test]
    fn a_grant_is_never_more_than_was_asked_for() {
        let grant = |amount| {
            let message = String::new();
            let (grant, trimmed) =
                QuotaGrant { code: 0, message, amount, valid_duration_ns: 1 }.bounded(5);
            (grant.amount, trimmed)
        };
        assert_eq!([grant(5), grant(6), grant(-1)], [(5, false), (5, true), (0, true)]);
    }
}
