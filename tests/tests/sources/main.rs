//! Sources of configuration against the real stores.

#[path = "../following/mod.rs"]
mod following;

mod away;
mod bounds;
mod changes;
mod secure;
mod store;

/// Ends the test, noted as not run, when a part is missing on this machine.
macro_rules! require_part {
    ($part:ident) => {
        if !testbed::Part::$part.or_note_missing() {
            return Ok(());
        }
    };
}
use require_part;
