use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use adapter_host::{AdapterHost, HostOptions};

use crate::fixture::{file, load, options};

fn host(cache: &Path) -> AdapterHost {
    AdapterHost::new(HostOptions { cache_dir: Some(cache.to_owned()), ..options() }).unwrap()
}

/// The compiled adapters in a cache, sorted.
fn artefacts(cache: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|f| f.extension().is_some_and(|e| e == "cwasm")).collect();
    files.sort();
    files
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn compiled_adapters_are_kept_for_this_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("deep/cache");
    load(&host(&cache), "denier");
    let kept = artefacts(&cache);
    assert_eq!(kept.len(), 1);
    assert_eq!((mode(&cache), mode(&kept[0]), mode(&cache.join("key"))), (0o700, 0o600, 0o600));
    let before = fs::metadata(&kept[0]).unwrap().modified().unwrap();
    load(&host(&cache), "denier");
    assert_eq!(fs::metadata(&kept[0]).unwrap().modified().unwrap(), before, "not written again");
}

#[test]
fn whatever_does_not_match_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    load(&host(&cache), "testing/loop");
    let artefact = artefacts(&cache).remove(0);
    let good = fs::read(&artefact).unwrap();
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for bad in [&flipped[..], &good[..good.len() - 1], &good[..10], b""] {
        fs::write(&artefact, bad).unwrap();
        load(&host(&cache), "testing/loop");
        assert_eq!(fs::read(&artefact).unwrap().len(), good.len(), "replaced");
        assert!(fs::read(&artefact).unwrap() != bad, "the bad bytes are gone");
    }
}

#[test]
fn the_artefact_of_another_adapter_is_not_taken_for_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    load(&host(&cache), "testing/loop");
    let other = artefacts(&cache).remove(0);
    load(&host(&cache), "denier");
    let denier = artefacts(&cache).into_iter().find(|file| *file != other).unwrap();
    fs::copy(&other, &denier).unwrap();
    let loaded = load(&host(&cache), "denier");
    assert_eq!(loaded.digest(), load(&AdapterHost::new(options()).unwrap(), "denier").digest());
    assert!(fs::read(&denier).unwrap() != fs::read(&other).unwrap(), "replaced");
}

#[test]
fn a_key_that_others_could_read_is_replaced_and_with_it_all_artefacts() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    load(&host(&cache), "testing/loop");
    let artefact = artefacts(&cache).remove(0);
    let before = fs::read(&artefact).unwrap();
    let (key, old) = (cache.join("key"), fs::read(cache.join("key")).unwrap());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    load(&host(&cache), "testing/loop");
    assert_ne!(fs::read(&key).unwrap(), old);
    assert_eq!(mode(&key), 0o600);
    assert!(fs::read(&artefact).unwrap() != before, "made with the new key");
}

#[test]
fn an_artefact_made_with_another_key_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    load(&host(&ours), "testing/loop");
    load(&host(&theirs), "testing/loop");
    let (our, their) = (artefacts(&ours).remove(0), artefacts(&theirs).remove(0));
    let foreign = fs::read(&their).unwrap();
    assert_eq!(our.file_name(), their.file_name(), "the name has no secret");
    fs::write(&our, &foreign).unwrap();
    load(&host(&ours), "testing/loop");
    assert!(fs::read(&our).unwrap() != foreign, "replaced");
}

#[test]
fn a_link_is_replaced_and_what_it_leads_to_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    load(&host(&cache), "testing/loop");
    let artefact = artefacts(&cache).remove(0);
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    fs::remove_file(&artefact).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &artefact).unwrap();
    load(&host(&cache), "testing/loop");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    assert!(fs::symlink_metadata(&artefact).unwrap().is_file());
    let linked = folder.path().join("linked");
    std::os::unix::fs::symlink(&cache, &linked).unwrap();
    let options = HostOptions { cache_dir: Some(linked), ..options() };
    assert!(AdapterHost::new(options).is_err(), "a folder is no link: who made it could turn it");
}

#[test]
fn an_artefact_that_cannot_be_read_or_replaced_keeps_no_adapter_from_loading() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    load(&host(&cache), "testing/loop");
    let artefact = artefacts(&cache).remove(0);
    fs::remove_file(&artefact).unwrap();
    fs::create_dir(&artefact).unwrap();
    load(&host(&cache), "testing/loop");
    assert!(artefact.is_dir());
}

#[test]
fn a_folder_open_to_others_is_closed_and_a_file_is_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    drop(host(&cache));
    assert_eq!(mode(&cache), 0o700);
    let options = HostOptions { cache_dir: Some(file("denier")), ..options() };
    assert!(AdapterHost::new(options).is_err());
}
