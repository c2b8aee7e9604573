use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use adapter_host::{Component, Limits};
use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::host::load;
use super::parameters::{Parameter, markdown, parameters, shown};

/// Says what a component is and can do.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The component.
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// The table of parameters for a README.
    Markdown,
}

impl Inspect {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        // Without the cache: how long compiling takes is a part of the answer.
        let loaded = load(&self.file, None)?;
        let component = &loaded.component;
        let schema: Value =
            serde_json::from_str(&component.description().parameters).unwrap_or_default();
        let parameters = parameters(&schema);
        match self.output {
            Format::Markdown => print!("{}", markdown(&parameters)),
            Format::Json => println!("{}", json(component, &loaded, &schema)?),
            Format::Text => text(component, &loaded, &parameters)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The functions that a component imports, by interface.
fn imports(component: &Component) -> BTreeMap<&str, Vec<&str>> {
    let mut interfaces: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in component.imports() {
        interfaces.entry(&import.interface).or_default().push(&import.function);
    }
    interfaces
}

fn json(component: &Component, loaded: &super::host::Loaded, schema: &Value) -> Result<Value> {
    let limits = limits(component);
    Ok(json!({
        "name": component.description().name,
        "version": component.description().version,
        "summary": component.description().summary,
        "digest": digest(component),
        "bytes": fs::metadata(&loaded.file)?.len(),
        "compile_seconds": loaded.load_time.as_secs_f64(),
        "templates": component.templates(),
        "imports": imports(component),
        "parameters": schema,
        "limits": limits.into_iter().collect::<BTreeMap<_, _>>(),
    }))
}

fn text(
    component: &Component,
    loaded: &super::host::Loaded,
    parameters: &[Parameter],
) -> Result<()> {
    let description = component.description();
    println!("{} {}", description.name, description.version);
    println!("{}", description.summary);
    println!("\ndigest      {}", digest(component));
    println!("size        {} bytes", fs::metadata(&loaded.file)?.len());
    println!("compiled in {:.3} s", loaded.load_time.as_secs_f64());
    let templates: Vec<&str> = component.templates().iter().map(|t| t.name()).collect();
    println!("templates   {}", templates.join(", "));
    println!("\nimports");
    let imports = imports(component);
    if imports.is_empty() {
        println!("  nothing");
    }
    for (interface, functions) in &imports {
        println!("  {interface}: {}", functions.join(", "));
    }
    if imports.keys().any(|interface| interface.starts_with("wasi:")) {
        println!("  (wasi is empty: no files, no sockets, no environment)");
    }
    println!("\nparameters");
    if parameters.is_empty() {
        println!("  none that it tells of");
    }
    for Parameter { name, holds, default, required, meaning } in parameters {
        let default = match default.as_ref().and_then(shown) {
            Some(default) => format!(", {default} by default"),
            None if *required => ", required".to_owned(),
            None => String::new(),
        };
        println!("  {name} ({holds}{default})");
        if !meaning.is_empty() {
            println!("      {meaning}");
        }
    }
    println!("\nlimits of a handler by default (spec.limits)");
    for (name, value) in limits(component) {
        println!("  {name}: {value}");
    }
    Ok(())
}

fn digest(component: &Component) -> String {
    let hex: String = component.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The defaults, by their names in `spec.limits` of a handler.
fn limits(component: &Component) -> Vec<(&'static str, String)> {
    let limits = Limits::default_for(component);
    vec![
        ("checkDeadline", format!("{:?}", limits.check_deadline)),
        ("instances", limits.instances.to_string()),
        ("logRate", format!("{} a second", limits.log_rate)),
        ("memory", mebibytes(limits.memory as u64)),
        ("outboundDeadline", format!("{:?}", limits.outbound_deadline)),
        ("outboundQueue", mebibytes(limits.outbound_queue as u64)),
        ("reportDeadline", format!("{:?}", limits.report_deadline)),
        ("series", limits.series.to_string()),
        ("seriesBytes", mebibytes(limits.series_bytes)),
        ("setupDeadline", format!("{:?}", limits.setup_deadline)),
        ("tableElements", limits.table_elements.to_string()),
    ]
}

fn mebibytes(bytes: u64) -> String {
    format!("{}Mi", bytes >> 20)
}
