//! How an operator names a source: a folder's path, or a URL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::nearest::hint;
use crate::{ConfigError, Namespace};

/// The port of etcd's clients.
const ETCD_PORT: u16 = 2379;
/// A cluster of etcd has seven members at most, by its own advice.
const MAX_ENDPOINTS: usize = 16;
/// Each namespace and kind is a watch of its own; beyond that, watch all.
const MAX_NAMESPACES: usize = 32;

/// Where configuration is.
///
/// Read from text: a folder's path; `etcd://HOST[:PORT][,HOST[:PORT]…]/PREFIX`, or `etcds://` for TLS;
/// `k8s://`. The URLs take parameters after a `?`, see [`EtcdLocation`] and [`KubernetesLocation`].
/// Nothing in them is percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceLocation {
    /// A folder of YAML files.
    Folder(PathBuf),
    /// A prefix of etcd.
    Etcd(EtcdLocation),
    /// Custom resources of Kubernetes.
    Kubernetes(KubernetesLocation),
}

/// A prefix of etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdLocation {
    /// `HOST:PORT` of each member that may be asked, tried in turn.
    pub endpoints: Vec<String>,
    /// What the keys begin with; it begins and ends with `/`.
    pub prefix: String,
    /// TLS, for `etcds://`.
    pub tls: Option<EtcdTls>,
    /// Parameters `user=NAME` and `password-file=FILE`.
    pub login: Option<EtcdLogin>,
}

/// Files in PEM for TLS. They are read at each connect, so that they can be renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdTls {
    /// Parameter `ca=FILE`: who signs the servers' certificates.
    pub ca: PathBuf,
    /// Parameters `cert=FILE` and `key=FILE`: our certificate and its key, where etcd asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A user of etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdLogin {
    /// The name.
    pub user: String,
    /// A file with the password, so that it shows in no list of processes. One line end at its end does
    /// not count.
    pub password_file: PathBuf,
}

/// Custom resources of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KubernetesLocation {
    /// Parameter `namespace=A,B`: those to read; all if empty.
    pub namespaces: Vec<Namespace>,
    /// Parameter `kubeconfig=FILE`: who and where the server is. Without it that is told by the file that
    /// the environment's `KUBECONFIG` names, `~/.kube/config`, or in a pod its service account: the first
    /// that is there.
    pub kubeconfig: Option<PathBuf>,
    /// Parameter `context=NAME`: a context of the kubeconfig file other than its current one.
    pub context: Option<String>,
}

impl FromStr for SourceLocation {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let refuse = |why: String| ConfigError::Location { given: without_password(text), why };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Folder(text.into()));
        };
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let parameters = Parameters::new(parameters).map_err(refuse)?;
        match scheme {
            "etcd" | "etcds" => etcd(rest, scheme == "etcds", parameters).map(Self::Etcd),
            "k8s" => kubernetes(rest, parameters).map(Self::Kubernetes),
            _ => Err(format!(
                "unknown scheme `{scheme}`, {}",
                hint(scheme, ["etcd", "etcds", "k8s"])
            )),
        }
        .map_err(refuse)
    }
}

/// `text` as it may be shown: what someone put before an `@` is left out.
fn without_password(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => text.to_owned(),
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(dir) => dir.display().fmt(f),
            Self::Etcd(location) => location.fmt(f),
            Self::Kubernetes(location) => location.fmt(f),
        }
    }
}

/// Without its parameters.
impl fmt::Display for EtcdLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "etcds" } else { "etcd" };
        write!(f, "{scheme}://{}{}", self.endpoints.join(","), self.prefix)
    }
}

impl fmt::Display for KubernetesLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("k8s://")?;
        let mut sign = '?';
        if !self.namespaces.is_empty() {
            let names: Vec<_> = self.namespaces.iter().map(Namespace::as_str).collect();
            write!(f, "{sign}namespace={}", names.join(","))?;
            sign = '&';
        }
        if let Some(file) = &self.kubeconfig {
            write!(f, "{sign}kubeconfig={}", file.display())?;
            sign = '&';
        }
        match &self.context {
            Some(context) => write!(f, "{sign}context={context}"),
            None => Ok(()),
        }
    }
}

fn etcd(rest: &str, secure: bool, mut parameters: Parameters<'_>) -> Result<EtcdLocation, String> {
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let endpoints = hosts.split(',').map(endpoint).collect::<Result<Vec<_>, _>>()?;
    if endpoints.len() > MAX_ENDPOINTS {
        return Err(format!("{} endpoints, at most {MAX_ENDPOINTS} are tried", endpoints.len()));
    }
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        let example = format!("{hosts}/mixmesh");
        return Err(format!(
            "the prefix of the keys is missing, as in `{example}`: the store of a whole cluster is \
             not read"
        ));
    }
    let (ca, cert, key) = (parameters.take("ca"), parameters.take("cert"), parameters.take("key"));
    let (user, password_file) = (parameters.take("user"), parameters.take("password-file"));
    let known: &[&str] = if secure {
        &["ca", "cert", "key", "user", "password-file"]
    } else {
        &["user", "password-file"]
    };
    parameters.finish(known)?;
    let tls = match (secure, ca) {
        (false, None) if cert.is_none() && key.is_none() => None,
        (false, _) => return Err("`ca`, `cert` and `key` are for etcds://".to_owned()),
        (true, None) => {
            return Err("`ca=FILE` is missing: who signs the certificates of etcd?".to_owned());
        }
        (true, Some(ca)) => {
            let identity = both(cert, key, "cert", "key")?;
            let identity = identity.map(|(cert, key)| (cert.into(), key.into()));
            Some(EtcdTls { ca: ca.into(), identity })
        }
    };
    let login = both(user, password_file, "user", "password-file")?
        .map(|(user, file)| EtcdLogin { user: user.to_owned(), password_file: file.into() });
    Ok(EtcdLocation { endpoints, prefix: format!("/{path}/"), tls, login })
}

/// `host:port` of what is written, with etcd's port where none is.
fn endpoint(text: &str) -> Result<String, String> {
    let bad = |why: &str| Err(format!("the endpoint `{text}` {why}"));
    if let Some((_, host)) = text.rsplit_once('@') {
        return Err(format!(
            "before `@{host}` is what may be a password; a user is given as \
             `?user=NAME&password-file=FILE`"
        ));
    }
    let (host, port) = match text.rsplit_once(':') {
        // The colon may be one within an address of version 6.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    if host.is_empty() {
        return bad("has no host");
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return bad("has several colons: put an address of version 6 in brackets");
    }
    if host.contains(|c: char| c.is_whitespace() || "?#/\\".contains(c)) {
        return bad("has a character that no host has");
    }
    match port.map_or(Ok(ETCD_PORT), str::parse) {
        Ok(port) if port > 0 => Ok(format!("{host}:{port}")),
        _ => bad("has no port that is a number of 1 to 65535"),
    }
}

fn kubernetes(rest: &str, mut parameters: Parameters<'_>) -> Result<KubernetesLocation, String> {
    if !rest.trim_matches('/').is_empty() {
        return Err(format!(
            "`{rest}` is not expected: the server's address is taken from the kubeconfig file or, \
             in a pod, from its service account"
        ));
    }
    let namespaces = match parameters.take("namespace") {
        None => Vec::new(),
        Some(names) => names
            .split(',')
            .map(|name| Namespace::new(name).map_err(|why| format!("namespace `{name}` {why}")))
            .collect::<Result<Vec<_>, _>>()?,
    };
    if namespaces.len() > MAX_NAMESPACES {
        return Err(format!(
            "{} namespaces, at most {MAX_NAMESPACES}; without `namespace` all are read",
            namespaces.len()
        ));
    }
    let context = parameters.take("context").map(str::to_owned);
    let kubeconfig = parameters.take("kubeconfig").map(PathBuf::from);
    parameters.finish(&["namespace", "kubeconfig", "context"])?;
    Ok(KubernetesLocation { namespaces, kubeconfig, context })
}

/// Two parameters that go together.
fn both<'t>(
    a: Option<&'t str>,
    b: Option<&'t str>,
    a_name: &str,
    b_name: &str,
) -> Result<Option<(&'t str, &'t str)>, String> {
    match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(format!("`{a_name}` needs `{b_name}`")),
        (None, Some(_)) => Err(format!("`{b_name}` needs `{a_name}`")),
    }
}

/// `name=value` parted by `&`.
struct Parameters<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Parameters<'t> {
    fn new(text: &'t str) -> Result<Self, String> {
        let mut parameters: Vec<(&str, &str)> = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some((name, _)) if parameters.iter().any(|(known, _)| *known == name) => {
                    return Err(format!("the parameter `{name}` is there twice"));
                }
                Some((name, value)) if !value.is_empty() => parameters.push((name, value)),
                _ => return Err(format!("the parameter `{part}` has no value")),
            }
        }
        Ok(Self(parameters))
    }

    fn take(&mut self, name: &str) -> Option<&'t str> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn finish(self, known: &[&'static str]) -> Result<(), String> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(format!("unknown parameter `{name}`, {}", hint(name, known.iter().copied())))
            }
        }
    }
}
