use std::path::PathBuf;

use mesh_config::{ConfigError, Problem};

/// Pods cannot be learned of.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A file has mistakes.
    #[error("pods in {}: {}", path.display(), list(problems))]
    ReadFiles {
        /// The file or folder.
        path: PathBuf,
        /// All that is wrong.
        problems: Vec<Problem>,
    },

    /// Nothing tells who and where the API server is.
    #[error("pods of Kubernetes cannot be followed")]
    Kubernetes(#[source] ConfigError),
}

fn list(problems: &[Problem]) -> String {
    /// More than these help nobody.
    const SHOWN: usize = 20;
    let mut shown: Vec<_> = problems.iter().take(SHOWN).map(ToString::to_string).collect();
    if problems.len() > SHOWN {
        shown.push(format!("and {} more", problems.len() - SHOWN));
    }
    shown.join("; ")
}
