//! Adapters that misbehave: one traps, one never returns.
