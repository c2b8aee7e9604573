use std::collections::BTreeMap;

use crate::Text;

/// A service that a binding names: by its name and where it is found, or by its full host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRef {
    /// Which service.
    pub target: ServiceTarget,
    /// Labels that its workloads must have.
    pub labels: BTreeMap<String, Text>,
}

/// How a [`ServiceRef`] says which service it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceTarget {
    /// The short name, such as `ratings`.
    Name {
        /// A label of RFC 1123.
        name: Text,
        /// Its namespace; the binding's own if not written.
        namespace: Option<Text>,
        /// The domain of the mesh, `svc.cluster.local` if not written.
        domain: Option<Text>,
    },
    /// The host name, such as `ratings.default.svc.cluster.local`; `*` means all services.
    Host(Text),
}

/// A specification that a binding names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecRef {
    /// Its name; not empty.
    pub name: Text,
    /// Its namespace; the binding's own if not written.
    pub namespace: Option<Text>,
}
