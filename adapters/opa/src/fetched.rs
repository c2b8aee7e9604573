//! The document of `data_url`.
//!
//! Taken when its version has changed. One that is no JSON object, or contradicts the rest, is told once
//! and replaces nothing. Without any, no request is decided: what a policy says about missing data was
//! meant for other cases.

use std::time::Duration;

use adapter_sdk::host::lists::{self, Source};
use adapter_sdk::host::log::{self, Level};
use adapter_sdk::{CallError, Problem};
use regorus::Value;

use crate::parameters::Parameters;
use crate::program::Program;

/// The largest document.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct Fetched {
    list: u32,
    /// What stands in the parameters, under which it is laid.
    data: Value,
    /// The version that was looked at last.
    version: Option<u64>,
    /// Whether the program has one.
    is_there: bool,
}

impl Fetched {
    pub(crate) fn open(parameters: &Parameters, data: Value) -> Result<Self, Problem> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let source = Source {
            parameter: "data_url".to_owned(),
            refresh: nanos(*parameters.data_refresh_interval),
            keep: nanos(*parameters.data_ttl),
            max_bytes: MAX_BYTES,
        };
        let list = lists::open(&source).map_err(|message| Problem::new("data_url", message))?;
        Ok(Self { list, data, version: None, is_there: false })
    }

    /// Brings the program's data up to date.
    ///
    /// # Errors
    /// When there is no document.
    pub(crate) fn bring(&mut self, program: &mut Program) -> Result<(), CallError> {
        let version = lists::version(self.list);
        if version.is_none() {
            self.is_there = false;
            self.version = None;
        } else if version != self.version
            && let Some(document) = lists::read(self.list)
        {
            self.version = Some(document.version);
            match self.lay(&document.content, program) {
                Ok(()) => self.is_there = true,
                Err(message) => log::log(
                    Level::Error,
                    &format!(
                        "the document of data_url is refused, the one before stays: {message}"
                    ),
                ),
            }
        }
        match self.is_there {
            true => Ok(()),
            false => Err(CallError::backend("there is no document of data_url, or none that fits")),
        }
    }

    fn lay(&self, content: &[u8], program: &mut Program) -> Result<(), String> {
        let text = str::from_utf8(content).map_err(|error| error.to_string())?;
        let document = Value::from_json_str(text).map_err(|error| error.to_string())?;
        program.set_data([self.data.clone(), document])
    }
}
