//! Attribute generators: what is known of a request beside what its proxy says.
//!
//! They run before the rules are looked at, by the namespace that the request itself names. What they
//! generate never takes the place of an attribute that the request has. The answer depends on what they
//! read of the request, not on what they made of it.

use std::fmt::Display;
use std::sync::Arc;

use adapter_host::OwnedValue;
use futures_util::future::join_all;
use mesh_attributes::{AttributeBag, Bag, References, Tracked};
use mesh_config::FailPolicy;
use tracing::debug;

use crate::codes;
use crate::handlers::HandlerUnit;
use crate::instance::{adapter_value, evaluate_owned};
use crate::layered::Layered;
use crate::policy::OUTPUT;
use crate::policy::rule::{GenerateCall, GenerateRule};
use crate::service::Mixer;

/// Outputs remembered while a report is read: its requests come from few workloads.
const MAX_REMEMBERED: usize = 64;

/// What generators made for one request.
#[derive(Debug, Default)]
pub(crate) struct Generated {
    pub(crate) attributes: AttributeBag,
    /// What of the request that depends on.
    pub(crate) references: References,
    /// Whether chance was involved.
    pub(crate) sampled: bool,
}

/// A generator that its rule cannot do without gave nothing.
#[derive(Debug)]
pub(crate) struct GenerateFailure {
    pub(crate) handler: Arc<HandlerUnit>,
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) references: References,
}

/// Outputs of generators by what they were asked, for the requests of one report.
#[derive(Debug, Default)]
pub(crate) struct RememberedOutputs(Vec<RememberedOutput>);

#[derive(Debug)]
struct RememberedOutput {
    handler: Arc<HandlerUnit>,
    instance: Arc<str>,
    values: Vec<OwnedValue>,
    output: Arc<AttributeBag>,
}

/// A call with all that it takes from the request.
struct Prepared<'p> {
    call: &'p GenerateCall,
    values: Vec<OwnedValue>,
}

impl Mixer {
    /// Runs the generators of `rules` for a request.
    ///
    /// # Errors
    /// When one fails whose rule is closed.
    pub(crate) async fn generate<B: Bag + Sync>(
        &self,
        rules: &[Arc<GenerateRule>],
        bag: &B,
        remembered: &mut RememberedOutputs,
    ) -> Result<Generated, GenerateFailure> {
        let mut generated = Generated::default();
        if rules.is_empty() {
            return Ok(generated);
        }
        let calls = self.prepare_generators(rules, bag, &mut generated)?;
        let outputs: Vec<_> = calls.iter().map(|call| remembered.find(call)).collect();
        let missing = calls.iter().zip(&outputs).filter(|(_, output)| output.is_none());
        let asked = missing.map(|(prepared, _)| {
            let target = &prepared.call.target;
            target.handler.generate(target.index, prepared.values.clone())
        });
        let mut answers = join_all(asked).await.into_iter();
        for (prepared, output) in calls.into_iter().zip(outputs) {
            let output = match output {
                Some(output) => output,
                None => match answers.next() {
                    Some(Ok(answer)) => remembered.keep(&prepared, answer),
                    Some(Err(failure)) => {
                        self.metrics.generate_failures.with_label_values(&[failure.reason()]).inc();
                        fail(prepared.call, codes::UNAVAILABLE, &failure, &generated.references)?;
                        continue;
                    }
                    None => continue,
                },
            };
            self.bind(prepared.call, &output, bag, &mut generated)?;
        }
        Ok(generated)
    }

    /// Evaluates conditions and instances.
    fn prepare_generators<'p>(
        &self,
        rules: &'p [Arc<GenerateRule>],
        bag: &impl Bag,
        generated: &mut Generated,
    ) -> Result<Vec<Prepared<'p>>, GenerateFailure> {
        let tracked = Tracked::new(bag);
        let mut calls = Vec::new();
        for rule in rules {
            if !rule.scope.matches(&tracked, &self.metrics) {
                continue;
            }
            generated.sampled |= rule.scope.sampling.is_some();
            if !rule.scope.takes(&tracked) {
                continue;
            }
            for call in &rule.calls {
                match evaluate_owned(&call.input.fields, &tracked) {
                    Ok(values) => calls.push(Prepared { call, values }),
                    Err(cause) => {
                        self.metrics.generate_failures.with_label_values(&["instance"]).inc();
                        fail(call, codes::INVALID_ARGUMENT, &cause, &tracked.references())?;
                    }
                }
            }
        }
        generated.references = tracked.references();
        Ok(calls)
    }

    /// Makes attributes of an output. What an earlier generator made stays.
    fn bind(
        &self,
        call: &GenerateCall,
        output: &AttributeBag,
        bag: &impl Bag,
        generated: &mut Generated,
    ) -> Result<(), GenerateFailure> {
        let tracked = Tracked::new(bag);
        let visible = Layered { upper: output, lower: &tracked };
        let mut failed = Ok(());
        for binding in &call.input.bindings {
            if generated.attributes.get(&binding.attribute).is_some() {
                continue;
            }
            match binding.value.evaluate(&visible) {
                Ok(value) => {
                    let value = OwnedValue::from(adapter_value(&value));
                    generated.attributes.set(binding.attribute.as_str(), value);
                }
                Err(cause) => {
                    self.metrics.generate_failures.with_label_values(&["binding"]).inc();
                    failed = fail(call, codes::INVALID_ARGUMENT, &cause, &References::new());
                    if failed.is_err() {
                        break;
                    }
                }
            }
        }
        generated.references.merge(&tracked.references());
        failed.map_err(|failure| GenerateFailure {
            references: generated.references.clone(),
            ..failure
        })
    }
}

/// What the failure of a call means by its rule.
fn fail(
    call: &GenerateCall,
    code: i32,
    why: &dyn Display,
    references: &References,
) -> Result<(), GenerateFailure> {
    let target = &call.target;
    debug!(instance = %target.instance, %why, "attributes could not be generated");
    match call.fail_policy {
        FailPolicy::Open => Ok(()),
        FailPolicy::Closed => Err(GenerateFailure {
            handler: Arc::clone(&target.handler),
            code,
            message: format!("instance {}: {why}", target.instance),
            references: references.clone(),
        }),
    }
}

impl RememberedOutputs {
    fn find(&self, prepared: &Prepared<'_>) -> Option<Arc<AttributeBag>> {
        let target = &prepared.call.target;
        let found = self.0.iter().find(|known| {
            Arc::ptr_eq(&known.handler, &target.handler)
                && known.instance == target.instance
                && known.values == prepared.values
        });
        found.map(|known| Arc::clone(&known.output))
    }

    fn keep(
        &mut self,
        prepared: &Prepared<'_>,
        answer: Vec<(String, OwnedValue)>,
    ) -> Arc<AttributeBag> {
        let mut output = AttributeBag::new();
        for (name, value) in answer {
            output.set(&format!("{OUTPUT}{name}"), value);
        }
        let output = Arc::new(output);
        if self.0.len() < MAX_REMEMBERED {
            self.0.push(RememberedOutput {
                handler: Arc::clone(&prepared.call.target.handler),
                instance: Arc::clone(&prepared.call.target.instance),
                values: prepared.values.clone(),
                output: Arc::clone(&output),
            });
        }
        output
    }
}
