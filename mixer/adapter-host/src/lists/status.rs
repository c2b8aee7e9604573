use serde::Serialize;

/// A document that a handler's adapter reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListStatus {
    /// The parameter that holds the URL: the document's name.
    pub list: String,
    /// The URL without user, password and query.
    pub url: String,
    /// The version that adapters see now; none: there is no document.
    pub version: Option<u64>,
    /// Its bytes.
    pub bytes: u64,
    /// The time since a fetch has shown that it is the newest.
    pub age_ms: Option<u64>,
    /// The fetches so far.
    pub fetches: Fetches,
    /// Why the last fetch that failed did.
    pub last_error: Option<String>,
    /// Whether the last fetch failed.
    pub is_away: bool,
}

/// Fetches by what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Fetches {
    /// There was a new version.
    pub updated: u64,
    /// There was none.
    pub unchanged: u64,
    /// The document was larger than it may be.
    pub too_large: u64,
    /// No document was had.
    pub failed: u64,
}

impl Fetches {
    /// Each outcome as a metric's label, with its fetches.
    pub fn by_outcome(&self) -> [(&'static str, u64); 4] {
        [
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("too_large", self.too_large),
            ("failed", self.failed),
        ]
    }
}
