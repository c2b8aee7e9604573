//! Configuration: the resources that operators write, read from YAML and followed as they change.
//!
//! For every process that is steered by `config.istio.io/v1alpha2` resources, and for the tool that
//! validates them. A [`ConfigSet`] is everything that was read, as plain data with the place in the
//! file of each part, together with all [`Problem`]s found. Expressions stay text here: what they
//! mean, and whether a handler's parameters suit its adapter, is judged by who runs them.

mod attribute_types;
mod catalog;
mod dangling;
mod error;
mod etcd;
mod folder;
mod key;
mod kubernetes;
mod merge;
mod nearest;
mod origin;
mod params;
mod parse;
mod plain;
mod read;
mod reference;
mod resource;
mod set;
mod settings;
mod source;
mod yaml;

pub use catalog::{CompiledAdapter, CompiledTemplate, FieldKind, FieldSchema, Variety};
pub use error::ConfigError;
pub use etcd::EtcdSource;
pub use folder::FolderSource;
pub use key::{Kind, NameError, Namespace, ResourceKey, ResourceName};
pub use kubernetes::{KubernetesSource, kubernetes_client};
pub use origin::{Origin, Problem, Text};
pub use params::Params;
pub use parse::{Parsed, parse};
pub use plain::{PlainDocument, PlainFiles, PlainState};
pub use read::{read_files, read_folder};
pub use reference::{Referred, UnresolvedReference};
pub use resource::{
    Action, Adapter, AdapterRef, ApiKeyPlace, ApiPath, ApiPattern, AttributeDeclaration,
    AttributeManifest, AttributeMatch, Authentication, Connection, FailPolicy, Handler,
    HeaderOperation, HeaderOperationKind, HttpApiSpec, HttpApiSpecBinding, Instance, Limit,
    LimitKind, LimitUnit, MutualAuthentication, OAuth, QuotaCharge, QuotaRule, QuotaSpec,
    QuotaSpecBinding, RandomSampling, RateLimitSampling, Resource, Rule, Sampling, ServiceRef,
    ServiceTarget, Spec, SpecRef, StringMatch, Template, TemplateRef, TlsAuthentication,
    TokenHeader, TokenSource,
};
pub use set::{ConfigSet, Revision};
pub use settings::{Setting, nearest_name, read_settings};
pub use source::{
    Backoff, EtcdLocation, EtcdLogin, EtcdTls, KubernetesLocation, Source, SourceFeed,
    SourceLocation, SourceStatus,
};
