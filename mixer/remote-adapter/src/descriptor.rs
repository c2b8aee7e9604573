//! What must be known of a descriptor before its files are linked: options that need not be declared.

use prost::Message;

/// A `FileDescriptorSet` as far as it is read here. Compilers of other languages leave the declaration of
/// Istio's options out, and then they are unknown fields to everybody else.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RawSet {
    #[prost(message, repeated, tag = "1")]
    pub(crate) files: Vec<RawFile>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RawFile {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "8")]
    pub(crate) options: Option<RawOptions>,
}

/// Istio's options of a file that describes a template.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RawOptions {
    #[prost(int32, optional, tag = "72295727")]
    pub(crate) variety: Option<i32>,
    #[prost(string, optional, tag = "72295888")]
    pub(crate) name: Option<String>,
}
