use std::sync::{Arc, Mutex};

use mesh_attributes::OwnedValue;
use mixer::native::{
    BoxFuture, CheckResult, FailedElement, Given, NativeAdapter, NativeAdapters, NativeError,
    NativeSetup, NativeWork, ParameterProblem, QuotaGrant, QuotaRequest, Variety,
};

use crate::world::{MANIFEST, World, request};

/// Denies by name, counts sizes, and panics on demand.
#[derive(Clone, Default)]
struct Guard {
    sizes: Arc<Mutex<Vec<OwnedValue>>>,
    tell: Arc<tokio::sync::Notify>,
}

impl NativeAdapter for Guard {
    fn templates(&self) -> Vec<(String, Variety)> {
        vec![
            ("listentry".to_owned(), Variety::Check),
            ("metric".to_owned(), Variety::Report),
            ("quota".to_owned(), Variety::Quota),
        ]
    }

    fn configure(&self, setup: &NativeSetup) -> Result<Arc<dyn NativeWork>, Vec<ParameterProblem>> {
        match setup.params.get("mood").map(|mood| mood.as_str()) {
            None | Some(Some("good")) => Ok(Arc::new(self.clone())),
            Some(Some("mad")) => panic!("in a bad mood"),
            _ => Err(vec![ParameterProblem {
                field: "mood".to_owned(),
                message: "is good or mad".to_owned(),
            }]),
        }
    }
}

impl NativeWork for Guard {
    fn check<'c>(&'c self, given: Given<'c>) -> BoxFuture<'c, Result<CheckResult, NativeError>> {
        Box::pin(async move {
            match given.text("value") {
                "/panic" => panic!("asked to"),
                "/slow" => std::future::pending().await,
                "/deny" => {
                    let message = "by name".to_owned();
                    Ok(CheckResult { code: 7, message, ..CheckResult::default() })
                }
                _ => Ok(CheckResult::default()),
            }
        })
    }

    fn allocate<'c>(
        &'c self,
        _given: Given<'c>,
        request: &'c QuotaRequest,
    ) -> BoxFuture<'c, Result<QuotaGrant, NativeError>> {
        let (message, amount) = (String::new(), request.amount * 2);
        let grant = QuotaGrant { code: 0, message, amount, valid_duration_ns: 1 };
        Box::pin(async move { Ok(grant) })
    }

    fn report<'c>(
        &'c self,
        batch: Vec<(u32, Given<'c>)>,
    ) -> BoxFuture<'c, Result<Vec<FailedElement>, NativeError>> {
        Box::pin(async move {
            let values = batch.iter().filter_map(|(_, given)| given.value("value").cloned());
            self.sizes.lock().unwrap().extend(values);
            self.tell.notify_one();
            Ok(Vec::new())
        })
    }
}

fn documents(mood: &str) -> String {
    format!(
        r#"
kind: handler
metadata: {{ name: h, namespace: a }}
spec: {{ adapter: guard, params: {{ {mood} }} }}
---
kind: instance
metadata: {{ name: path, namespace: a }}
spec: {{ compiledTemplate: listentry, params: {{ value: request.path }} }}
---
kind: instance
metadata: {{ name: size, namespace: a }}
spec: {{ compiledTemplate: metric, params: {{ value: request.size | 1 }} }}
---
kind: instance
metadata: {{ name: count, namespace: a }}
spec: {{ compiledTemplate: quota }}
---
kind: rule
metadata: {{ name: all, namespace: a }}
spec: {{ actions: [ {{ handler: h, instances: [ path, size, count ] }} ] }}
"#
    )
}

async fn world(guard: &Guard, mood: &str) -> World {
    let natives = NativeAdapters::default().with("guard", guard.clone());
    World::with_natives(natives, &[MANIFEST, &documents(mood)]).await
}

#[tokio::test]
async fn an_adapter_in_rust_stands_where_components_stand() {
    let guard = Guard::default();
    let world = world(&guard, "mood: good").await;
    assert_eq!(world.problems(), [""; 0]);
    let path = |path: &str| request().with("request.path", path);
    assert_eq!(world.check(&path("/deny")).await, (7, "h.a:by name".to_owned()));
    assert_eq!(world.check(&path("/")).await.0, 0);
    let asked =
        mesh_attributes::wire::QuotaRequest { name: "count", amount: 3, best_effort: false };
    let answer = world.ask(&path("/"), "", &[asked]).await;
    assert_eq!(answer.quotas["count"].granted_amount, 3, "never more than was asked for");
    world.report(&[request().with("request.size", 7), request().with("request.size", 8)]).await;
    guard.tell.notified().await;
    assert_eq!(*guard.sizes.lock().unwrap(), [OwnedValue::Int64(7), OwnedValue::Int64(8)]);
}

#[tokio::test]
async fn a_panic_and_an_adapter_that_never_answers_cost_one_call_each() {
    let world = world(&Guard::default(), "mood: good").await;
    let path = |path: &str| request().with("request.path", path);
    let (code, message) = world.check(&path("/panic")).await;
    assert_eq!(code, 14);
    assert!(message.contains("adapter crashed: it panicked: asked to"), "{message}");
    let (code, message) = world.check(&path("/slow")).await;
    assert_eq!(code, 14);
    assert!(message.contains("did not answer within"), "{message}");
    assert_eq!(world.check(&path("/")).await.0, 0);
    assert_eq!(world.counted(|status| status.traps), 1);
    assert_eq!(world.counted(|status| status.deadlines), 1);
}

#[tokio::test]
async fn what_an_adapter_in_rust_finds_wrong_is_a_problem_at_its_line() {
    let refused = world(&Guard::default(), "mood: odd").await.problems();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].ends_with("mood: is good or mad"), "{refused:?}");
    let mad = world(&Guard::default(), "mood: mad").await.problems();
    assert!(mad[0].contains("it panicked: in a bad mood"), "{mad:?}");
}
