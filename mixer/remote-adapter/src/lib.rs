//! Adapters that run in processes of their own and speak Istio 1.4's gRPC protocol.
//!
//! For Mixer, which knows rules and expressions. This crate reads the descriptors with which such
//! adapters and their templates are declared, makes messages of instances by them, and calls the
//! adapters within the limits that hold for components. It decides neither what an instance's values
//! are nor what a failed call means.

mod adapter;
mod answer;
mod call;
mod connection;
mod descriptor;
mod encode;
mod error;
mod field;
mod handler;
mod layout;
mod output;
mod params;
mod report;
mod session;
mod template;
mod tls;
mod token;

pub use self::adapter::RemoteAdapter;
pub use self::error::{AdapterError, FieldMistake, TemplateError};
pub use self::field::Expected;
pub use self::handler::{InstanceShape, RemoteHandler, RemoteSpec};
pub use self::report::ReportRow;
pub use self::template::RemoteTemplate;
