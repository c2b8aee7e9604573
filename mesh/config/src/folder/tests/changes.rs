use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::fixture::{TestFolder, handler};
use crate::{ConfigSet, FolderSource, Revision};

const BROKEN: &str = "apiVersion: config.istio.io/v1alpha2\nkind: [handler\n";

#[test]
fn reads_yaml_files_in_all_folders_and_nothing_else() {
    let folder = TestFolder::new()
        .with("a.yaml", &handler("a", 1))
        .with("deep/er/b.yml", &handler("b", 1))
        .with("notes.txt", &handler("text", 1))
        .with(".hidden.yaml", &handler("hidden", 1))
        .with(".git/c.yaml", &handler("git", 1));
    let followed = folder.follow();
    assert_eq!(followed.names(), ["a", "b"]);
    let origins: Vec<_> =
        followed.set().resources.values().map(|resource| resource.origin.to_string()).collect();
    assert_eq!(origins, ["a.yaml:1", "deep/er/b.yml:1"]);
    assert_eq!(followed.set().problems, []);
}

#[test]
fn new_changed_and_removed_files_take_effect() {
    let folder = TestFolder::new().with("a.yaml", &handler("a", 1));
    let mut followed = folder.follow();
    folder.write("new/b.yaml", &handler("b", 1));
    followed.until_names(&["a", "b"]);
    folder.write("a.yaml", &handler("other", 1));
    followed.until_names(&["b", "other"]);
    fs::remove_dir_all(folder.file("new")).unwrap();
    followed.until_names(&["other"]);
    fs::remove_file(folder.file("a.yaml")).unwrap();
    followed.until_names(&[]);
}

#[test]
fn a_set_is_published_only_when_something_differs() {
    let folder = TestFolder::new().with("a.yaml", &handler("a", 1));
    let mut followed = folder.follow();
    let before = followed.seen.len();
    let untouched = followed.set().revision;
    folder.write("notes.txt", "nothing for us");
    folder.write("a.yaml", &handler("a", 1));
    folder.write("a.yaml", &(handler("a", 1) + "\n# a remark\n"));
    folder.write("b.yaml", &handler("b", 1));
    followed.until_names(&["a", "b"]);
    assert_eq!(followed.seen.len(), before + 1);
    assert!(followed.set().revision > untouched);
}

#[test]
fn an_unchanged_resource_keeps_its_allocation() {
    let folder = TestFolder::new().with("a.yaml", &(handler("a", 1) + &handler("b", 1)));
    let mut followed = folder.follow();
    let first = followed.seen.last().unwrap().clone();
    folder.write("a.yaml", &(handler("a", 1) + &handler("b", 2)));
    followed.until("b changes", |set, _| set.resources != first.resources);
    let same = first.resources.iter().zip(&followed.set().resources);
    let same: Vec<_> = same.map(|(old, new)| std::sync::Arc::ptr_eq(old.1, new.1)).collect();
    assert_eq!(same, [true, false]);
}

#[test]
fn a_mistake_leaves_the_version_before_in_force_and_the_rest_applies() {
    let folder = TestFolder::new().with("a.yaml", &(handler("a", 1) + &handler("b", 1)));
    let mut followed = folder.follow();
    let flawed = handler("a", 2).replace("denier", "denyer") + &handler("b", 2) + &handler("c", 2);
    folder.write("a.yaml", &flawed);
    followed.until_names(&["a", "b", "c"]);
    let shown: Vec<_> = followed.set().problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["a.yaml:7: handler a.istio-system: unknown compiled adapter `denyer`, did you mean \
          `denier`? (the version before stays in force)"]
    );
    folder.write("a.yaml", &handler("c", 2));
    followed.until_names(&["c"]);
    assert_eq!(followed.set().problems, []);
}

#[test]
fn a_mistake_made_while_moving_a_resource_to_another_file_leaves_it_in_force() {
    let folder = TestFolder::new().with("a.yaml", &(handler("a", 1) + &handler("b", 1)));
    let mut followed = folder.follow();
    folder.write("b.yaml", &handler("b", 2).replace("params", "parms"));
    folder.write("a.yaml", &handler("a", 1));
    followed.until_problem(&["b.yaml", "parms", "stays in force"]);
    followed.until("both files are read", |_, unread| !unread);
    assert_eq!(followed.names(), ["a", "b"]);
}

#[test]
fn documents_around_a_syntax_error_apply_and_those_that_are_not_there_stay() {
    let folder = TestFolder::new().with("a.yaml", &(handler("a", 1) + &handler("b", 1)));
    let mut followed = folder.follow();
    folder.write("a.yaml", &(handler("c", 1) + BROKEN + "---\n" + &handler("d", 1)));
    followed.until_names(&["a", "b", "c", "d"]);
    followed.until_problem(&["a.yaml:", "not valid YAML"]);
    folder.write("a.yaml", &handler("c", 1));
    followed.until_names(&["c"]);
}

#[test]
fn a_document_without_a_name_may_be_any_so_the_others_stay() {
    let folder = TestFolder::new().with("a.yaml", &(handler("a", 1) + &handler("b", 1)));
    let mut followed = folder.follow();
    folder.write("a.yaml", &(handler("a", 1) + &handler("b", 1).replace("name: b", "nme: b")));
    followed.until_problem(&["`metadata.name` is missing"]);
    assert_eq!(followed.names(), ["a", "b"]);
}

#[test]
fn the_first_of_two_definitions_stays_in_force_and_both_places_are_named() {
    let folder = TestFolder::new().with("b.yaml", &handler("same", 1));
    let mut followed = folder.follow();
    folder.write("a.yaml", &(handler("other", 1) + &handler("same", 2)));
    followed.until_problem(&["a.yaml:11: handler same.istio-system", "defined twice", "b.yaml:1"]);
    assert_eq!(followed.names(), ["other", "same"]);
    fs::remove_file(folder.file("b.yaml")).unwrap();
    followed.until("the mistake is gone", |set, _| set.problems.is_empty());
    let origins = followed.set().resources.values().map(|resource| resource.origin.to_string());
    assert_eq!(origins.collect::<Vec<_>>(), ["a.yaml:1", "a.yaml:11"]);
}

#[test]
fn a_renamed_file_is_no_second_definition() {
    let folder = TestFolder::new().with("a.yaml", &handler("a", 1));
    let mut followed = folder.follow();
    fs::rename(folder.file("a.yaml"), folder.file("z.yaml")).unwrap();
    followed.until("the new file counts", |set, _| {
        set.resources.values().all(|resource| &*resource.origin.file == "z.yaml")
    });
    assert!(followed.seen.iter().all(|set| set.resources.len() == 1 && set.problems.is_empty()));
}

#[test]
fn an_emptied_file_counts_only_when_it_stays_empty() {
    let folder = TestFolder::new().with("a.yaml", &handler("a", 1)).with("b.yaml", "");
    let mut followed = folder.follow();
    let sets = followed.seen.len();
    folder.write("a.yaml", "");
    followed.until("the empty file is noticed", |_, unread| unread);
    assert_eq!(followed.names(), ["a"]);
    folder.write("a.yaml", &handler("a", 1));
    followed.until("the file is read", |_, unread| !unread);
    assert_eq!(followed.seen.len(), sets);
    folder.write("a.yaml", "");
    followed.until_names(&[]);
}

#[test]
fn a_file_emptied_by_nobody_we_know_waits_longer() {
    let folder = TestFolder::new().with("a.yaml", &handler("a", 1));
    let outside = TestFolder::new();
    // What happens under another name of the file is not told.
    fs::hard_link(folder.file("a.yaml"), outside.file("other")).unwrap();
    let mut followed = folder.follow();
    outside.write("other", "");
    followed.until_problem(&["a.yaml: has been open for writing, or changing"]);
    assert_eq!(followed.names(), ["a"]);
    outside.write("other", &handler("b", 1));
    followed.until_names(&["b"]);
    outside.write("other", "");
    followed.until_names(&[]);
    assert_eq!(followed.set().problems, []);
}

#[test]
fn a_file_that_is_taken_away_and_put_back_stays_in_force() {
    let folder = TestFolder::new().with("a.yaml", &handler("a", 1));
    let mut followed = folder.follow();
    fs::remove_file(folder.file("a.yaml")).unwrap();
    followed.look();
    folder.write("a.yaml", &handler("a", 2));
    followed.until("the file is read", |_, unread| !unread);
    assert!(followed.seen.iter().all(|set| set.resources.len() == 1));
}

#[test]
fn a_file_that_is_open_for_writing_is_not_read_until_it_is_closed() {
    let folder = TestFolder::new().with("a.yaml", &(handler("a", 1) + &handler("b", 1)));
    let mut followed = folder.follow();
    let mut file = File::create(folder.file("a.yaml")).unwrap();
    file.write_all(handler("a", 2).as_bytes()).unwrap();
    followed.until_problem(&["a.yaml: has been open for writing"]);
    assert_eq!(followed.names(), ["a", "b"]);
    file.write_all(handler("c", 2).as_bytes()).unwrap();
    drop(file);
    followed.until_names(&["a", "c"]);
    assert_eq!(followed.set().problems, []);
}

#[test]
fn a_file_is_read_only_when_all_that_happened_to_it_is_known() {
    let folder = TestFolder::new().with("a.yaml", &(handler("a", 1) + &handler("b", 1)));
    let mut followed = folder.follow();
    folder.write("a.yaml", &(handler("a", 2) + &handler("b", 2)));
    followed.wait();
    // The last thing known of the file is its close, and looking alone learns nothing new.
    let mut file = File::create(folder.file("a.yaml")).unwrap();
    file.write_all(handler("a", 3).as_bytes()).unwrap();
    let told = |set: &ConfigSet| !set.problems.is_empty();
    while !told(followed.set()) {
        followed.look();
        assert_eq!(followed.names(), ["a", "b"]);
    }
}

#[test]
fn a_writer_that_renames_its_file_before_closing_it_is_waited_for() {
    let folder = TestFolder::new().with("a.yaml", &(handler("a", 1) + &handler("b", 1)));
    let mut followed = folder.follow();
    let mut file = File::create(folder.file("a.tmp")).unwrap();
    file.write_all(handler("a", 2).as_bytes()).unwrap();
    fs::rename(folder.file("a.tmp"), folder.file("a.yaml")).unwrap();
    followed.until_problem(&["a.yaml: has been open for writing"]);
    assert_eq!(followed.names(), ["a", "b"]);
    file.write_all(handler("c", 2).as_bytes()).unwrap();
    drop(file);
    followed.until_names(&["a", "c"]);
}

#[test]
fn a_file_whose_writer_stopped_for_ever_is_read_when_it_is_touched() {
    let folder = TestFolder::new().with("a.yaml", &(handler("a", 1) + &handler("b", 1)));
    let mut followed = folder.follow();
    let stuck = File::create(folder.file("a.yaml")).unwrap();
    (&stuck).write_all(handler("a", 2).as_bytes()).unwrap();
    followed.until_problem(&["a.yaml: has been open for writing"]);
    assert_eq!(followed.names(), ["a", "b"]);
    drop(OpenOptions::new().append(true).open(folder.file("a.yaml")).unwrap());
    followed.until_names(&["a"]);
}

#[test]
fn a_new_time_alone_is_no_write() {
    let folder =
        TestFolder::new().with("a.yaml", &handler("a", 1)).with("b.yaml", &handler("b", 1));
    let mut followed = folder.follow();
    // Such a change is told as a write, and no close follows it.
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let set_time = |name: &str| {
        File::open(folder.file(name)).unwrap().set_modified(an_hour_ago).unwrap();
    };
    set_time("a.yaml");
    folder.write("new.tmp", &handler("c", 1));
    set_time("new.tmp");
    fs::rename(folder.file("new.tmp"), folder.file("b.yaml")).unwrap();
    followed.until_names(&["a", "c"]);
    followed.until("all is read", |_, unread| !unread);
    assert!(followed.seen.iter().all(|set| set.problems.is_empty()));
}

#[test]
fn a_swapped_link_to_a_folder_is_followed_as_kubernetes_does_it() {
    let folder = TestFolder::new()
        .with("..one/a.yaml", &handler("a", 1))
        .with("..two/a.yaml", &handler("b", 1));
    symlink("..one", folder.file("..data")).unwrap();
    symlink("..data/a.yaml", folder.file("a.yaml")).unwrap();
    let mut followed = folder.follow();
    assert_eq!(followed.names(), ["a"]);
    symlink("..two", folder.file("..new")).unwrap();
    fs::rename(folder.file("..new"), folder.file("..data")).unwrap();
    followed.until_names(&["b"]);
    folder.write("..two/a.yaml", &handler("c", 1));
    followed.until_names(&["c"]);
    assert!(followed.seen.iter().all(|set| set.resources.len() == 1 && set.problems.is_empty()));
}

#[test]
fn a_folder_that_goes_away_leaves_everything_in_force_until_it_is_back() {
    let outer = TestFolder::new().with("config/a.yaml", &handler("a", 1));
    let inner = outer.file("config");
    let mut followed = super::fixture::Followed::of(&inner);
    fs::rename(&inner, outer.file("elsewhere")).unwrap();
    followed.until_problem(&["cannot list the configuration folder", "stays in force"]);
    assert_eq!(followed.names(), ["a"]);
    outer.write("config/b.yaml", &handler("b", 1));
    followed.until_names(&["b"]);
    assert_eq!(followed.set().problems, []);
}

#[test]
fn the_revision_is_the_newest_time_and_never_goes_back_or_into_the_future() {
    let folder = TestFolder::new().with("a.yaml", &handler("a", 1));
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let set_time = |name: &str, time| {
        File::open(folder.file(name)).unwrap().set_modified(time).unwrap();
    };
    set_time("a.yaml", old);
    let mut followed = folder.follow();
    let Revision(first) = followed.set().revision;
    let folder_time = fs::metadata(folder.path()).unwrap().modified().unwrap();
    let nanos = folder_time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    assert_eq!(u128::from(first), nanos);

    folder.write("a.yaml", &handler("b", 1));
    set_time("a.yaml", SystemTime::now() + Duration::from_secs(1_000_000));
    followed.until_names(&["b"]);
    let Revision(second) = followed.set().revision;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    assert!(second > first && u128::from(second) <= now);

    folder.write("a.yaml", &handler("c", 1));
    set_time("a.yaml", old);
    followed.until_names(&["c"]);
    assert!(followed.set().revision > Revision(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_publishes_changes_until_it_is_shut_down() {
    let folder = TestFolder::new().with("a.yaml", &handler("a", 1));
    let (source, mut feed) = FolderSource::open(folder.path()).unwrap();
    assert_eq!(super::fixture::names_of(&feed.first().await.unwrap()), ["a"]);
    let crate::SourceFeed { configs: mut sets, mut status } = feed;
    let (shut_down, told) = oneshot::channel::<()>();
    let run = async {
        source.run(async { told.await.unwrap() }).await;
    };
    let observe = async {
        folder.write("b.yaml", &handler("b", 1));
        let both = sets.wait_for(|set| set.resources.len() == 2);
        tokio::time::timeout(super::fixture::PATIENCE, both).await.unwrap().unwrap();
        fs::rename(folder.path(), folder.path().with_extension("away")).unwrap();
        let away = status.wait_for(|status| !status.connected && status.error.is_some());
        tokio::time::timeout(super::fixture::PATIENCE, away).await.unwrap().unwrap();
        fs::rename(folder.path().with_extension("away"), folder.path()).unwrap();
        let back = status.wait_for(|status| status.connected && status.error.is_none());
        tokio::time::timeout(super::fixture::PATIENCE, back).await.unwrap().unwrap();
        shut_down.send(()).unwrap();
    };
    tokio::join!(run, observe);
    assert!(sets.has_changed().is_err(), "the sender is dropped at the end");
}

#[test]
fn a_folder_that_is_not_there_cannot_be_opened() {
    let folder = TestFolder::new().with("file", "");
    let error = |name| FolderSource::open(&folder.file(name)).err().unwrap().to_string();
    assert!(error("missing").contains("does it exist"));
    assert!(error("file").contains("is not a folder"));
}
