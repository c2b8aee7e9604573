use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::fixture::{TestFolder, handler};
use crate::folder::text::MAX_BYTES;
use crate::read_folder;

#[test]
fn what_cannot_be_read_is_listed_and_the_rest_is_read() {
    let folder = TestFolder::new()
        .with("good.yaml", &handler("good", 1))
        .with("folder.yaml/inside.yaml", &handler("inside", 1))
        .with("sub/b.yaml", &handler("b", 1));
    fs::write(folder.file("latin.yaml"), b"# first line\n# caf\xe9\n").unwrap();
    fs::write(folder.file("large.yaml"), vec![b'#'; MAX_BYTES as usize + 1]).unwrap();
    symlink("nowhere", folder.file("dangling.yaml")).unwrap();
    symlink("self.yaml", folder.file("self.yaml")).unwrap();
    symlink("..", folder.file("sub/up")).unwrap();
    fs::write(folder.file("zero.yaml"), b"a: \0\n").unwrap();
    fs::write(folder.path().join(OsStr::from_bytes(b"name\xff.yaml")), handler("c", 1)).unwrap();
    pipe(&folder, "pipe.yaml");

    let set = read_folder(folder.path()).unwrap();
    let mut names = set.resources.keys().map(|key| key.name.as_str());
    assert!(names.by_ref().eq(["b", "good"]), "{:?}", set.resources.keys());
    let shown: Vec<_> = set.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "dangling.yaml: cannot be read: No such file or directory (os error 2); does a symbolic \
         link lead nowhere?",
        "folder.yaml/: is a folder, its name is that of a file",
        "large.yaml: is larger than 4 MiB, the most that is read",
        "latin.yaml: is not UTF-8 text: line 2 has other bytes",
        "name\u{fffd}.yaml: the file's name is not UTF-8",
        "pipe.yaml: is neither a file nor a folder",
        "self.yaml: cannot be read: Too many levels of symbolic links (os error 40)",
        "sub/up/: leads to a folder that is already read, is it a loop of symbolic links?",
        "zero.yaml:1: not valid YAML at column 4: found unprintable character (the line is `a: \\0`)",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_file_that_becomes_unreadable_keeps_what_it_said() {
    let folder =
        TestFolder::new().with("a.yaml", &handler("a", 1)).with("b/b.yaml", &handler("b", 1));
    let mut followed = folder.follow();
    for replace in [not_utf8, dangling, folder_of_that_name, too_large] {
        fs::remove_file(folder.file("a.yaml")).unwrap();
        replace(&folder);
        followed.until_problem(&["a.yaml"]);
        followed.until("the file is judged", |_, unread| !unread);
        assert_eq!(followed.names(), ["a", "b"]);
        let _ = fs::remove_file(folder.file("a.yaml"));
        let _ = fs::remove_dir(folder.file("a.yaml"));
        folder.write("a.yaml", &handler("a", 1));
        followed.until("the file is good again", |set, _| set.problems.is_empty());
    }
    assert!(followed.seen.iter().all(|set| set.resources.len() == 2));
}

fn not_utf8(folder: &TestFolder) {
    fs::write(folder.file("a.yaml"), b"\xff\xfe").unwrap();
}

fn dangling(folder: &TestFolder) {
    symlink("nowhere", folder.file("a.yaml")).unwrap();
}

fn folder_of_that_name(folder: &TestFolder) {
    fs::create_dir(folder.file("a.yaml")).unwrap();
}

fn too_large(folder: &TestFolder) {
    fs::write(folder.file("a.yaml"), vec![b'#'; MAX_BYTES as usize + 1]).unwrap();
}

#[test]
fn a_folder_that_becomes_unreadable_keeps_what_its_files_said() {
    let folder =
        TestFolder::new().with("a.yaml", &handler("a", 1)).with("b/b.yaml", &handler("b", 1));
    let mut followed = folder.follow();
    let permissions = |mode| {
        fs::set_permissions(folder.file("b"), fs::Permissions::from_mode(mode)).unwrap();
    };
    permissions(0o000);
    if fs::read_dir(folder.file("b")).is_ok() {
        // The superuser reads everything; a loop of links is as unreadable for everyone.
        permissions(0o755);
        fs::rename(folder.file("b"), folder.file("c")).unwrap();
        symlink("c", folder.file("b")).unwrap();
        symlink("..", folder.file("c/up")).unwrap();
        followed.until_problem(&["c/"]);
    } else {
        followed.until_problem(&["b/: cannot be read"]);
        assert_eq!(followed.names(), ["a", "b"]);
        permissions(0o755);
        followed.until("the folder is good again", |set, _| set.problems.is_empty());
    }
    assert!(followed.seen.iter().all(|set| set.resources.len() == 2));
}

#[test]
fn folders_nested_too_deep_are_listed() {
    let deep = "d/".repeat(20);
    let folder = TestFolder::new()
        .with("a.yaml", &handler("a", 1))
        .with(&format!("{deep}b.yaml"), &handler("b", 1));
    let set = read_folder(folder.path()).unwrap();
    assert_eq!(set.resources.len(), 1);
    assert!(set.problems[0].message.contains("more than 16 deep"), "{:?}", set.problems);
}

fn pipe(folder: &TestFolder, name: &str) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, folder.file(name), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}
