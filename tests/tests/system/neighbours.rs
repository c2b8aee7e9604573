//! Handlers beside each other in one Mixer: what the hostile ones do costs the good ones nothing, and a
//! handler that is replaced under load loses no call.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testbed::{Layout, Mixer, TestMesh, http, wait_until, write_at_once};

use crate::readings::LIMIT;
use crate::reporting::{report, served};
use crate::verdicts::Client;

/// What each hostile handler is asked.
const ATTACKS: u64 = 40;

const HOSTILE: [(&str, &str); 4] = [
    ("trap", "checknothing"),
    ("loop", "checknothing"),
    ("hog", "checknothing"),
    ("hostile", "talk"),
];

/// A handler of a component for tests, asked about everything below `/NAME`.
fn hostile(name: &str, given: &str) -> String {
    let instance = match given {
        "checknothing" => "compiledTemplate: checknothing".to_owned(),
        text => format!("compiledTemplate: listentry\n  params: {{ value: '\"{text}\"' }}"),
    };
    format!(
        r#"
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {{ name: {name}, namespace: default }}
spec: {{ adapter: testing/{name}.wasm, limits: {{ memory: 8Mi, logRate: 1 }} }}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: for{name}, namespace: default }}
spec:
  {instance}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{ name: {name}, namespace: default }}
spec:
  match: request.path.startsWith("/{name}/")
  actions: [ {{ handler: {name}, instances: [ for{name} ] }} ]
"#
    )
}

/// Denies everything below `/closed` with this message, and writes a line for each report.
fn good(component: &str, message: &str, as_json: bool) -> String {
    format!(
        r#"
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {{ name: gate, namespace: default }}
spec:
  {component}
  # A loaded machine needs more than the usual 50 ms.
  limits: {{ checkDeadline: 10s }}
  params: {{ status: {{ code: 7, message: "{message}" }} }}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: anything, namespace: default }}
spec: {{ compiledTemplate: checknothing }}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{ name: gate, namespace: default }}
spec:
  match: request.path.startsWith("/closed")
  actions: [ {{ handler: gate, instances: [ anything ] }} ]
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {{ name: lines, namespace: default }}
spec:
  compiledAdapter: stdio
  limits: {{ reportDeadline: 30s }}
  params: {{ output_as_json: {as_json} }}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: line, namespace: default }}
spec:
  compiledTemplate: logentry
  params: {{ severity: '"info"', timestamp: request.time, variables: {{ mark: '"counted"' }} }}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{ name: lines, namespace: default }}
spec:
  actions: [ {{ handler: lines, instances: [ line ] }} ]
"#
    )
}

/// The status of a handler as `/debug/handlers` shows it.
fn handler(mixer: &Mixer, name: &str) -> Result<Value> {
    let page = http::get(&format!("{}/debug/handlers", mixer.http_url()))?.require_ok()?;
    let page: Value = serde_json::from_slice(&page.body)?;
    let handlers = page["handlers"].as_array().context("the page has handlers")?;
    let found = handlers.iter().find(|one| one["name"] == name);
    found.cloned().with_context(|| format!("no {name}"))
}

/// Lines of the log with all of these texts.
fn lines(mixer: &Mixer, texts: &[&str]) -> Result<usize> {
    let log = fs::read_to_string(mixer.log())?;
    Ok(log.lines().filter(|line| texts.iter().all(|text| line.contains(text))).count())
}

fn await_lines(mixer: &Mixer, expected: usize) -> Result<()> {
    wait_until(&format!("{expected} reported lines"), LIMIT, || {
        let written = fs::read_to_string(mixer.access_log())?.matches("counted").count();
        ensure!(written == expected, "there are {written}");
        Ok(())
    })
}

#[test]
fn hostile_handlers_cost_the_good_ones_no_verdict_and_no_report() -> Result<()> {
    let mut mesh = TestMesh::new()?
        .with_file("good.yaml", &good("compiledAdapter: denier", "closed", true))?;
    for (name, given) in HOSTILE {
        mesh = mesh.with_file(&format!("{name}.yaml"), &hostile(name, given))?;
    }
    let mixer = mesh.start_mixer()?;
    let attacked = AtomicU64::new(0);
    let under_attack = || attacked.load(Ordering::Relaxed) < ATTACKS * HOSTILE.len() as u64;
    let reported = thread::scope(|scope| -> Result<u32> {
        let (mixer, attacked, under_attack) = (&mixer, &attacked, &under_attack);
        let attackers = HOSTILE.map(|(name, _)| {
            scope.spawn(move || -> Result<()> {
                let mut client = Client::of(mixer)?;
                for number in 0..ATTACKS {
                    let verdict = client.ask(&format!("/{name}/{number}"));
                    attacked.fetch_add(1, Ordering::Relaxed);
                    // Who floods the host with calls may get to its answer.
                    let (code, message) = verdict?;
                    ensure!(code == 14 || name == "hostile" && code == 0, "{code}: {message}");
                }
                Ok(())
            })
        });
        let good = [0, 1].map(|client| {
            scope.spawn(move || -> Result<()> {
                let mut mixer = Client::of(mixer)?;
                let mut number = 0_u32;
                while under_attack() || number < 200 {
                    number += 1;
                    let (code, message) = mixer.ask(&format!("/closed/{client}/{number}"))?;
                    ensure!(code == 7 && message.contains("closed"), "{code}: {message}");
                    let (code, message) = mixer.ask(&format!("/open/{client}/{number}"))?;
                    ensure!(code == 0, "{code}: {message}");
                }
                Ok(())
            })
        });
        let mut reported = 0;
        while under_attack() || reported < 200 {
            report(mixer, &served(&json!({})), 20, 10)?;
            reported += 20;
            if good.iter().any(|client| client.is_finished()) && under_attack() {
                bail!("a good client ended early");
            }
        }
        for client in attackers.into_iter().chain(good) {
            client.join().ok().context("a client panicked")??;
        }
        Ok(reported)
    })?;
    await_lines(&mixer, usize::try_from(reported)?)?;

    let metrics = mixer.metrics()?;
    for name in ["gate.default", "lines.default"] {
        let of = [("handler", name)];
        for failures in ["traps", "deadlines", "exhausted", "breaker_refusals", "errors"] {
            assert_eq!(metrics.count(&format!("mixer_adapter_{failures}_total"), &of), 0, "{name}");
        }
        assert_eq!(handler(&mixer, name)?["last_error"], Value::Null);
    }
    for (name, failures) in [
        ("trap", &["traps"][..]),
        ("loop", &["deadlines"]),
        // On a loaded machine it has no time to use up its memory.
        ("hog", &["traps", "deadlines"]),
    ] {
        let label = format!("{name}.default");
        let of = [("handler", label.as_str())];
        let page = handler(&mixer, &label)?;
        let shown: u64 = failures.iter().filter_map(|kind| page["status"][kind].as_u64()).sum();
        ensure!(shown >= 5 && !page["last_error"]["text"].is_null(), "{page}");
        let metric = |kind| metrics.count(&format!("mixer_adapter_{kind}_total"), &of);
        assert!(failures.iter().map(metric).sum::<u64>() >= 5, "{label}");
        assert!(metrics.count("mixer_adapter_breaker_refusals_total", &of) > 0, "{label}");
        let told = lines(&mixer, &["a call of an adapter failed", &label])?;
        ensure!(told == 1, "{label}: {told} lines of its failures");
    }
    let flood = handler(&mixer, "hostile.default")?;
    ensure!(flood["status"]["messages_dropped"].as_u64() > Some(1000), "{flood}");
    let (said, told) = (
        lines(&mixer, &["an adapter says", "hostile.default"])?,
        lines(&mixer, &["messages of an adapter were dropped", "hostile.default"])?,
    );
    ensure!(said < 200 && told < 200, "{said} lines of a flood, {told} of what was dropped");
    Ok(())
}

#[test]
fn a_handler_whose_component_and_parameters_change_under_load_loses_no_call() -> Result<()> {
    const ROUNDS: u64 = 10;
    let mesh = TestMesh::new()?;
    let (config, folder) = (mesh.config(), mesh.folder().to_owned());
    let denier = fs::read(Layout::of_checkout().adapters().join("denier.wasm"))?;
    let edit = |round: u64| -> Result<()> {
        // The same adapter as another component: with a section for its name and the round.
        let file = folder.join(format!("gate-{round}.wasm"));
        let section = [0, 3, 1, b'r', u8::try_from(round)?];
        write_at_once(&file, &[&denier[..], &section].concat())?;
        let component = format!("adapter: file://{}", file.display());
        let text = good(&component, &format!("round {round}."), round.is_multiple_of(2));
        write_at_once(&config.join("good.yaml"), text.as_bytes())
    };
    edit(0)?;
    let mixer = mesh.start_mixer()?;
    let (done, in_force, asked) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let reported = thread::scope(|scope| -> Result<usize> {
        let (mixer, done, in_force, asked) = (&mixer, &done, &in_force, &asked);
        let clients = [0, 1, 2].map(|client| {
            scope.spawn(move || -> Result<()> {
                let mut mixer = Client::of(mixer)?;
                let mut number = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    number += 1;
                    let least = in_force.load(Ordering::SeqCst);
                    let (code, message) = mixer.ask(&format!("/closed/{client}/{number}"))?;
                    ensure!(code == 7, "{code}: {message}");
                    let round = round_of(&message)?;
                    ensure!(round >= least && round < ROUNDS, "{least} is in force: {message}");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        });
        let reporter = scope.spawn(move || -> Result<usize> {
            let mut reported = 0;
            while !done.load(Ordering::Relaxed) {
                report(mixer, &served(&json!({})), 20, 10)?;
                reported += 20;
            }
            Ok(reported)
        });
        let replaced = (1..ROUNDS).try_for_each(|round| -> Result<()> {
            edit(round)?;
            let mut client = Client::of(mixer)?;
            let mut number = 0;
            wait_until(&format!("round {round}"), LIMIT * 2, || {
                number += 1;
                let (_, message) = client.ask(&format!("/closed/new/{round}/{number}"))?;
                ensure!(round_of(&message)? == round, "{message}");
                Ok(())
            })?;
            in_force.store(round, Ordering::SeqCst);
            let before = asked.load(Ordering::Relaxed);
            wait_until("more calls", LIMIT, || {
                let now = asked.load(Ordering::Relaxed);
                ensure!(now >= before + 100, "{} more", now - before);
                Ok(())
            })
        });
        done.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().ok().context("a client panicked")??;
        }
        let reported = reporter.join().ok().context("the reporter panicked")??;
        replaced?;
        Ok(reported)
    })?;
    await_lines(&mixer, reported)?;
    let metrics = mixer.metrics()?;
    assert_eq!(metrics.sum("mixer_report_elements_lost_total", &[]), 0.0);
    assert_eq!(metrics.sum("mixer_check_failures_total", &[]), 0.0);
    assert!(metrics.count("mixer_handler_new_handlers_total", &[]) >= 2 * ROUNDS);
    assert_eq!(handler(&mixer, "gate.default")?["last_error"], Value::Null);
    Ok(())
}

#[test]
fn a_component_that_was_not_compiled_in_time_comes_into_force_by_itself() -> Result<()> {
    let mesh = TestMesh::new()?;
    // One that no cache has.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos().to_be_bytes();
    let denier = fs::read(Layout::of_checkout().adapters().join("denier.wasm"))?;
    let section = [&[0, 18, 1, b't'][..], &now].concat();
    let file = mesh.folder().join("gate.wasm");
    write_at_once(&file, &[denier, section].concat())?;
    let component = format!("adapter: file://{}", file.display());
    let mixer = mesh
        .with_file("good.yaml", &good(&component, "closed", true))?
        .with(|mesh| mesh.mixer().flags = vec!["--compile-timeout=1ms".to_owned()])
        .start_mixer()?;
    let mut client = Client::of(&mixer)?;
    let mut number = 0;
    wait_until("the component to be compiled after all", LIMIT * 2, || {
        number += 1;
        let (code, message) = client.ask(&format!("/closed/{number}"))?;
        ensure!(code == 7 && message.contains("closed"), "{code}: {message}");
        Ok(())
    })?;
    assert!(lines(&mixer, &["gate.wasm is not compiled within 1ms", "gate.default"])? > 0);
    let metrics = mixer.metrics()?;
    assert!(metrics.count("mixer_adapter_compiles_given_up_total", &[]) > 0);
    // The other adapters may have taken a millisecond too.
    wait_until("all compiles to end", LIMIT, || {
        let overdue = mixer.metrics()?.count("mixer_adapter_compiles_overdue", &[]);
        ensure!(overdue == 0, "{overdue} are overdue");
        Ok(())
    })
}

fn round_of(message: &str) -> Result<u64> {
    let number = message.split_once("round ").and_then(|(_, rest)| rest.strip_suffix('.'));
    Ok(number.with_context(|| format!("another message: {message}"))?.parse()?)
}
