//! Templates and instances for adapters that are no components.
//!
//! A component has one interface for each template of ours and gets records; any other adapter gets the
//! fields of an instance by name, whatever the template: one of ours, or one that was declared with a
//! descriptor (`kind: template`). So each instance has a second form, its shape: the fields that are set,
//! sorted by name, with the types of their expressions.

use std::sync::Arc;

use adapter_host::{CustomTemplate, Variety};
use mesh_attributes::ValueType;
use mesh_config::{CompiledTemplate, Variety as ConfigVariety};
use remote_adapter::{InstanceShape, RemoteTemplate};

use super::instances::Input;
use super::rule::{Binding, CheckInput, Field, GenerateInput, ReportInput};

/// The template of an instance, whoever takes it.
#[derive(Debug, Clone)]
pub(super) enum OpenTemplate {
    /// One of ours.
    Ours(CompiledTemplate),
    /// One of kind `template`.
    Declared(Arc<RemoteTemplate>),
    /// One that the author of a component invented.
    Custom(CustomTemplate),
}

impl OpenTemplate {
    /// The name by which adapters say that they take it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Ours(template) => template.name(),
            Self::Declared(template) => template.name(),
            Self::Custom(template) => template.interface(),
        }
    }

    pub(super) fn variety(&self) -> Variety {
        match self {
            Self::Ours(template) => match template.variety() {
                ConfigVariety::Check | ConfigVariety::CheckWithOutput => Variety::Check,
                ConfigVariety::Report => Variety::Report,
                ConfigVariety::Quota => Variety::Quota,
                ConfigVariety::AttributeGenerator => Variety::AttributeGenerator,
            },
            Self::Declared(template) => template.variety(),
            Self::Custom(template) => template.variety(),
        }
    }

    /// What comes back with an answer, by name.
    pub(super) fn outputs(&self) -> Vec<(String, ValueType)> {
        match self {
            Self::Ours(template) => {
                let outputs = template.outputs().iter();
                outputs.map(|(name, value_type)| ((*name).to_owned(), *value_type)).collect()
            }
            Self::Declared(template) => template.outputs().to_vec(),
            Self::Custom(template) => {
                let outputs = template.outputs().iter();
                outputs.map(|(name, value_type)| ((*name).to_owned(), *value_type)).collect()
            }
        }
    }

    /// The shape of the instance `name` (`short` without kind and namespace), and how it is made.
    pub(super) fn shape(
        &self,
        name: &str,
        fields: &[Field],
        bindings: &[Binding],
        short: &str,
    ) -> (InstanceShape, Input) {
        let shape = InstanceShape {
            name: name.to_owned(),
            template: self.name().to_owned(),
            fields: fields.iter().map(|field| (field.name.clone(), field.value_type())).collect(),
        };
        let fields = fields.to_vec();
        let input = match self.variety() {
            Variety::Check => Input::Check(CheckInput { fields }.into()),
            Variety::Quota => {
                Input::Quota(short.to_lowercase().into(), CheckInput { fields }.into())
            }
            Variety::AttributeGenerator => {
                Input::Generate(GenerateInput { fields, bindings: bindings.to_vec() }.into())
            }
            Variety::Report => {
                Input::Report(ReportInput::Row { template: self.name().into(), fields }.into())
            }
        };
        (shape, input)
    }
}
