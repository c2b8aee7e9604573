use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// Metrics of served TLS. The helps say what they count.
#[derive(Debug, Clone)]
pub struct TlsMetrics {
    pub(crate) expiry: IntGauge,
    pub(crate) reloads: IntCounterVec,
    pub(crate) handshakes: IntCounterVec,
}

impl TlsMetrics {
    /// All of them in `registry`, their names beginning with `process` and `_tls_`.
    ///
    /// # Errors
    /// When the registry has them already, or `process` is no beginning of a name.
    pub fn register(registry: &Registry, process: &str) -> Result<Self, prometheus::Error> {
        let name = |rest: &str| format!("{process}_tls_{rest}");
        let expiry = IntGauge::new(
            name("certificate_expiry_seconds"),
            "When the certificate that is shown to clients expires, in seconds since 1970.",
        )?;
        let reloads = IntCounterVec::new(
            Opts::new(
                name("reloads_total"),
                "Changes of the files of TLS, by whether they were taken; what is refused leaves the last good ones in use.",
            ),
            &["result"],
        )?;
        let handshakes = IntCounterVec::new(
            Opts::new(name("handshakes_total"), "TLS handshakes, by result."),
            &["result"],
        )?;
        registry.register(Box::new(expiry.clone()))?;
        registry.register(Box::new(reloads.clone()))?;
        registry.register(Box::new(handshakes.clone()))?;
        Ok(Self { expiry, reloads, handshakes })
    }
}
