use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{ComponentExportIndex, Type};

use super::field::FieldKind;
use super::shape::Shape;
use super::{CustomTemplate, Definition};
use crate::Variety;

/// Templates of authors in one component. Each costs an index in every instance of it.
const MAX_EXPORTS: usize = 64;

const CHECK_RESULT: [&str; 5] =
    ["code", "message", "valid-duration", "valid-use-count", "direct-response"];
const CALL_ERROR: [&str; 3] = ["fault", "retry", "message"];
const FAILED_ELEMENT: [&str; 2] = ["element", "message"];
const ELEMENT: [&str; 3] = ["element", "instance", "fields"];

/// A template that a component exports, and where its function is.
#[derive(Debug, Clone)]
pub(crate) struct CustomExport {
    pub(crate) template: CustomTemplate,
    pub(crate) function: ComponentExportIndex,
}

/// The templates of the author's own that a component exports.
///
/// # Errors
/// The interface that looks like one and is none, and why.
pub(crate) fn custom_exports(
    compiled: &wasmtime::component::Component,
) -> Result<Vec<CustomExport>, (String, String)> {
    let (engine, component) = (compiled.engine(), compiled.component_type());
    let mut found = Vec::new();
    for (interface, export) in component.exports(engine) {
        let ComponentItem::ComponentInstance(instance) = &export.ty else { continue };
        if interface.starts_with("mixmesh:") || interface.starts_with("wasi:") {
            continue;
        }
        let mut functions = instance.exports(engine).filter_map(|(name, item)| match item.ty {
            ComponentItem::ComponentFunc(function) => Some((name, function)),
            _ => None,
        });
        let (Some((name, function)), None) = (functions.next(), functions.next()) else { continue };
        let variety = match name {
            "check" => Variety::Check,
            "report" => Variety::Report,
            "generate" => Variety::AttributeGenerator,
            _ => continue,
        };
        let wrong = |why: String| (interface.to_owned(), why);
        if found.len() >= MAX_EXPORTS {
            return Err(wrong(format!("a component has {MAX_EXPORTS} templates at most")));
        }
        let definition = definition(interface, variety, &function).map_err(wrong)?;
        let template = CustomTemplate::intern(definition).map_err(wrong)?;
        let index = compiled
            .get_export_index(None, interface)
            .and_then(|instance| compiled.get_export_index(Some(&instance), name));
        let function = index.ok_or_else(|| wrong(format!("it has no function {name}")))?;
        found.push(CustomExport { template, function });
    }
    Ok(found)
}

fn definition(
    interface: &str,
    variety: Variety,
    function: &ComponentFunc,
) -> Result<Definition, String> {
    let parameters: Vec<Type> = function.params().map(|(_, ty)| ty).collect();
    let results: Vec<Type> = function.results().collect();
    let mut fields = Vec::new();
    let mut outputs = Vec::new();
    let mut output = Shape::EMPTY;
    let input = match (variety, parameters.as_slice(), results.as_slice()) {
        (Variety::Report, [Type::List(elements)], [Type::List(failed)])
            if names(&elements.ty()) == ELEMENT && names(&failed.ty()) == FAILED_ELEMENT =>
        {
            let Type::Record(element) = elements.ty() else { return Err(wanted(variety)) };
            let types: Vec<Type> = element.fields().map(|field| field.ty).collect();
            let [Type::U32, Type::U32, record] = types.as_slice() else {
                return Err(wanted(variety));
            };
            Shape::of_record(record, &mut fields)?
        }
        (Variety::Check, [Type::U32, record], [Type::Result(result)])
            if result.ok().is_some_and(|ok| names(&ok) == CHECK_RESULT)
                && result.err().is_some_and(|err| names(&err) == CALL_ERROR) =>
        {
            Shape::of_record(record, &mut fields)?
        }
        (Variety::AttributeGenerator, [Type::U32, record], [Type::Result(result)])
            if result.err().is_some_and(|err| names(&err) == CALL_ERROR) =>
        {
            let answer = result.ok().ok_or_else(|| wanted(variety))?;
            output = Shape::of_record(&answer, &mut outputs)?;
            if let Some(field) = outputs.iter().find(|field| field.kind == FieldKind::Any) {
                return Err(format!("output {} can be of any type", field.name));
            }
            Shape::of_record(record, &mut fields)?
        }
        _ => return Err(wanted(variety)),
    };
    Ok(Definition { interface: interface.to_owned(), variety, fields, input, outputs, output })
}

fn wanted(variety: Variety) -> String {
    let signature = match variety {
        Variety::Report => {
            "report: func(elements: list<record { element: u32, instance: u32, fields: FIELDS }>) -> \
             list<failed-element>"
        }
        Variety::AttributeGenerator => {
            "generate: func(instance: u32, fields: FIELDS) -> result<OUTPUTS, call-error>"
        }
        Variety::Check | Variety::Quota => {
            "check: func(instance: u32, fields: FIELDS) -> result<check-result, call-error>"
        }
    };
    format!("its function must be {signature}")
}

/// The names of a record's fields; none of another type.
fn names(ty: &Type) -> Vec<String> {
    match ty {
        Type::Record(record) => record.fields().map(|field| field.name.to_owned()).collect(),
        _ => Vec::new(),
    }
}
