use std::time::Duration;

/// A process that does not answer within this time is not well.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a process is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It says so.
    #[error("{url}: {status}: {said}")]
    Unwell {
        /// What was asked.
        url: String,
        /// The status of its answer.
        status: u16,
        /// What it says is missing.
        said: String,
    },
    /// It does not answer.
    #[error("{url} does not answer: is the process running, and is this its HTTP port?")]
    Silent {
        /// What was asked.
        url: String,
        /// What happened.
        #[source]
        source: Box<ureq::Error>,
    },
}

/// Asks the process whose admin port is at `address` for `path`, such as `/readyz`. Blocks for two seconds
/// at most.
///
/// # Errors
/// When it does not answer, or answers anything else than 200.
pub fn probe(address: &str, path: &str) -> Result<(), ProbeError> {
    let url = format!("http://{address}{path}");
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .new_agent();
    match agent.get(&url).call() {
        Ok(answer) if answer.status() == 200 => Ok(()),
        Ok(mut answer) => {
            let said = answer.body_mut().with_config().limit(4096).read_to_string();
            let said = said.unwrap_or_default().trim().to_owned();
            Err(ProbeError::Unwell { url, status: answer.status().as_u16(), said })
        }
        Err(source) => Err(ProbeError::Silent { url, source: Box::new(source) }),
    }
}
