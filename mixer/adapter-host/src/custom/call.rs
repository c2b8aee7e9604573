use mesh_attributes::OwnedValue;
use wasmtime::component::{Func, Val};

use super::batch::Element;
use super::values::{decision, failed_elements, generated};
use super::{CustomBatch, CustomTemplate};
use crate::bindings::mixmesh::adapter::types;
use crate::guest::Guest;
use crate::handler::{Handler, TooLarge, exact, exact_map, handed_over, until};
use crate::{
    CallError, CheckResult, FailedElement, InstanceDecl, InstanceIndex, Template, Variety,
};

/// A call with a batch takes as many elements, and about as many bytes, at most.
const MAX_ELEMENTS: usize = 1000;
const MAX_BYTES: usize = 1 << 20;

impl Handler {
    /// As [`Handler::check`], for a template of the author's own.
    pub(crate) async fn check_custom(
        &self,
        template: CustomTemplate,
        instance: InstanceIndex,
        values: &[OwnedValue],
    ) -> Result<CheckResult, CallError> {
        let answer = self.ask(template, instance, values).await?;
        let answer = decision(answer).unwrap_or_else(|| Err(misshapen()));
        self.decision(answer)
    }

    /// As [`Handler::generate`], for a template of the author's own.
    pub(crate) async fn generate_custom(
        &self,
        template: CustomTemplate,
        instance: InstanceIndex,
        values: &[OwnedValue],
    ) -> Result<Vec<(String, OwnedValue)>, CallError> {
        let answer = self.ask(template, instance, values).await?;
        let answer = generated(answer).unwrap_or_else(|| Err(misshapen()));
        let answer = answer.map_err(|error| self.refusal(error))?;
        let mut output = Vec::new();
        let whole = template.definition().output.fields(answer, &mut output);
        whole.ok_or_else(|| self.refusal(misshapen()))?;
        let output: Result<Vec<_>, TooLarge> =
            output.into_iter().map(|(name, value)| Ok((name, held(value)?))).collect();
        output.map_err(|why| self.refusal(why.into()))
    }

    /// Hands instances to a report template of the author's own, in as many calls as are needed.
    ///
    /// Returns the elements that were not taken; all others were.
    ///
    /// # Errors
    /// When the first call fails: nothing counts as delivered then. Elements of a later call that fails
    /// are among those returned.
    pub async fn report_custom(
        &self,
        batch: &CustomBatch,
    ) -> Result<Vec<FailedElement>, CallError> {
        let mut failed = Vec::new();
        let mut delivered = false;
        let mut rest = batch.elements.as_slice();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(self.chunk(rest)?);
            rest = after;
            match self.report_chunk(chunk).await {
                Ok(refused) => failed.extend(refused),
                Err(cause) if !delivered => return Err(cause),
                Err(cause) => failed.extend(chunk.iter().map(|element| FailedElement {
                    element: element.element,
                    message: cause.to_string(),
                })),
            }
            delivered = true;
        }
        self.failed_elements(failed.len());
        Ok(failed)
    }

    /// How many of the first elements go together: those of one template, within the bounds of a call.
    fn chunk(&self, elements: &[Element]) -> Result<usize, CallError> {
        let template = self.custom_of(elements[0].instance)?.0;
        let mut bytes = 0;
        let together = elements.iter().take(MAX_ELEMENTS).take_while(|element| {
            bytes += element.size();
            bytes <= MAX_BYTES
                && self.custom_of(element.instance).is_ok_and(|(other, _)| other == template)
        });
        Ok(together.count().max(1))
    }

    async fn report_chunk(&self, chunk: &[Element]) -> Result<Vec<FailedElement>, CallError> {
        let template = self.custom_of(chunk[0].instance)?.0;
        let elements: Result<Vec<Val>, CallError> = (0..)
            .zip(chunk)
            .map(|(position, element): (u32, &Element)| {
                let declared = &self.custom_of(element.instance)?.1.fields;
                let fields = template.definition().input.value(declared, &element.values);
                Ok(Val::Record(vec![
                    ("element".to_owned(), Val::U32(position)),
                    ("instance".to_owned(), Val::U32(element.instance.0)),
                    ("fields".to_owned(), fields),
                ]))
            })
            .collect();
        let arguments = [Val::List(elements?)];
        let answer = self.call(template, &arguments, self.limits().report_deadline).await?;
        let refused = failed_elements(answer).ok_or_else(|| self.refusal(misshapen()))?;
        let positions = (0..).zip(chunk).map(|(position, _)| position);
        let named = handed_over(refused, positions).map(|failed| FailedElement {
            element: chunk[failed.element as usize].element,
            ..failed
        });
        Ok(named.collect())
    }

    /// One call with the fields of one instance.
    async fn ask(
        &self,
        template: CustomTemplate,
        instance: InstanceIndex,
        values: &[OwnedValue],
    ) -> Result<Val, CallError> {
        let declared = &self.custom_of(instance)?.1.fields;
        let fields = template.definition().input.value(declared, values);
        let arguments = [Val::U32(instance.0), fields];
        self.call(template, &arguments, self.limits().check_deadline).await
    }

    async fn call(
        &self,
        template: CustomTemplate,
        arguments: &[Val],
        limit: std::time::Duration,
    ) -> Result<Val, CallError> {
        let exports = &self.component().exports.custom;
        let at = exports.iter().position(|export| export.template == template);
        let at = at.ok_or(CallError::NoSuchInstance { variety: template.variety(), index: 0 })?;
        let mut lease = self.lease(limit).await?;
        let deadline = lease.deadline;
        let Guest { store, exports, .. } = lease.guest();
        let function: Func = exports.custom[at];
        let called = async {
            let mut results = [Val::Bool(false)];
            function.call_async(&mut *store, arguments, &mut results).await?;
            let [answer] = results;
            Ok(answer)
        };
        let outcome = until(deadline, called).await;
        lease.finish(outcome)
    }

    fn custom_of(
        &self,
        instance: InstanceIndex,
    ) -> Result<(CustomTemplate, &InstanceDecl), CallError> {
        match self.declared(instance) {
            Some(declared) => match declared.template {
                Template::Custom(template) => Ok((template, declared)),
                _ => Err(no_such(instance)),
            },
            None => Err(no_such(instance)),
        }
    }
}

fn no_such(instance: InstanceIndex) -> CallError {
    CallError::NoSuchInstance { variety: Variety::Report, index: instance.0 }
}

/// What becomes an attribute is whole or nothing.
fn held(value: OwnedValue) -> Result<OwnedValue, TooLarge> {
    Ok(match value {
        OwnedValue::String(text) => OwnedValue::String(exact(text)?),
        OwnedValue::StringMap(map) => {
            OwnedValue::StringMap(exact_map(map.into_iter().collect())?.into_iter().collect())
        }
        other => other,
    })
}

/// The types were checked when the component was loaded, all but those behind the names of shared records.
fn misshapen() -> types::CallError {
    types::CallError {
        fault: types::Fault::Adapter,
        retry: false,
        message: "its answer does not have the types of mixmesh:adapter/types".to_owned(),
    }
}
