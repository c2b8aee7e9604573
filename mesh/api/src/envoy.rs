//! Packages of `envoy`: the definitions of Envoy's API that Mixer's front ends need, whole files with
//! their comments left out.

/// Includes the generated code of one package as a module `v3`.
macro_rules! v3 {
    ($package:literal) => {
        package! {
            #[doc = concat!("`", $package, "`.")]
            pub mod v3 = $package;
        }
    };
}

/// What Envoy is configured with.
pub mod config {
    /// Addresses, nodes, headers, metadata.
    pub mod core {
        v3!("envoy.config.core.v3");
    }
}

/// What Envoy tells.
pub mod data {
    /// Entries of access logs.
    pub mod accesslog {
        v3!("envoy.data.accesslog.v3");
    }
}

/// What extensions share.
pub mod extensions {
    /// Parts of several extensions.
    pub mod common {
        /// Descriptors of rate limits.
        pub mod ratelimit {
            v3!("envoy.extensions.common.ratelimit.v3");
        }
    }
}

/// Services that Envoy calls.
pub mod service {
    /// The access log service.
    pub mod accesslog {
        v3!("envoy.service.accesslog.v3");
    }
    /// External authorization.
    pub mod auth {
        v3!("envoy.service.auth.v3");
    }
    /// The rate limit service.
    pub mod ratelimit {
        v3!("envoy.service.ratelimit.v3");
    }
}

/// Small types.
pub mod r#type {
    v3!("envoy.r#type.v3");
}
