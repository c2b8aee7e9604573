//! Istio 1.4's own configuration and tasks, compiled with the adapters as Mixer does it.

use std::path::{Path, PathBuf};

use mixer::{DEFAULT_ROOT_NAMESPACE, validate};

/// The tasks, together as far as they are not for the same resources.
const TASKS: [&[&str]; 5] = [
    &["deny-label", "ip-whitelist", "new-log", "new-metric", "tcp-metrics", "whitelist"],
    &["blacklist", "header-operations"],
    &["rate-limit-conditional"],
    &["rate-limit-memory"],
    &["rate-limit-redis"],
];

/// The default configuration.
const DEFAULT: &[&str] =
    &["accesslog", "attributes", "http-metrics", "kubernetes", "prometheus", "tcp-metrics"];

/// The problems of the default configuration with `tasks` on top.
async fn problems(tasks: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let adapters =
        std::env::var_os("MIXMESH_ADAPTERS").map_or(root.join("target/adapters"), PathBuf::from);
    assert!(adapters.join("denier.wasm").exists(), "no denier.wasm: run cargo xtask adapters");
    let file = |folder: &str, name: &str| {
        root.join("examples/istio-1.4").join(folder).join(name).with_extension("yaml")
    };
    let mut files: Vec<_> = DEFAULT.iter().map(|name| file("config", name)).collect();
    files.extend(tasks.iter().map(|name| file("tasks", name)));
    let problems = validate(&files, Some(adapters), DEFAULT_ROOT_NAMESPACE)
        .await
        .expect("the adapter host starts");
    problems.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_default_configuration_of_istio_and_its_tasks_compile() {
    for tasks in TASKS {
        assert_eq!(problems(tasks).await, [""; 0], "{tasks:?}");
    }
}
