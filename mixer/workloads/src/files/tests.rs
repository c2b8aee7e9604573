use std::fs;
use std::path::Path;

use prometheus::Registry;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;

/// A folder of pods with what follows it.
struct Fixture {
    folder: TempDir,
    index: Arc<WorkloadIndex>,
    metrics: WorkloadMetrics,
}

impl Fixture {
    fn new() -> Self {
        let metrics = WorkloadMetrics::register(&Registry::new()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), index: Arc::default(), metrics }
    }

    fn with(self, file: &str, pods: &[&str]) -> Self {
        self.write(file, pods);
        self
    }

    fn write(&self, file: &str, pods: &[&str]) {
        let pod = |name: &&str| format!("kind: Pod\nmetadata: {{ name: {name} }}\n---\n");
        let text: String = pods.iter().map(pod).collect();
        // Renamed into place: a new inode is a change however coarse the file system's clock is.
        let draft = self.folder.path().join(".draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.folder.path().join(file)).unwrap();
    }

    fn open(&self) -> Result<FileWorkloads, WorkloadError> {
        self.open_at(self.folder.path())
    }

    fn open_at(&self, path: &Path) -> Result<FileWorkloads, WorkloadError> {
        FileWorkloads::open(path.to_owned(), Arc::clone(&self.index), self.metrics.clone())
    }

    fn knows(&self, pod: &str) -> bool {
        self.index.by_uid(&format!("{pod}.default")).is_some()
    }
}

#[test]
fn a_change_is_read_at_the_second_look_that_sees_it() {
    let fixture = Fixture::new().with("a.yaml", &["one"]);
    let mut follower = fixture.open().unwrap();
    assert!(fixture.knows("one") && fixture.metrics.known.get() == 1);
    follower.look();
    fixture.write("b.yaml", &["two"]);
    follower.look();
    assert!(!fixture.knows("two"), "it may still be written to");
    fixture.write("b.yaml", &["two", "three"]);
    follower.look();
    assert!(!fixture.knows("two"), "it was");
    follower.look();
    assert!(fixture.knows("one") && fixture.knows("two") && fixture.knows("three"));
    fs::remove_file(fixture.folder.path().join("a.yaml")).unwrap();
    follower.look();
    follower.look();
    assert_eq!((fixture.knows("one"), fixture.metrics.known.get()), (false, 2));
}

#[test]
fn a_change_with_mistakes_leaves_what_was_known_until_they_are_mended() {
    let fixture = Fixture::new().with("a.yaml", &["one"]);
    let mut follower = fixture.open().unwrap();
    fixture.write("a.yaml", &["two", "{"]);
    for _ in 0..4 {
        follower.look();
    }
    assert!(fixture.knows("one") && !fixture.knows("two"));
    assert_eq!(fixture.metrics.refused.get(), 1, "told once, not at each look");
    fixture.write("a.yaml", &["two"]);
    follower.look();
    follower.look();
    assert!(fixture.knows("two") && !fixture.knows("one"));
}

#[test]
fn a_single_file_is_followed_and_its_absence_forgets_nothing() {
    let fixture = Fixture::new().with("pods", &["one"]);
    let file = fixture.folder.path().join("pods");
    let mut follower = fixture.open_at(&file).unwrap();
    assert!(fixture.knows("one"), "a file that is named may have any name");
    fs::remove_file(&file).unwrap();
    follower.look();
    follower.look();
    assert_eq!((fixture.knows("one"), fixture.metrics.refused.get()), (true, 1));
    fixture.write("pods", &["two"]);
    follower.look();
    follower.look();
    assert!(fixture.knows("two") && !fixture.knows("one"));
}

#[test]
fn mistakes_at_the_start_are_an_error_that_names_them() {
    let fixture = Fixture::new().with("a.yaml", &["{"]);
    let error = fixture.open().unwrap_err().to_string();
    assert!(error.contains("a.yaml:2: ") && error.contains("not valid YAML"), "{error}");
    let error = fixture.open_at(Path::new("/nowhere")).unwrap_err().to_string();
    assert!(error.contains("/nowhere: cannot be read"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_task_follows_until_it_is_told_to_stop() {
    let fixture = Fixture::new().with("a.yaml", &["one"]);
    let follower = fixture.open().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let run = follower.run(async { drop(stopped.await) });
    let edit = async {
        fixture.write("a.yaml", &["two"]);
        while !fixture.knows("two") {
            tokio::time::sleep(LOOK).await;
        }
        stop.send(()).unwrap();
    };
    tokio::join!(run, edit);
    assert!(!fixture.knows("one"));
}
