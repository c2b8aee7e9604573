//! The protobuf messages of the mesh and, with the feature `grpc`, their clients and servers.
//!
//! Types, and the table of codes: what the fields mean is decided where they are used. The types are
//! generated at build time from `proto/`; never edited. Their modules are named as the protobuf packages
//! are.

pub mod code;
#[cfg(feature = "envoy")]
pub mod envoy;
#[cfg(feature = "grpc")]
mod raw_codec;

#[cfg(feature = "grpc")]
pub use raw_codec::RawCodec;

/// `etcdserverpb`: what reading and following a prefix of etcd needs.
pub mod etcdserverpb {
    #![allow(
        missing_docs,
        unused_qualifications,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    include!(concat!(env!("OUT_DIR"), "/etcdserverpb.rs"));
}

/// Packages of `google`.
pub mod google {
    /// `google.rpc`: the status that answers carry.
    pub mod rpc {
        #![allow(
            missing_docs,
            unused_qualifications,
            clippy::all,
            clippy::allow_attributes_without_reason,
            reason = "generated code"
        )]
        include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
    }
}

/// Packages of `io`.
pub mod io {
    /// Packages of `io.prometheus`.
    pub mod prometheus {
        /// `io.prometheus.client`: what Prometheus scrapes by protobuf.
        pub mod client {
            #![allow(
                missing_docs,
                unused_qualifications,
                clippy::all,
                clippy::allow_attributes_without_reason,
                reason = "generated code"
            )]
            include!(concat!(env!("OUT_DIR"), "/io.prometheus.client.rs"));
        }
    }
}

/// Packages of `istio`.
pub mod istio {
    /// `istio.policy.v1beta1`: values for adapters of other processes.
    pub mod policy {
        /// `istio.policy.v1beta1`.
        pub mod v1beta1 {
            #![allow(
                missing_docs,
                unused_qualifications,
                clippy::all,
                clippy::allow_attributes_without_reason,
                reason = "generated code"
            )]
            include!(concat!(env!("OUT_DIR"), "/istio.policy.v1beta1.rs"));
        }
    }

    /// Packages of `istio.mixer`.
    pub mod mixer {
        /// Packages of `istio.mixer.adapter`.
        pub mod adapter {
            /// `istio.mixer.adapter.model.v1beta1`: what adapters of other processes answer with.
            pub mod model {
                /// `istio.mixer.adapter.model.v1beta1`.
                pub mod v1beta1 {
                    #![allow(
                        missing_docs,
                        unused_qualifications,
                        clippy::all,
                        clippy::allow_attributes_without_reason,
                        reason = "generated code"
                    )]
                    include!(concat!(env!("OUT_DIR"), "/istio.mixer.adapter.model.v1beta1.rs"));
                }
            }
        }

        /// `istio.mixer.v1`: Check and Report, as Istio 1.4 proxies speak them.
        pub mod v1 {
            #![allow(
                missing_docs,
                unused_qualifications,
                clippy::all,
                clippy::allow_attributes_without_reason,
                reason = "generated code"
            )]
            include!(concat!(env!("OUT_DIR"), "/istio.mixer.v1.rs"));
        }
    }
}

/// Packages of `mixmesh`.
pub mod mixmesh {
    /// `mixmesh.v1`: the watch of policy generations.
    pub mod v1 {
        #![allow(
            missing_docs,
            unused_qualifications,
            clippy::all,
            clippy::allow_attributes_without_reason,
            reason = "generated code"
        )]
        include!(concat!(env!("OUT_DIR"), "/mixmesh.v1.rs"));
    }
}

/// Packages of `xds`.
#[cfg(feature = "envoy")]
pub mod xds {
    /// Packages of `xds.core`.
    pub mod core {
        /// `xds.core.v3`: parameters of a node.
        pub mod v3 {
            #![allow(
                missing_docs,
                unused_qualifications,
                clippy::all,
                clippy::allow_attributes_without_reason,
                reason = "generated code"
            )]
            include!(concat!(env!("OUT_DIR"), "/xds.core.v3.rs"));
        }
    }
}

/// A `google.protobuf.FileDescriptorSet` of everything here: what gRPC reflection tells.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// A `google.protobuf.FileDescriptorSet` of Istio 1.4's templates, as adapters of other processes know
/// them.
pub const TEMPLATES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/templates.bin"));

pub use etcdserverpb as etcd;
pub use google::rpc;
pub use istio::mixer;
pub use istio::mixer::adapter::model::v1beta1 as adapter_model;
pub use istio::policy::v1beta1 as policy;
pub use mixmesh as watch;
