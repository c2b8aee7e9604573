use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use adapter_host::{
    CheckResult, FailedElement, Fault, OwnedValue, ParameterProblem, QuotaGrant, QuotaRequest,
    Variety,
};
use futures_util::future::BoxFuture;
use remote_adapter::InstanceShape;
use serde_json::Value;

/// An adapter in Rust.
pub trait NativeAdapter: Send + Sync + 'static {
    /// The templates that it takes instances of, by name, with their variety: ours (`metric`), or
    /// declared ones. Must not change.
    fn templates(&self) -> Vec<(String, Variety)>;

    /// Makes the work of one handler. Is called for each edit that changes the handler, on the thread
    /// that compiles configuration: what takes its time belongs into the first call.
    ///
    /// # Errors
    /// All that is wrong in the parameters.
    fn configure(&self, setup: &NativeSetup) -> Result<Arc<dyn NativeWork>, Vec<ParameterProblem>>;
}

/// What a handler is made from.
#[derive(Debug, Clone)]
pub struct NativeSetup {
    /// `name.namespace`.
    pub handler: String,
    /// The parameters as they stand in the configuration; a JSON object.
    pub params: Value,
    /// The instances that it will be called with.
    pub instances: Vec<InstanceShape>,
}

/// A handler of an adapter in Rust. Calls run side by side. One that takes longer than it may is dropped
/// at its next `.await`.
///
/// Each method is for templates of one variety; what is not overridden refuses.
pub trait NativeWork: Send + Sync + 'static {
    /// Decides about a request.
    fn check<'c>(&'c self, given: Given<'c>) -> BoxFuture<'c, Result<CheckResult, NativeError>> {
        Box::pin(unserved(given))
    }

    /// Grants a part of a quota.
    fn allocate<'c>(
        &'c self,
        given: Given<'c>,
        request: &'c QuotaRequest,
    ) -> BoxFuture<'c, Result<QuotaGrant, NativeError>> {
        let _unused = request;
        Box::pin(unserved(given))
    }

    /// Makes attributes: what is known of the template's outputs, by name.
    fn generate<'c>(
        &'c self,
        given: Given<'c>,
    ) -> BoxFuture<'c, Result<Vec<(String, OwnedValue)>, NativeError>> {
        Box::pin(unserved(given))
    }

    /// Takes what happened: instances of one template, each with the number of its request. Answers with
    /// those that it cannot take.
    fn report<'c>(
        &'c self,
        batch: Vec<(u32, Given<'c>)>,
    ) -> BoxFuture<'c, Result<Vec<FailedElement>, NativeError>> {
        match batch.into_iter().next() {
            Some((_, given)) => Box::pin(unserved(given)),
            None => Box::pin(async { Ok(Vec::new()) }),
        }
    }
}

async fn unserved<T>(given: Given<'_>) -> Result<T, NativeError> {
    let message = format!("it does not serve template {}", given.instance.template);
    Err(NativeError { fault: Fault::Adapter, retry: false, message })
}

/// An instance, made for one request.
#[derive(Debug, Clone, Copy)]
pub struct Given<'c> {
    /// Its name, template and fields.
    pub instance: &'c InstanceShape,
    /// The values of these fields, in their order.
    pub values: &'c [OwnedValue],
}

impl<'c> Given<'c> {
    /// The value of a field, such as `subject.properties.app`; none when it is not set.
    pub fn value(&self, field: &str) -> Option<&'c OwnedValue> {
        let at = self.instance.fields.iter().position(|(name, _)| name == field)?;
        self.values.get(at)
    }

    /// The text of a field; empty when it is not set, or no text.
    pub fn text(&self, field: &str) -> &'c str {
        match self.value(field) {
            Some(OwnedValue::String(text)) => text,
            _ => "",
        }
    }

    /// The entries of a map, such as `dimensions`, by name.
    pub fn entries(&self, map: &str) -> impl Iterator<Item = (&'c str, &'c OwnedValue)> {
        let fields = self.instance.fields.iter().zip(self.values);
        fields.filter_map(move |((name, _), value)| {
            Some((name.strip_prefix(map)?.strip_prefix('.')?, value))
        })
    }
}

/// Why an adapter gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NativeError {
    /// Who has to act.
    pub fault: Fault,
    /// Whether the same call may work a little later.
    pub retry: bool,
    /// In the adapter's words.
    pub message: String,
}

/// Adapters in Rust, by name.
#[derive(Clone, Default)]
pub struct NativeAdapters(BTreeMap<String, Arc<dyn NativeAdapter>>);

impl NativeAdapters {
    /// With another adapter, which handlers know by `name`. Takes the place of one that has the name
    /// already.
    #[must_use]
    pub fn with(mut self, name: &str, adapter: impl NativeAdapter) -> Self {
        self.0.insert(name.to_owned(), Arc::new(adapter));
        self
    }

    /// The adapter of this name.
    pub fn get(&self, name: &str) -> Option<Arc<dyn NativeAdapter>> {
        self.0.get(name).map(Arc::clone)
    }
}

impl fmt::Debug for NativeAdapters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
