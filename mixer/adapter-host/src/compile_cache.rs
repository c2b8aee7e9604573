//! Compiled adapters, kept from one start to the next.
//!
//! Loading machine code means trusting it: whoever can put a file here runs code in this process. So the
//! directory belongs to this user alone, and each artefact carries a code (HMAC-SHA256) made with a key
//! that lies beside it, readable by this user alone. The code covers the component's digest and the
//! engine's version and settings as well, so an artefact of another adapter or another release is as
//! wrong as a damaged one. Whatever does not match is compiled again and replaced: no error here keeps
//! an adapter from loading. Refused: wasmtime's own cache, which does not authenticate, and
//! `deserialize_file`, which maps the file and would run what is written there after the check.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::HostError;
use crate::error::CacheProblem;

const KEY_FILE: &str = "key";
const KEY_LENGTH: usize = 32;
const CODE_LENGTH: usize = 32;

/// A compiled adapter with a Python interpreter has 35 MiB.
const MAX_ARTEFACT: u64 = 256 << 20;

#[derive(Debug)]
pub(crate) struct CompileCache {
    directory: PathBuf,
    key: [u8; KEY_LENGTH],
    /// Version and settings of the engine, and the machine it compiles for.
    engine: u64,
}

impl CompileCache {
    pub(crate) fn open(directory: PathBuf, engine: &Engine) -> Result<Self, HostError> {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        match prepare(&directory).and_then(|()| Ok(key(&directory)?)) {
            Ok(key) => Ok(Self { directory, key, engine: hasher.finish() }),
            Err(cause) => Err(HostError::OpenCache { directory, cause }),
        }
    }

    /// The component with this digest, if it is here and can be used.
    pub(crate) fn load(&self, engine: &Engine, digest: &[u8; 32]) -> Option<Component> {
        let (identity, file) = self.place(digest);
        self.read(engine, &identity, &file).unwrap_or_else(|why| {
            tracing::warn!(file = %file.display(), %why, "a compiled adapter in the cache cannot be used and is compiled again");
            None
        })
    }

    /// Keeps the component with this digest, or logs why that cannot be.
    pub(crate) fn keep(&self, digest: &[u8; 32], component: &Component) {
        let (identity, file) = self.place(digest);
        if let Err(why) = self.write(&identity, &file, component) {
            tracing::warn!(file = %file.display(), %why, "a compiled adapter cannot be kept in the cache");
        }
    }

    fn place(&self, digest: &[u8; 32]) -> ([u8; 32], PathBuf) {
        let identity = self.identity(digest);
        let file = self.directory.join(format!("{}.cwasm", hex(&identity)));
        (identity, file)
    }

    fn read(
        &self,
        engine: &Engine,
        identity: &[u8; 32],
        file: &Path,
    ) -> io::Result<Option<Component>> {
        let mut content = Vec::new();
        match File::open(file) {
            Ok(opened) => opened.take(MAX_ARTEFACT).read_to_end(&mut content)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some((code, artefact)) = content.split_at_checked(CODE_LENGTH) else {
            return Err(io::Error::other("it is cut off"));
        };
        // Compares in constant time.
        if self.code(identity, artefact).verify_slice(code).is_err() {
            return Err(io::Error::other("it is not what this host has written"));
        }
        deserialize(engine, artefact).map(Some).map_err(|error| io::Error::other(error.to_string()))
    }

    fn write(&self, identity: &[u8; 32], file: &Path, component: &Component) -> io::Result<()> {
        let artefact =
            component.serialize().map_err(|error| io::Error::other(error.to_string()))?;
        let code = self.code(identity, &artefact).finalize().into_bytes();
        // By rename: a reader sees the whole or nothing, and two writers write the same.
        let part = file.with_extension(format!("{}.part", std::process::id()));
        let written = new_file(&part).and_then(|mut opened| {
            opened.write_all(&code)?;
            opened.write_all(&artefact)
        });
        written.and_then(|()| fs::rename(&part, file)).inspect_err(|_| {
            // Nothing was renamed; a left-over part only takes room.
            let _ = fs::remove_file(&part);
        })
    }

    fn identity(&self, digest: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(digest);
        hash.update(self.engine.to_le_bytes());
        hash.finalize().into()
    }

    fn code(&self, identity: &[u8; 32], artefact: &[u8]) -> Hmac<Sha256> {
        let mut code = <Hmac<Sha256> as Mac>::new_from_slice(&self.key)
            .expect("HMAC takes keys of any length");
        code.update(identity);
        code.update(artefact);
        code
    }
}

/// The one place where bytes become code.
#[expect(unsafe_code, reason = "the engine cannot check machine code")]
fn deserialize(engine: &Engine, artefact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `artefact` is what `Component::serialize` gave in a process of this user with the same
    // engine version and settings: its code was verified with a key that only this user can read, over
    // these very bytes in memory, which nobody can change after the check.
    unsafe { Component::deserialize(engine, artefact) }
}

/// Makes the directory, or takes one that is ours and closes it to others.
fn prepare(directory: &Path) -> Result<(), CacheProblem> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(CacheProblem::NotADirectory);
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(CacheProblem::ForeignOwner { owner: metadata.uid() });
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The key that lies in the directory. One that others could have read or changed is replaced, which
/// makes all artefacts worthless.
fn key(directory: &Path) -> io::Result<[u8; KEY_LENGTH]> {
    let file = directory.join(KEY_FILE);
    let mut key = [0; KEY_LENGTH];
    if let Ok(mut opened) = File::open(&file) {
        let metadata = opened.metadata()?;
        let private = metadata.is_file()
            && metadata.mode() & 0o077 == 0
            && metadata.uid() == rustix::process::geteuid().as_raw()
            && metadata.len() == KEY_LENGTH as u64;
        if private {
            opened.read_exact(&mut key)?;
            return Ok(key);
        }
    }
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    let part = directory.join(format!("{KEY_FILE}.{}.part", std::process::id()));
    new_file(&part)?.write_all(&key)?;
    fs::rename(part, file)?;
    Ok(key)
}

/// A file that only this user can read. One that is there under the name – of a process that died with
/// our number – is removed first.
pub(crate) fn new_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => OpenOptions::new().write(true).create_new(true).mode(0o600).open(path),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}

#[cfg(test)]
mod tests;
