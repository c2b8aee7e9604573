use crate::Text;

/// An adapter that runs in a process of its own (`kind: adapter`), as it was declared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adapter {
    /// What it is, for people.
    pub description: Option<Text>,
    /// References to the templates that it takes instances of, as written.
    pub templates: Vec<Text>,
    /// A `google.protobuf.FileDescriptorSet` in protobuf's encoding that describes its parameters; it
    /// is not looked into here. Empty if it has none.
    pub config: Vec<u8>,
    /// Whether its parameters are sent once for a session rather than with each call.
    pub session_based: bool,
}

/// A template that adapters of other processes take (`kind: template`), as it was declared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    /// A `google.protobuf.FileDescriptorSet` in protobuf's encoding that describes its fields; it is
    /// not looked into here. Never empty.
    pub descriptor: Vec<u8>,
}
