//! Cases: what an adapter is to do, in YAML, and the host it is made to do it in.
//!
//! A case builds a handler with parameters and instances as Mixer does, makes calls one after the other,
//! and holds what came of it against what is expected. Nothing of the host is replaced: components are
//! compiled, limited and called by the crate that Mixer uses. `docs/adapters.md` describes the format.

mod answer;
mod call;
mod capture;
mod document;
mod instance;
mod mismatch;
mod odd;
mod prepared;
mod run;
mod server;
mod suite;
mod value;

pub(crate) use self::answer::Answer;
pub(crate) use self::call::Call;
pub(crate) use self::capture::Capture;
pub(crate) use self::instance::Instance;
pub(crate) use self::odd::Odd;
pub(crate) use self::prepared::Prepared;
pub(crate) use self::run::Runner;
pub(crate) use self::server::Servers;
pub(crate) use self::suite::Suite;
