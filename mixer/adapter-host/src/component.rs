use std::sync::Arc;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{InstancePre, Linker};

use crate::bindings::exports::mixmesh::adapter as exports;
use crate::custom::{CustomExport, custom_exports};
use crate::description::describe;
use crate::guest::GuestState;
use crate::handler::Surroundings;
use crate::parameters::ParameterSchema;
use crate::template::VERSION;
use crate::ticker::Ticker;
use crate::{Description, HostError, Limits, Template, wasi};

/// An adapter, compiled and checked; handlers are built from it.
pub struct Component {
    name: String,
    digest: [u8; 32],
    templates: Vec<Template>,
    imports: Vec<Import>,
    /// Linear memory with which an instance starts, in bytes.
    initial_memory: u64,
    description: Description,
    /// Missing when the adapter gives none.
    pub(crate) parameters: Option<ParameterSchema>,
    pub(crate) instance_pre: InstancePre<GuestState>,
    pub(crate) exports: Exports,
    /// Keeps the epoch going while there is something to interrupt.
    _ticker: Arc<Ticker>,
}

/// From this much initial memory on an adapter is [large](Component::is_large). An interpreter brings 6 to 8
/// MiB of heap, in which it has read its program already; a component that was compiled from Rust or C
/// starts with 0.1 to 1.2 MiB.
const LARGE: u64 = 4 << 20;

const PAGE: u64 = 64 << 10;

/// A function that an adapter asks the host for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The interface, such as `mixmesh:host/log@0.1.0`.
    pub interface: String,
    /// The function, such as `write`.
    pub function: String,
}

/// Where a component's interfaces are found in its instances.
pub(crate) struct Exports {
    pub(crate) lifecycle: exports::lifecycle::GuestIndices,
    pub(crate) metric: Option<exports::metric::GuestIndices>,
    pub(crate) logentry: Option<exports::logentry::GuestIndices>,
    pub(crate) tracespan: Option<exports::tracespan::GuestIndices>,
    pub(crate) edge: Option<exports::edge::GuestIndices>,
    pub(crate) checknothing: Option<exports::checknothing::GuestIndices>,
    pub(crate) listentry: Option<exports::listentry::GuestIndices>,
    pub(crate) reportnothing: Option<exports::reportnothing::GuestIndices>,
    pub(crate) apikey: Option<exports::apikey::GuestIndices>,
    pub(crate) authorization: Option<exports::authorization::GuestIndices>,
    pub(crate) keyval: Option<exports::keyval::GuestIndices>,
    pub(crate) quota: Option<exports::quota::GuestIndices>,
    pub(crate) kubernetes: Option<exports::kubernetes::GuestIndices>,
    /// The author's own.
    pub(crate) custom: Vec<CustomExport>,
    pub(crate) conversation: Option<exports::conversation::GuestIndices>,
}

impl Component {
    pub(crate) fn link(
        name: &str,
        digest: [u8; 32],
        compiled: &wasmtime::component::Component,
        linker: &Linker<GuestState>,
        ticker: &Arc<Ticker>,
        surroundings: &Arc<Surroundings>,
    ) -> Result<Self, HostError> {
        let imports = allowed_imports(name, compiled)?;
        let wrong = |cause| HostError::WrongInterface { adapter: name.to_owned(), cause };
        let instance_pre = linker.instantiate_pre(compiled).map_err(wrong)?;
        let custom = custom_exports(compiled).map_err(|(interface, cause)| {
            HostError::WrongTemplate { adapter: name.to_owned(), interface, cause }
        })?;
        let own = custom.iter().map(|export| Template::Custom(export.template));
        let templates: Vec<_> = exported_templates(compiled).into_iter().chain(own).collect();
        let has = |template| templates.contains(&template);
        let missing = |interface| HostError::MissingExport { adapter: name.to_owned(), interface };
        if templates.is_empty() {
            return Err(missing(format!("any template of mixmesh:adapter@{VERSION}")));
        }
        let lifecycle = format!("mixmesh:adapter/lifecycle@{VERSION}");
        if compiled.get_export_index(None, &lifecycle).is_none() {
            return Err(missing(lifecycle));
        }
        macro_rules! interface {
            ($template:ident, $module:ident) => {
                has(Template::$template)
                    .then(|| exports::$module::GuestIndices::new(&instance_pre))
                    .transpose()
                    .map_err(wrong)?
            };
        }
        let conversation = format!("mixmesh:adapter/conversation@{VERSION}");
        let converses = compiled.get_export_index(None, &conversation).is_some();
        let exports = Exports {
            lifecycle: exports::lifecycle::GuestIndices::new(&instance_pre).map_err(wrong)?,
            metric: interface!(Metric, metric),
            logentry: interface!(LogEntry, logentry),
            tracespan: interface!(TraceSpan, tracespan),
            edge: interface!(Edge, edge),
            checknothing: interface!(CheckNothing, checknothing),
            listentry: interface!(ListEntry, listentry),
            reportnothing: interface!(ReportNothing, reportnothing),
            apikey: interface!(ApiKey, apikey),
            authorization: interface!(Authorization, authorization),
            keyval: interface!(KeyVal, keyval),
            quota: interface!(Quota, quota),
            kubernetes: interface!(Kubernetes, kubernetes),
            custom,
            conversation: converses
                .then(|| exports::conversation::GuestIndices::new(&instance_pre))
                .transpose()
                .map_err(wrong)?,
        };
        let described =
            describe(&instance_pre, &imports, &exports.lifecycle, surroundings, &Limits::default());
        let description =
            described.map_err(|cause| HostError::Describe { adapter: name.to_owned(), cause })?;
        let parameters = ParameterSchema::parse(&description.parameters)
            .map_err(|cause| HostError::WrongSchema { adapter: name.to_owned(), cause })?;
        Ok(Self {
            name: name.to_owned(),
            digest,
            templates,
            imports,
            initial_memory: initial_memory(compiled),
            description,
            parameters,
            instance_pre,
            exports,
            _ticker: Arc::clone(ticker),
        })
    }

    /// The adapter's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the component's file.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The templates it serves, in the order of [`Template::ALL`], then those of its author.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The functions of the host that it can call, sorted: all it can do.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// What it says about itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Whether an instance is too much to be made while a request waits: it starts with 4 MiB of memory or
    /// more, as those that bring an interpreter do. Handlers have few instances of such components, and
    /// make them ahead.
    pub fn is_large(&self) -> bool {
        self.initial_memory >= LARGE
    }

    pub(crate) fn can_call(&self, interface: &str, function: &str) -> bool {
        self.imports.iter().any(|i| i.interface == interface && i.function == function)
    }
}

impl Import {
    /// Whether it is of WASI. Such imports link and give nothing but the clock and random numbers: no files,
    /// sockets, arguments or environment.
    pub fn is_wasi(&self) -> bool {
        wasi::is_linked(&self.interface)
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component")
            .field("name", &self.name)
            .field("templates", &self.templates)
            .field("imports", &self.imports)
            .finish_non_exhaustive()
    }
}

/// The linker would refuse a foreign import as well, but would name the missing function, not the cause.
fn allowed_imports(
    name: &str,
    compiled: &wasmtime::component::Component,
) -> Result<Vec<Import>, HostError> {
    let (engine, component) = (compiled.engine(), compiled.component_type());
    let types_only = format!("mixmesh:adapter/types@{VERSION}");
    let mut functions = Vec::new();
    for (interface, import) in component.imports(engine) {
        if interface == types_only {
            continue;
        }
        let foreign =
            || HostError::ForeignImport { adapter: name.to_owned(), import: interface.to_owned() };
        let known = ["log", "clock", "metrics", "workloads", "counters", "outbound", "lists"]
            .iter()
            .any(|known| interface == format!("mixmesh:host/{known}@{VERSION}"))
            || wasi::is_linked(interface);
        let (true, ComponentItem::ComponentInstance(instance)) = (known, &import.ty) else {
            return Err(foreign());
        };
        functions.extend(
            instance
                .exports(engine)
                .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
                .map(|(function, _)| Import {
                    interface: interface.to_owned(),
                    function: function.to_owned(),
                }),
        );
    }
    functions.sort();
    Ok(functions)
}

/// The largest initial memory among the modules of a component, in bytes. One whose modules are not known
/// before it is instantiated is none of ours; the linker refuses it.
fn initial_memory(compiled: &wasmtime::component::Component) -> u64 {
    let resources = compiled.resources_required();
    resources.and_then(|needed| needed.max_initial_memory_size).map_or(0, |pages| pages * PAGE)
}

fn exported_templates(compiled: &wasmtime::component::Component) -> Vec<Template> {
    let exported =
        |template: &Template| compiled.get_export_index(None, template.interface()).is_some();
    Template::ALL.into_iter().filter(exported).collect()
}
