use std::time::Duration;

use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::SpiffeId;

/// What a certificate says that somebody here wants to know.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// When it expires, since 1970.
    pub(crate) not_after: Duration,
    /// The workload it is for: its one URI, if that is a SPIFFE id.
    pub(crate) identity: Option<SpiffeId>,
}

impl Facts {
    /// Reads a certificate.
    ///
    /// # Errors
    /// The text of what is wrong with it.
    pub(crate) fn read(der: &[u8]) -> Result<Self, String> {
        let certificate = Certificate::from_der(der).map_err(|cause| cause.to_string())?;
        let body = &certificate.tbs_certificate;
        let names = body.get::<SubjectAltName>().map_err(|cause| cause.to_string())?;
        let mut uris = names.iter().flat_map(|(_, names)| &names.0).filter_map(|name| match name {
            GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str()),
            _ => None,
        });
        // More than one URI is no SPIFFE certificate: nobody could say who it is.
        let identity = match (uris.next(), uris.next()) {
            (Some(uri), None) => uri.parse().ok(),
            _ => None,
        };
        Ok(Self { not_after: body.validity.not_after.to_unix_duration(), identity })
    }
}

impl SpiffeId {
    /// The workload that a certificate is for, if it is for one. Says nothing about who signed it.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        Facts::read(der).ok()?.identity
    }
}
