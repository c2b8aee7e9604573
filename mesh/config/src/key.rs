use std::fmt;
use std::sync::Arc;

use crate::{CompiledAdapter, CompiledTemplate};

/// Bounds of Kubernetes: a label of RFC 1123, and a subdomain of several.
const MAX_LABEL: usize = 63;
const MAX_SUBDOMAIN: usize = 253;

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `attributemanifest`: names and types of attributes.
    AttributeManifest,
    /// `handler`: an adapter with its parameters.
    Handler,
    /// `instance`: how a template's fields are made from attributes.
    Instance,
    /// `rule`: when which instances go to which handlers.
    Rule,
    /// `adapter`: an adapter that runs in a process of its own.
    Adapter,
    /// `template`: what adapters of other processes take.
    Template,
    /// `QuotaSpec`: which quotas requests use up.
    QuotaSpec,
    /// `QuotaSpecBinding`: to which services quota specifications apply.
    QuotaSpecBinding,
    /// `HTTPAPISpec`: the operations of an HTTP API.
    HttpApiSpec,
    /// `HTTPAPISpecBinding`: to which services API specifications apply.
    HttpApiSpecBinding,
    /// A handler in the older spelling, where the adapter's name is the kind: `denier`.
    TypedHandler(CompiledAdapter),
    /// An instance in the older spelling, where the template's name is the kind: `metric`.
    TypedInstance(CompiledTemplate),
}

impl Kind {
    const UNTYPED: [Self; 10] = [
        Self::AttributeManifest,
        Self::Handler,
        Self::Instance,
        Self::Rule,
        Self::Adapter,
        Self::Template,
        Self::QuotaSpec,
        Self::QuotaSpecBinding,
        Self::HttpApiSpec,
        Self::HttpApiSpecBinding,
    ];

    /// Every kind that is read, in the order in which they are listed to users.
    pub fn all() -> impl Iterator<Item = Self> {
        let adapters = CompiledAdapter::ALL.into_iter().filter(|adapter| adapter.is_kind());
        let templates = CompiledTemplate::ALL.into_iter().filter(|template| template.is_kind());
        Self::UNTYPED
            .into_iter()
            .chain(adapters.map(Self::TypedHandler))
            .chain(templates.map(Self::TypedInstance))
    }

    /// The kind as it is written in a resource.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AttributeManifest => "attributemanifest",
            Self::Handler => "handler",
            Self::Instance => "instance",
            Self::Rule => "rule",
            Self::Adapter => "adapter",
            Self::Template => "template",
            Self::QuotaSpec => "QuotaSpec",
            Self::QuotaSpecBinding => "QuotaSpecBinding",
            Self::HttpApiSpec => "HTTPAPISpec",
            Self::HttpApiSpecBinding => "HTTPAPISpecBinding",
            Self::TypedHandler(adapter) => adapter.name(),
            Self::TypedInstance(template) => template.name(),
        }
    }

    /// The kind with this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }

    /// Whether a rule's action can name it as its handler.
    pub const fn is_handler(self) -> bool {
        matches!(self, Self::Handler | Self::TypedHandler(_))
    }

    /// Whether references to it part name, kind and namespace by dots.
    const fn has_dotted_references(self) -> bool {
        self.is_handler() || self.is_instance() || matches!(self, Self::Adapter | Self::Template)
    }

    /// Whether a rule's action can name it as an instance.
    pub const fn is_instance(self) -> bool {
        matches!(self, Self::Instance | Self::TypedInstance(_))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text cannot name a namespace or a resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No text at all.
    #[error("is empty")]
    Empty,
    /// Longer than Kubernetes allows.
    #[error("has {length} characters, at most {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A character that is not allowed, or not at that place.
    #[error(
        "may have lower-case letters, digits and `-` only, beginning and ending with a letter or digit"
    )]
    BadCharacter,
    /// A dot, which references use to part name, kind and namespace.
    #[error("must not have dots: references use them to part name, kind and namespace")]
    Dotted,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// The namespace of a resource: a label of RFC 1123, such as `istio-system`. Cheap to clone.
    Namespace
}

name_type! {
    /// The name of a resource within its kind and namespace. Cheap to clone.
    ResourceName
}

impl Namespace {
    /// The namespace `text`, if it is a label of RFC 1123 of at most 63 characters.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_length(text, MAX_LABEL)?;
        check_label(text)?;
        Ok(Self(text.into()))
    }
}

impl ResourceName {
    /// The name `text`, if a resource of `kind` may have it: at most 253 lower-case letters, digits
    /// and `-`; dots too where no reference can name the kind.
    pub fn new(text: &str, kind: Kind) -> Result<Self, NameError> {
        check_length(text, MAX_SUBDOMAIN)?;
        text.split('.').try_for_each(check_label)?;
        if kind.has_dotted_references() && text.contains('.') {
            return Err(NameError::Dotted);
        }
        Ok(Self(text.into()))
    }
}

fn check_length(text: &str, limit: usize) -> Result<(), NameError> {
    match text.len() {
        0 => Err(NameError::Empty),
        length if length > limit => Err(NameError::TooLong { length, limit }),
        _ => Ok(()),
    }
}

fn check_label(text: &str) -> Result<(), NameError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good = !text.is_empty()
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if good { Ok(()) } else { Err(NameError::BadCharacter) }
}

/// What makes a resource unique. Displayed as `name.kind.namespace`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// What it is.
    pub kind: Kind,
    /// Where it belongs.
    pub namespace: Namespace,
    /// Its name there.
    pub name: ResourceName,
}

impl ResourceKey {
    /// The name under which a handler speaks, such as at the beginning of a denial's message:
    /// `name.namespace`, or `name.kind.namespace` in the older spelling.
    pub fn handler_label(&self) -> String {
        match self.kind {
            Kind::Handler => format!("{}.{}", self.name, self.namespace),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.name, self.kind, self.namespace)
    }
}
