use std::sync::Arc;

use crate::nearest::nearest;
use crate::{ConfigSet, Kind, Namespace, Resource, ResourceKey, ResourceName};

/// What a reference in a rule's action is to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referred {
    /// A handler, in either spelling.
    Handler,
    /// An instance, in either spelling.
    Instance,
}

impl Referred {
    const fn kind(self) -> Kind {
        match self {
            Self::Handler => Kind::Handler,
            Self::Instance => Kind::Instance,
        }
    }

    const fn accepts(self, kind: Kind) -> bool {
        match self {
            Self::Handler => kind.is_handler(),
            Self::Instance => kind.is_instance(),
        }
    }
}

/// Why a reference leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnresolvedReference {
    /// It names something else than what is needed there.
    #[error("`{reference}` names {found}, {} {} is needed here", article(wanted), wanted.kind())]
    WrongKind {
        /// The reference as written.
        reference: String,
        /// What it names.
        found: ResourceKey,
        /// What is needed.
        wanted: Referred,
    },
    /// No such resource is in force.
    #[error("no {} `{reference}`{}", wanted.kind(), suggestion(nearest.as_ref()))]
    NotFound {
        /// The reference as written.
        reference: String,
        /// What is needed.
        wanted: Referred,
        /// The resource that may have been meant.
        nearest: Option<ResourceKey>,
    },
}

fn article(wanted: &Referred) -> &'static str {
    match wanted {
        Referred::Handler => "a",
        Referred::Instance => "an",
    }
}

fn suggestion(nearest: Option<&ResourceKey>) -> String {
    match nearest {
        Some(key) => format!(", did you mean `{key}`?"),
        None => ": is it missing, in another namespace, or refused for a mistake?".to_owned(),
    }
}

impl ConfigSet {
    /// The resource that `reference` in a resource of `namespace` leads to.
    ///
    /// A reference is `name` in the same namespace, `name.kind` there, `name.namespace` of the kind
    /// that is `wanted`, or `name.kind.namespace`. With two parts the first reading that leads to a
    /// resource counts, in that order.
    pub fn resolve(
        &self,
        reference: &str,
        namespace: &Namespace,
        wanted: Referred,
    ) -> Result<&Arc<Resource>, UnresolvedReference> {
        let parts: Vec<&str> = reference.split('.').collect();
        let readings = match *parts.as_slice() {
            [name] => vec![(name, wanted.kind().name(), namespace.as_str())],
            [name, second] => {
                vec![(name, second, namespace.as_str()), (name, wanted.kind().name(), second)]
            }
            [name, kind, namespace] => vec![(name, kind, namespace)],
            _ => Vec::new(),
        };
        let mut wrong = None;
        for (name, kind, namespace) in readings {
            let Some(resource) = self.find(name, kind, namespace) else { continue };
            if wanted.accepts(resource.key.kind) {
                return Ok(resource);
            }
            wrong = wrong.or(Some(resource.key.clone()));
        }
        let reference = reference.to_owned();
        Err(match wrong {
            Some(found) => UnresolvedReference::WrongKind { reference, found, wanted },
            None => {
                let nearest = self.nearest_key(&parts, wanted);
                UnresolvedReference::NotFound { reference, wanted, nearest }
            }
        })
    }

    fn find(&self, name: &str, kind: &str, namespace: &str) -> Option<&Arc<Resource>> {
        let kind = Kind::from_name(kind)?;
        let name = ResourceName::new(name, kind).ok()?;
        let namespace = Namespace::new(namespace).ok()?;
        self.resources.get(&ResourceKey { kind, namespace, name })
    }

    fn nearest_key(&self, parts: &[&str], wanted: Referred) -> Option<ResourceKey> {
        let meant = parts.first()?;
        let candidates = || self.resources.keys().filter(|key| wanted.accepts(key.kind));
        let name = nearest(meant, candidates().map(|key| key.name.as_str()))?;
        candidates().find(|key| key.name.as_str() == name).cloned()
    }
}
