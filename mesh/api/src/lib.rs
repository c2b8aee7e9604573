//! The protobuf messages of the mesh and, with the feature `grpc`, their clients and servers.
//!
//! Types, and the table of codes: what the fields mean is decided where they are used. The types are
//! generated at build time from `proto/`; never edited. Their modules are named as the protobuf packages
//! are.

/// Includes the generated code of one package as a module.
macro_rules! package {
    ($(#[$attribute:meta])* pub mod $name:ident = $package:literal;) => {
        $(#[$attribute])*
        pub mod $name {
            #![allow(
                missing_docs,
                unused_qualifications,
                clippy::all,
                clippy::allow_attributes_without_reason,
                reason = "generated code"
            )]
            include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
        }
    };
}

pub mod code;
#[cfg(feature = "envoy")]
pub mod envoy;
#[cfg(feature = "grpc")]
mod raw_codec;

#[cfg(feature = "grpc")]
pub use raw_codec::RawCodec;

package! {
    /// `etcdserverpb`: what reading and following a prefix of etcd needs.
    pub mod etcdserverpb = "etcdserverpb";
}

/// Packages of `google`.
pub mod google {
    package! {
        /// `google.rpc`: the status that answers carry.
        pub mod rpc = "google.rpc";
    }
}

/// Packages of `io`.
pub mod io {
    /// Packages of `io.prometheus`.
    pub mod prometheus {
        package! {
            /// `io.prometheus.client`: what Prometheus scrapes by protobuf.
            pub mod client = "io.prometheus.client";
        }
    }
}

/// Packages of `istio`.
pub mod istio {
    /// `istio.policy.v1beta1`: values for adapters of other processes.
    pub mod policy {
        package! {
            /// `istio.policy.v1beta1`.
            pub mod v1beta1 = "istio.policy.v1beta1";
        }
    }

    /// Packages of `istio.mixer`.
    pub mod mixer {
        /// Packages of `istio.mixer.adapter`.
        pub mod adapter {
            /// `istio.mixer.adapter.model.v1beta1`: what adapters of other processes answer with.
            pub mod model {
                package! {
                    /// `istio.mixer.adapter.model.v1beta1`.
                    pub mod v1beta1 = "istio.mixer.adapter.model.v1beta1";
                }
            }
        }

        package! {
            /// `istio.mixer.v1`: Check and Report, as Istio 1.4 proxies speak them.
            pub mod v1 = "istio.mixer.v1";
        }
    }
}

/// Packages of `mixmesh`.
pub mod mixmesh {
    package! {
        /// `mixmesh.v1`: the watch of policy generations.
        pub mod v1 = "mixmesh.v1";
    }
}

/// Packages of `xds`.
#[cfg(feature = "envoy")]
pub mod xds {
    /// Packages of `xds.core`.
    pub mod core {
        package! {
            /// `xds.core.v3`: parameters of a node.
            pub mod v3 = "xds.core.v3";
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
