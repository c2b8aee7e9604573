use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

/// A running process, seen from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    process: u32,
}

impl Usage {
    pub(crate) fn of(process: u32) -> Self {
        Self { process }
    }

    /// The processor time that its threads have taken, to the nanosecond. That of ended threads is not in
    /// it: servers keep theirs.
    ///
    /// # Errors
    /// When the process is gone, or this is no Linux.
    pub(crate) fn processor_time(self) -> Result<Duration> {
        let threads = self.file("task");
        let listed = fs::read_dir(&threads).with_context(|| format!("{}", threads.display()))?;
        let mut nanos = 0;
        for thread in listed {
            // A thread that ends meanwhile has no file any more.
            if let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) {
                let first = text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok());
                nanos += first.with_context(|| format!("`{text}` begins with no number"))?;
            }
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn resident(self) -> Result<u64> {
        testbed::resident_bytes(self.process)
    }

    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.process))
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn work_takes_processor_time_and_memory_is_resident() {
        let own = Usage::of(std::process::id());
        let before = own.processor_time().unwrap();
        while own.processor_time().unwrap() < before + Duration::from_millis(5) {
            black_box((0..10_000).sum::<u64>());
        }
        assert!(own.resident().unwrap() > 1 << 20);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(Usage::of(0).processor_time().is_err());
        assert!(Usage::of(0).resident().is_err());
    }
}
