use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a process still waits for before it can serve. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, bool>>>);

/// One thing that must be there before the process is ready.
#[derive(Debug, Clone)]
pub struct Gate {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// A process that waits for nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds something to wait for, closed at first.
    pub fn gate(&self, name: &'static str) -> Gate {
        let gate = Gate { name, readiness: self.clone() };
        gate.set(false);
        gate
    }

    /// The names of what is missing; empty when the process is ready.
    pub fn missing(&self) -> Vec<&'static str> {
        let gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates.iter().filter(|(_, open)| !**open).map(|(name, _)| *name).collect()
    }
}

impl Gate {
    /// Says that what the gate stands for is there.
    pub fn open(&self) {
        self.set(true);
    }

    /// Says that what the gate stands for is gone.
    pub fn close(&self) {
        self.set(false);
    }

    fn set(&self, open: bool) {
        let mut gates = self.readiness.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates.insert(self.name, open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_missing_until_every_gate_is_open() {
        let readiness = Readiness::new();
        let (config, grpc) = (readiness.gate("configuration"), readiness.gate("grpc"));
        assert_eq!(readiness.missing(), ["configuration", "grpc"]);
        config.open();
        grpc.open();
        assert!(readiness.missing().is_empty());
        config.close();
        assert_eq!(readiness.missing(), ["configuration"]);
    }
}
