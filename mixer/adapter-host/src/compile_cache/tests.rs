use std::os::unix::fs::chown;

use tempfile::TempDir;
use wasmtime::{Config, ModuleVersionStrategy, OptLevel};

use super::*;

const DIGEST: [u8; 32] = [7; 32];
/// A component with nothing in it.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

fn engine(change: impl FnOnce(&mut Config)) -> Engine {
    let mut config = Config::new();
    change(&mut config);
    Engine::new(&config).unwrap()
}

/// Engines that differ from the usual one: another release, another setting.
fn other_engines() -> [Engine; 3] {
    let version = ModuleVersionStrategy::Custom("another".to_owned());
    [
        engine(|config| drop(config.module_version(version).unwrap().clone())),
        engine(|config| drop(config.epoch_interruption(true).clone())),
        engine(|config| drop(config.cranelift_opt_level(OptLevel::None).clone())),
    ]
}

fn open(folder: &TempDir, engine: &Engine) -> CompileCache {
    CompileCache::open(folder.path().join("cache"), engine).unwrap()
}

/// Keeps the component as `engine` compiles it, and tells where.
fn kept(cache: &CompileCache, engine: &Engine) -> PathBuf {
    cache.keep(&DIGEST, &Component::from_binary(engine, EMPTY).unwrap());
    assert!(cache.load(engine, &DIGEST).is_some());
    cache.place(&DIGEST).1
}

#[test]
fn what_another_engine_has_compiled_is_not_found() {
    let (folder, ours) = (tempfile::tempdir().unwrap(), engine(|_| {}));
    let our = kept(&open(&folder, &ours), &ours);
    for theirs in other_engines() {
        let cache = open(&folder, &theirs);
        assert!(cache.load(&theirs, &DIGEST).is_none());
        // Nor is it, under the name of what they would look for.
        let their = cache.place(&DIGEST).1;
        assert_ne!(our, their);
        fs::copy(&our, &their).unwrap();
        assert!(cache.load(&theirs, &DIGEST).is_none());
        kept(&cache, &theirs);
    }
    assert!(open(&folder, &ours).load(&ours, &DIGEST).is_some(), "it is still there");
}

#[test]
fn the_engine_itself_refuses_what_another_has_compiled_though_its_code_is_right() {
    let (folder, ours) = (tempfile::tempdir().unwrap(), engine(|_| {}));
    // Code that was made with less care runs all the same.
    let [release, setting, _] = other_engines();
    for theirs in [release, setting] {
        let cache = open(&folder, &ours);
        let (identity, file) = cache.place(&DIGEST);
        let foreign = Component::from_binary(&theirs, EMPTY).unwrap();
        cache.write(&identity, &file, &foreign).unwrap();
        assert!(cache.read(&ours, &identity, &file).is_err());
        assert!(cache.load(&ours, &DIGEST).is_none());
        kept(&cache, &ours);
    }
}

#[test]
fn any_bit_and_any_length_that_is_wrong_is_found() {
    let (folder, ours) = (tempfile::tempdir().unwrap(), engine(|_| {}));
    let cache = open(&folder, &ours);
    let artefact = kept(&cache, &ours);
    let good = fs::read(&artefact).unwrap();
    let step = good.len() / 200 + 1;
    for at in (0..good.len()).step_by(step).chain([good.len() - 1]) {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&artefact, &flipped).unwrap();
        assert!(cache.load(&ours, &DIGEST).is_none(), "byte {at}");
        fs::write(&artefact, &good[..at]).unwrap();
        assert!(cache.load(&ours, &DIGEST).is_none(), "cut off at {at}");
    }
    fs::write(&artefact, [&good[..], &[0]].concat()).unwrap();
    assert!(cache.load(&ours, &DIGEST).is_none(), "a byte more");
    fs::write(&artefact, &good).unwrap();
    assert!(cache.load(&ours, &DIGEST).is_some());
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ours = engine(|_| {});
    // The superuser can give a folder away; others find those of the superuser.
    let theirs = if rustix::process::geteuid().is_root() {
        let theirs = folder.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        chown(&theirs, Some(65_534), None).unwrap();
        theirs
    } else {
        PathBuf::from("/usr")
    };
    let error = CompileCache::open(theirs, &ours).unwrap_err();
    let foreign =
        matches!(error, HostError::OpenCache { cause: CacheProblem::ForeignOwner { .. }, .. });
    assert!(foreign, "{error}");
    assert!(error.to_string().contains("belongs to user "), "{error}");
}

#[test]
fn a_folder_that_others_could_write_to_is_closed_and_what_they_put_there_is_not_used() {
    let ours = engine(|_| {});
    for mode in [0o770, 0o707, 0o722, 0o777] {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(&folder, &ours);
        let artefact = kept(&cache, &ours);
        let directory = folder.path().join("cache");
        fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
        fs::write(&artefact, b"of somebody else").unwrap();
        let cache = open(&folder, &ours);
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700, "{mode:o}");
        assert!(cache.load(&ours, &DIGEST).is_none());
        kept(&cache, &ours);
    }
}

#[test]
fn a_key_that_is_not_ours_alone_or_no_key_is_replaced() {
    let ours = engine(|_| {});
    let spoil: [fn(&Path); 5] = [
        |key| fs::set_permissions(key, Permissions::from_mode(0o640)).unwrap(),
        |key| fs::set_permissions(key, Permissions::from_mode(0o602)).unwrap(),
        |key| fs::write(key, b"short").unwrap(),
        |key| fs::write(key, [0; KEY_LENGTH + 1]).unwrap(),
        |key| {
            // Only the superuser can; for others it is one that is gone.
            if chown(key, Some(65_534), None).is_err() {
                fs::remove_file(key).unwrap();
            }
        },
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let before = open(&folder, &ours);
        kept(&before, &ours);
        let key = folder.path().join("cache").join(KEY_FILE);
        spoil(&key);
        let after = open(&folder, &ours);
        assert_ne!(before.key, after.key, "{number}");
        let metadata = fs::metadata(&key).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o600, "{number}");
        assert_eq!(metadata.uid(), rustix::process::geteuid().as_raw(), "{number}");
        assert!(after.load(&ours, &DIGEST).is_none(), "made with the old key: {number}");
    }
}
