//! For tests: an adapter that is as large as one with an interpreter, so that the host makes its instances
//! ahead.
//!
//! It counts the calls that an instance has had, crashes at the text `crash` and loops at `loop`. While the
//! host knows the pod `broken`, new instances crash in `configure`.

use adapter_sdk::host::workloads;
use adapter_sdk::{
    Adapter, CallError, CheckResult, Code, InstanceIndex, Instances, ListEntry, Problems, Value,
};
use schemars::JsonSchema;
use serde::Deserialize;

adapter_sdk::export!(Large: listentry);

/// What an interpreter's heap would be.
#[used]
static HEAP: [u8; 6 << 20] = [0; 6 << 20];

/// The adapter.
#[derive(Debug)]
pub struct Large {
    calls: u32,
}

/// There are none.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Parameters {}

impl Adapter for Large {
    type Parameters = Parameters;

    fn configure(_parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        assert!(workloads::by_uid("kubernetes://broken.default").is_none(), "told to crash");
        Ok(Self { calls: 0 })
    }
}

impl ListEntry for Large {
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        assert!(value != Value::Text("crash"), "told to crash");
        while value == Value::Text("loop") {}
        self.calls += 1;
        Ok(CheckResult::once(Code::OK, self.calls.to_string()))
    }
}
