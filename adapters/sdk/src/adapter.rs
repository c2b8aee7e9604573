use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{CallError, CheckResult, InstanceIndex, Instances, Problems, Value};

/// An adapter with its configuration.
pub trait Adapter: Sized + 'static {
    /// The handler's parameters. Derive `Deserialize` and `JsonSchema`, give each field its default and a
    /// comment; names are snake_case, and lowerCamelCase is taken as well. Unknown fields are refused with
    /// the nearest name.
    type Parameters: DeserializeOwned + JsonSchema;

    /// Checks everything and makes the adapter. Report all problems, not the first.
    ///
    /// Runs once in each instance of the component, and in throw-away instances that only validate.
    ///
    /// # Errors
    /// The problems with the parameters or the instances.
    fn configure(parameters: Self::Parameters, instances: Instances) -> Result<Self, Problems>;
}

/// Serves the template `checknothing`.
pub trait CheckNothing: Adapter {
    /// Decides about a request that a rule has selected.
    ///
    /// # Errors
    /// When there is no decision. A denial is no error.
    fn check_nothing(&mut self, instance: InstanceIndex) -> Result<CheckResult, CallError>;
}

/// Serves the template `listentry`.
pub trait ListEntry: Adapter {
    /// Decides about a request by a value of it.
    ///
    /// # Errors
    /// When there is no decision. A denial is no error.
    fn list_entry(
        &mut self,
        instance: InstanceIndex,
        value: Value<'_>,
    ) -> Result<CheckResult, CallError>;
}

/// Serves the template `keyval`.
pub trait KeyVal: Adapter {
    /// Decides about a request, and looks up the value under its key.
    ///
    /// # Errors
    /// When there is no decision. A denial is no error, nor is a key without a value.
    fn key_val(
        &mut self,
        instance: InstanceIndex,
        key: &str,
    ) -> Result<(CheckResult, Option<String>), CallError>;
}

/// Serves the template `reportnothing`.
pub trait ReportNothing: Adapter {
    /// Takes note that rules have selected `count` requests.
    ///
    /// # Errors
    /// When it cannot be noted.
    fn report_nothing(&mut self, instance: InstanceIndex, count: u32) -> Result<(), CallError>;
}
