use std::collections::HashMap;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::RegistryError;

/// A file of Docker's has an entry for each registry.
const MAX_FILE: u64 = 1 << 20;

/// A user's name and password. Not shown.
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// `config.json` of Docker, as far as it holds credentials itself.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    /// `user:password` in base64.
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

/// The credentials for a registry, if the file has some. Read anew for each pull: they change.
pub(super) async fn for_registry(
    file: &Path,
    registry: &str,
) -> Result<Option<Credentials>, RegistryError> {
    let wrong = |cause: String| RegistryError::Credentials { file: file.to_owned(), cause };
    let length = tokio::fs::metadata(file).await.map_err(|cause| wrong(cause.to_string()))?.len();
    if length > MAX_FILE {
        return Err(wrong(format!("it is larger than {MAX_FILE} bytes")));
    }
    let text = tokio::fs::read(file).await.map_err(|cause| wrong(cause.to_string()))?;
    // The cause would quote what is there.
    let config: DockerConfig = serde_json::from_slice(&text)
        .map_err(|cause| wrong(format!("it is no such file, see line {}", cause.line())))?;
    let entry = [registry.to_owned(), format!("https://{registry}")]
        .iter()
        .find_map(|name| config.auths.get(name));
    let Some(entry) = entry else { return Ok(None) };
    if let (Some(user), Some(password)) = (&entry.username, &entry.password) {
        return Ok(Some(Credentials { user: user.clone(), password: password.clone() }));
    }
    let Some(auth) = entry.auth.as_ref().filter(|auth| !auth.is_empty()) else { return Ok(None) };
    let decoded = BASE64_STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((user, password)) => {
            Ok(Some(Credentials { user: user.to_owned(), password: password.to_owned() }))
        }
        None => Err(wrong(format!("`auth` of {registry} is no user:password in base64"))),
    }
}
