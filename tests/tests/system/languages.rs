//! Adapters in all languages: the examples do what they say and serve a mesh, and those that misbehave harm
//! nobody.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{
    ExampleAdapter, Layout, Mesh, Part, TestMesh, build_adapter, test_adapter, wait_until,
};

use crate::require_part;

/// Adapters are found by the names of ours: what a handler may name, and the file that is read then.
const JS: Place = Place { named: "denier", file: "denier" };
const PYTHON: Place = Place { named: "stdio", file: "stdio" };
const C: Place = Place { named: "listchecker", file: "list" };
const RUST: Place = Place { named: "noop", file: "noop" };

/// Reports come at the end of a batch, and a report is awaited this long.
const REPORTED: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
struct Place {
    named: &'static str,
    file: &'static str,
}

impl Place {
    fn of(example: ExampleAdapter) -> Self {
        match example {
            ExampleAdapter::Rust => RUST,
            ExampleAdapter::Js => JS,
            ExampleAdapter::Python => PYTHON,
            ExampleAdapter::C => C,
        }
    }
}

/// Whether an example can be compiled here; what is missing is noted.
fn can_build(example: ExampleAdapter) -> bool {
    example.part().is_none_or(Part::or_note_missing)
}

/// The examples that can be compiled here.
fn examples() -> impl Iterator<Item = ExampleAdapter> {
    ExampleAdapter::ALL.into_iter().filter(|example| can_build(*example))
}

/// Starts a mesh whose Mixer finds `components` in their places beside our adapters.
fn start(mesh: TestMesh, components: &[(Place, PathBuf)]) -> Result<Mesh> {
    let folder = mesh.folder().join("adapters");
    fs::create_dir_all(&folder)?;
    let ours = Layout::of_checkout().adapters();
    fs::copy(ours.join("prometheus.wasm"), folder.join("prometheus.wasm"))?;
    for (place, component) in components {
        let to = folder.join(place.file).with_extension("wasm");
        fs::copy(component, to).with_context(|| component.display().to_string())?;
    }
    mesh.with(|mesh| mesh.mixer().adapters = folder).start()
}

/// An example's configuration, with its handler naming the place.
fn configuration(layout: &Layout, example: ExampleAdapter) -> Result<String> {
    let text = fs::read_to_string(example.source(layout).join("example.yaml"))?;
    let named = text.lines().find(|line| line.trim_start().starts_with("adapter:"));
    let named = named.with_context(|| format!("{example:?} has a handler"))?;
    let place = format!("  compiledAdapter: {}", Place::of(example).named);
    // Never is easier to await than the night.
    Ok(text.replace(named, &place).replace("days: [mon, tue, wed, thu, fri]", "days: []"))
}

#[test]
fn examples_pass_their_cases_in_the_host() -> Result<()> {
    let layout = Layout::of_checkout();
    for example in examples() {
        let component = example.build(&layout)?;
        test_adapter(&layout, &component, &example.source(&layout).join("cases.yaml"))?;
    }
    Ok(())
}

#[test]
fn examples_check_and_report_in_a_mesh() -> Result<()> {
    require_part!(Envoy);
    let layout = Layout::of_checkout();
    let (mut mesh, mut components) = (TestMesh::new()?, Vec::new());
    for example in examples() {
        components.push((Place::of(example), example.build(&layout)?));
        let file = format!("{}.yaml", example.language());
        mesh = mesh.with_file(&file, &configuration(&layout, example)?)?;
    }
    let mesh = start(mesh, &components)?;
    for example in examples() {
        match example {
            ExampleAdapter::Rust => tenants(&mesh)?,
            ExampleAdapter::Js => business_hours(&mesh)?,
            ExampleAdapter::Python => redactor(&mesh)?,
            ExampleAdapter::C => rollout(&mesh)?,
        }
    }
    Ok(())
}

fn business_hours(mesh: &Mesh) -> Result<()> {
    let denied = mesh.get("/admin/users", &[("x-user", "bob")])?;
    assert_eq!(denied.status, 403);
    assert!(denied.text().contains("changes are made never"), "{}", denied.text());
    assert_eq!(mesh.get("/admin/users", &[("x-user", "ann")])?.status, 200, "is on call");
    assert_eq!(mesh.get("/", &[("x-user", "bob")])?.status, 200);
    Ok(())
}

fn rollout(mesh: &Mesh) -> Result<()> {
    assert_eq!(mesh.get("/beta", &[("x-user", "ann")])?.status, 200);
    let mut connection = mesh.connect()?;
    let mut sees = |user: u32| -> Result<bool> {
        Ok(connection.get("/beta", &[("x-user", &format!("user-{user}"))])?.status == 200)
    };
    let first: Vec<bool> = (0..100).map(&mut sees).collect::<Result<_>>()?;
    let count = first.iter().filter(|sees| **sees).count();
    assert!((10..45).contains(&count), "{count} of 100 see it, 25 are expected");
    assert_eq!((0..100).map(&mut sees).collect::<Result<Vec<bool>>>()?, first, "the same ones");
    Ok(())
}

fn tenants(mesh: &Mesh) -> Result<()> {
    assert_eq!(mesh.get("/api", &[("x-tenant", "acme")])?.status, 200);
    assert_eq!(mesh.get("/api", &[("x-tenant", "bob")])?.status, 200);
    assert_eq!(mesh.get("/api", &[("x-tenant", "carol")])?.status, 403, "is suspended");
    assert_eq!(mesh.get("/api", &[("x-tenant", "mallory")])?.status, 403, "is nobody");
    wait_until("use by plan", REPORTED, || {
        let series = mesh.mixer().series()?;
        for (plan, calls) in [("free", 2.0), ("gold", 1.0), ("none", 1.0)] {
            let seen = series.sum("tenants_calls_total", &[("plan", plan)]);
            ensure!(seen == calls, "{plan} has {seen}");
        }
        Ok(())
    })
}

fn redactor(mesh: &Mesh) -> Result<()> {
    assert_eq!(mesh.get("/login?mail=alice@example.com&card=4111111111111111", &[])?.status, 200);
    let line = wait_until("the line", REPORTED, || {
        let lines = fs::read_to_string(mesh.mixer().access_log())?;
        let line = lines.lines().find(|line| line.contains("/login"));
        line.map(str::to_owned).context("no line yet")
    })?;
    assert!(line.contains(r#""url":"/login?mail=***&card=***""#), "{line}");
    Ok(())
}

/// Asks the probe in a place, by a header that is named for it.
fn ask(place: Place) -> String {
    let Place { named, .. } = place;
    format!(
        r#"
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {{ name: {named}, namespace: default }}
spec: {{ compiledAdapter: {named}, params: {{}} }}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: {named}-word, namespace: default }}
spec:
  compiledTemplate: listentry
  params: {{ value: 'request.headers["x-{named}"] | ""' }}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{ name: {named}, namespace: default }}
spec:
  match: (request.headers["x-{named}"] | "") != ""
  actions: [ {{ handler: {named}, instances: [ {named}-word ] }} ]
"#
    )
}

/// A mesh with the probe of each language that can be compiled here.
fn probes() -> Result<(Mesh, Vec<ExampleAdapter>)> {
    let layout = Layout::of_checkout();
    let (mut mesh, mut components) = (TestMesh::new()?, Vec::new());
    let languages: Vec<ExampleAdapter> =
        examples().filter(|example| *example != ExampleAdapter::Rust).collect();
    for language in &languages {
        let place = Place::of(*language);
        let source = layout.root().join("tests/adapters").join(language.language());
        components.push((place, build_adapter(&layout, &source, *language)?));
        mesh = mesh.with_file(&format!("{}.yaml", place.named), &ask(place))?;
    }
    Ok((start(mesh, &components)?, languages))
}

fn say(mesh: &Mesh, place: Place, word: &str) -> Result<(u16, String)> {
    let answer = mesh.get("/", &[(&format!("x-{}", place.named), word)])?;
    Ok((answer.status, answer.text()))
}

#[test]
fn a_crash_or_a_loop_in_any_language_costs_that_call_alone() -> Result<()> {
    require_part!(Envoy);
    let (mesh, languages) = probes()?;
    for language in &languages {
        let place = Place::of(*language);
        for word in ["crash", "loop"] {
            assert_eq!(say(&mesh, place, word)?.0, 503, "{language:?}: {word}");
            wait_until("the instance in its place", REPORTED, || {
                let (status, text) = say(&mesh, place, "fine")?;
                ensure!(status == 200, "{status} {text}");
                Ok(())
            })?;
        }
    }
    // While some loop, the others are answered.
    thread::scope(|scope| -> Result<()> {
        let looping = languages.iter().map(|language| {
            let (mesh, place) = (&mesh, Place::of(*language));
            scope.spawn(move || say(mesh, place, "loop"))
        });
        let looping: Vec<_> = looping.collect();
        for _ in 0..20 {
            assert_eq!(mesh.get("/", &[])?.status, 200);
        }
        for ended in looping {
            assert_eq!(ended.join().ok().context("a client panicked")??.0, 503);
        }
        Ok(())
    })
}

#[test]
fn no_language_gets_files_network_or_environment() -> Result<()> {
    require_part!(Envoy);
    let (mesh, languages) = probes()?;
    for language in languages {
        let place = Place::of(language);
        let expected = match language {
            ExampleAdapter::Rust => continue,
            ExampleAdapter::Js => ["undefined", "undefined", "undefined undefined"],
            ExampleAdapter::Python => [
                "FileNotFoundError FileNotFoundError FileNotFoundError",
                "0 variables",
                "PermissionError PermissionError",
            ],
            ExampleAdapter::C => ["nothing", "nothing", "nothing"],
        };
        for (word, expected) in ["files", "environment", "network"].into_iter().zip(expected) {
            let (status, text) = say(&mesh, place, word)?;
            assert_eq!(status, 403, "{language:?}: {word}: {text}");
            assert!(text.contains(expected), "{language:?}: {word}: {text}");
        }
    }
    let log = fs::read_to_string(mesh.mixer().log())?;
    let has_printed = log.contains("a word of python");
    ensure!(has_printed || !can_build(ExampleAdapter::Python), "what is printed is in the log");
    Ok(())
}

#[test]
fn a_new_project_in_each_language_passes_its_cases() -> Result<()> {
    let layout = Layout::of_checkout();
    let folder = layout.cargo_target().join("tests/new-projects");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for language in examples().filter(|example| *example != ExampleAdapter::Rust) {
        let project = made(&layout, &folder, language)?;
        let component = build_adapter(&layout, &project, language)?;
        test_adapter(&layout, &component, &project.join("cases.yaml"))?;
    }
    Ok(())
}

/// The project of an adapter that serves all templates.
fn made(layout: &Layout, folder: &Path, language: ExampleAdapter) -> Result<PathBuf> {
    const TEMPLATES: &str = "apikey,authorization,checknothing,edge,keyval,kubernetes,listentry,\
                             logentry,metric,quota,reportnothing,tracespan";
    let folder = folder.join(language.language());
    fs::create_dir_all(&folder)?;
    let output = std::process::Command::new(layout.binary("meshctl")?)
        .args(["adapter", "new", "all-of-it", "--template", TEMPLATES, "--lang"])
        .arg(language.language())
        .current_dir(&folder)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(folder.join("all-of-it"))
}
