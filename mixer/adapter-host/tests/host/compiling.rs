//! Components that are slow to compile.

use std::path::Path;
use std::time::Duration;

use adapter_host::{AdapterHost, HostError, HostOptions, InstanceIndex, Template};
use serde_json::json;

use crate::crafted::{Crafted, multiplications};
use crate::fixture::{TestHandler, file, load, options};

/// A host that finds the denier in its cache, and has this long for what is not there.
fn host(cache: &Path, compile_limit: Duration) -> AdapterHost {
    let cached = || HostOptions { cache_dir: Some(cache.to_owned()), ..options() };
    load(&AdapterHost::new(cached()).unwrap(), "denier");
    AdapterHost::new(HostOptions { compile_limit, ..cached() }).unwrap()
}

async fn denies(host: &AdapterHost, name: &str, file: &Path) {
    let component = host.load(name, file).unwrap();
    let handler = TestHandler::new(json!({ "status": { "code": 7 } }))
        .with_instance(Template::CheckNothing)
        .with_limits(|limits| limits.check_deadline = Duration::from_secs(10))
        .build(host, &component)
        .await;
    assert_eq!(handler.check(InstanceIndex(0), Vec::new()).await.unwrap().code, 7);
}

#[tokio::test]
async fn what_is_slow_to_compile_is_refused_once_begun_and_used_when_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder.path().join("cache"), Duration::from_millis(100));
    let slow = Crafted::from("denier").with_module(&multiplications(8, 64 << 10, 1));
    let slow = slow.write(&folder, "slow");
    for _ in 0..3 {
        let error = host.load("slow", &slow).unwrap_err();
        let HostError::CompileTime { functions, largest, .. } = &error else { panic!("{error}") };
        assert!(*functions > 8 && *largest > 64 << 10, "{error}");
        let error = error.to_string();
        assert!(error.contains("adapter slow: ") && error.contains("within 100ms"), "{error}");
        denies(&host, "denier", &file("denier")).await;
    }
    let counts = host.compiles().counts();
    assert_eq!((counts.given_up, counts.given_up_under_way), (1, 1), "the same one all along");
    host.compiled_late().await;
    denies(&host, "slow", &slow).await;
    let counts = host.compiles().counts();
    assert_eq!((counts.given_up, counts.given_up_under_way), (1, 0));
}

#[tokio::test]
async fn while_too_many_are_given_up_nothing_new_is_compiled_and_what_is_there_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder.path().join("cache"), Duration::ZERO);
    let slow = |seed: i64| {
        let slow = Crafted::from("denier").with_module(&multiplications(2, 48 << 10, seed));
        slow.write(&folder, &format!("slow-{seed}"))
    };
    let files: Vec<_> = (0..5).map(slow).collect();
    for file in &files[..4] {
        let error = host.load("slow", file).unwrap_err();
        assert!(matches!(error, HostError::CompileTime { .. }), "{error}");
    }
    let error = host.load("slow", &files[4]).unwrap_err();
    assert!(matches!(error, HostError::CompilerBusy { limit: 4, .. }), "{error}");
    assert_eq!(host.compiles().counts().given_up_under_way, 4);
    denies(&host, "denier", &file("denier")).await;
    while host.compiles().counts().given_up_under_way > 0 {
        host.compiled_late().await;
    }
    for file in &files[..4] {
        denies(&host, "slow", file).await;
    }
    let error = host.load("slow", &files[4]).unwrap_err();
    assert!(matches!(error, HostError::CompileTime { .. }), "there is room again: {error}");
}
