use serde::de::DeserializeOwned;

use crate::{CallError, CheckResult, InstanceIndex, Instances, Problems, Value};

/// An adapter with its configuration.
pub trait Adapter: Sized + 'static {
    /// The handler's parameters. Derive `Deserialize` and give each field its default; names are
    /// snake_case, and lowerCamelCase is taken as well. Unknown fields are refused with the nearest name.
    type Parameters: DeserializeOwned;

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
