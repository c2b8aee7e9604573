//! Where a component is, as a handler names it.
//!
//! A file is named by a path below the folder of adapters (`teams/a/rates.wasm`), or anywhere by
//! `file:///…`. A registry is named by `oci://HOST[:PORT]/REPOSITORY@sha256:…`. The digest is a must: who
//! can move a tag would choose the code that decides about requests, and two Mixers that read the same
//! configuration would run different ones.

use std::fmt;
use std::path::{Component as PathPart, Path, PathBuf};

use oci_client::Reference;

/// The place of a component.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ComponentRef {
    /// A file.
    File(PathBuf),
    /// An artefact in a registry.
    Oci(OciRef),
}

/// An artefact in a registry, by the digest of its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OciRef {
    /// `host` or `host:port`.
    pub(crate) registry: String,
    pub(crate) repository: String,
    pub(crate) digest: [u8; 32],
}

/// A text that names no component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The scheme is another one.
    #[error("`{reference}`: adapters are files, `file:///…` or `oci://…`, not `{scheme}://…`")]
    Scheme {
        /// The text.
        reference: String,
        /// What stands before `://`.
        scheme: String,
    },
    /// The path leads out of the folder of adapters, or is not absolute after `file://`.
    #[error("`{reference}`: {why}")]
    Path {
        /// The text.
        reference: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The text is no reference of a registry.
    #[error("`{reference}` is no reference of a registry: {cause}")]
    Oci {
        /// The text.
        reference: String,
        /// What is wrong with it.
        cause: String,
    },
    /// There is no digest.
    #[error(
        "`{reference}` has no digest, and what a tag means can change: write \
         `oci://HOST/REPOSITORY@sha256:…`; `crane digest` or `docker buildx imagetools inspect` tell it"
    )]
    NoDigest {
        /// The text.
        reference: String,
    },
}

impl ComponentRef {
    /// Reads what a handler names. Paths without a scheme are below `folder`.
    ///
    /// # Errors
    /// When `text` is no such place.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ReferenceError> {
        let reference = || text.to_owned();
        let wrong_path = |why| ReferenceError::Path { reference: reference(), why };
        match text.split_once("://") {
            None => {
                let path = Path::new(text);
                let is_below = path.components().all(|part| matches!(part, PathPart::Normal(_)));
                if !is_below {
                    return Err(wrong_path(
                        "a path is below the folder of adapters; elsewhere files are named by `file:///…`",
                    ));
                }
                Ok(Self::File(folder.join(path)))
            }
            Some(("file", path)) => {
                let path = Path::new(path);
                if !path.is_absolute() {
                    return Err(wrong_path("the path after `file://` must be absolute"));
                }
                Ok(Self::File(path.to_owned()))
            }
            Some(("oci", rest)) => OciRef::parse(text, rest).map(Self::Oci),
            Some((scheme, _)) => {
                Err(ReferenceError::Scheme { reference: reference(), scheme: scheme.to_owned() })
            }
        }
    }

    /// A short name for logs and metrics: that of the file or repository.
    pub fn short_name(&self) -> &str {
        match self {
            Self::File(path) => {
                path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("component")
            }
            Self::Oci(oci) => oci.repository.rsplit('/').next().unwrap_or(&oci.repository),
        }
    }
}

impl OciRef {
    fn parse(text: &str, rest: &str) -> Result<Self, ReferenceError> {
        let wrong = |cause: String| ReferenceError::Oci { reference: text.to_owned(), cause };
        let parsed: Reference = rest.parse().map_err(|cause| wrong(format!("{cause}")))?;
        // Without a host, the library means Docker's.
        let host = rest.split('/').next().unwrap_or_default();
        if host != parsed.registry() {
            return Err(wrong("it must begin with the registry's host".to_owned()));
        }
        let Some(digest) = parsed.digest() else {
            return Err(ReferenceError::NoDigest { reference: text.to_owned() });
        };
        let digest = parse_digest(digest).ok_or_else(|| {
            wrong("its digest must be sha256: and 64 hexadecimal digits".to_owned())
        })?;
        Ok(Self {
            registry: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            digest,
        })
    }
}

impl fmt::Display for OciRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}@sha256:", self.registry, self.repository)?;
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The digest in `sha256:…`.
pub(crate) fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:")?;
    if digits.len() != 64 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ComponentRef, String> {
        ComponentRef::parse(text, Path::new("/adapters")).map_err(|error| error.to_string())
    }

    #[test]
    fn files_are_below_the_folder_of_adapters_or_absolute_with_a_scheme() {
        let file = |path: &str| Ok(ComponentRef::File(path.into()));
        assert_eq!(parse("teams/a/rates.wasm"), file("/adapters/teams/a/rates.wasm"));
        assert_eq!(parse("file:///opt/rates.wasm"), file("/opt/rates.wasm"));
        for text in ["../rates.wasm", "/opt/rates.wasm", "a/../../b.wasm"] {
            assert!(parse(text).unwrap_err().contains("file:///"), "{text}");
        }
        assert!(parse("file://rates.wasm").unwrap_err().contains("absolute"));
        assert!(parse("https://host/rates.wasm").unwrap_err().contains("not `https://"));
        assert_eq!(parse("teams/a/rates.wasm").unwrap().short_name(), "rates");
    }

    #[test]
    fn a_registry_is_named_with_a_digest_and_a_tag_alone_is_refused() {
        let digest = "ab".repeat(32);
        let text = format!("oci://127.0.0.1:5000/team/rates@sha256:{digest}");
        let parsed = parse(&text).unwrap();
        assert_eq!(parsed.short_name(), "rates");
        let ComponentRef::Oci(oci) = parsed else { panic!() };
        assert_eq!((oci.to_string(), oci.digest), (text, [0xab; 32]));
        let refused = parse("oci://127.0.0.1:5000/team/rates:v1").unwrap_err();
        assert!(refused.contains("has no digest"), "{refused}");
        let short = parse("oci://127.0.0.1:5000/rates@sha256:abcd").unwrap_err();
        assert!(short.contains("no reference"), "{short}");
        let hostless = parse(&format!("oci://rates@sha256:{digest}")).unwrap_err();
        assert!(hostless.contains("host"), "{hostless}");
    }
}
