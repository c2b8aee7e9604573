use std::collections::BTreeMap;

use crate::Text;

/// How an adapter in another process is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Host and port, as written; not empty.
    pub address: Text,
    /// The longest a call may take, in nanoseconds, more than 0; no limit of its own if not written.
    pub timeout_nanos: Option<u64>,
    /// How both sides prove who they are; a connection in the clear if not written.
    pub authentication: Option<Box<Authentication>>,
}

/// How the two ends of a [`Connection`] prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// The adapter has a certificate; Mixer may send a token.
    Tls(TlsAuthentication),
    /// Both have certificates.
    Mutual(MutualAuthentication),
}

/// TLS in which the adapter alone has a certificate. Paths are as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsAuthentication {
    /// A file with the certificates of those who may vouch for the adapter; the system's own if not
    /// written.
    pub ca_certificates: Option<Text>,
    /// Where the token comes from that is sent with each call.
    pub token: Option<TokenSource>,
    /// How the token is sent.
    pub token_header: TokenHeader,
    /// The name that the adapter's certificate must have, if it is not the host of the address.
    pub server_name: Option<Text>,
}

/// Where a token comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A file whose content it is.
    File(Text),
    /// A server of OAuth 2.
    OAuth(OAuth),
}

/// The client-credentials flow of OAuth 2 (RFC 6749 section 4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth {
    /// Who asks; not empty.
    pub client_id: Text,
    /// A file with the client's secret; not empty.
    pub client_secret: Text,
    /// Where tokens are asked for; not empty.
    pub token_url: Text,
    /// What the token is to allow.
    pub scopes: Vec<Text>,
    /// Further parameters of the request.
    pub endpoint_params: BTreeMap<String, Text>,
}

/// The header in which a token is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TokenHeader {
    /// `authorization: TOKEN`.
    #[default]
    Plain,
    /// `authorization: Bearer TOKEN`.
    Bearer,
    /// A header of this name, with the token alone.
    Custom(Text),
}

/// TLS in which both ends have certificates. Paths are as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MutualAuthentication {
    /// A file with Mixer's private key; not empty.
    pub private_key: Text,
    /// A file with Mixer's certificate; not empty.
    pub client_certificate: Text,
    /// A file with the certificates of those who may vouch for the adapter; the system's own if not
    /// written.
    pub ca_certificates: Option<Text>,
    /// The name that the adapter's certificate must have, if it is not the host of the address.
    pub server_name: Option<Text>,
}
