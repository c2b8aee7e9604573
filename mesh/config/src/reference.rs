use std::sync::Arc;

use crate::nearest::nearest;
use crate::{ConfigSet, Kind, Namespace, Resource, ResourceKey, ResourceName};

/// What a reference is to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referred {
    /// A handler, in either spelling.
    Handler,
    /// An instance, in either spelling.
    Instance,
    /// An adapter of another process.
    Adapter,
    /// A template for adapters of other processes.
    Template,
}

impl Referred {
    const fn kind(self) -> Kind {
        match self {
            Self::Handler => Kind::Handler,
            Self::Instance => Kind::Instance,
            Self::Adapter => Kind::Adapter,
            Self::Template => Kind::Template,
        }
    }

    const fn accepts(self, kind: Kind) -> bool {
        match self {
            Self::Handler => kind.is_handler(),
            Self::Instance => kind.is_instance(),
            Self::Adapter => matches!(kind, Kind::Adapter),
            Self::Template => matches!(kind, Kind::Template),
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
        Referred::Handler | Referred::Template => "a",
        Referred::Instance | Referred::Adapter => "an",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn set(keys: &[&str]) -> ConfigSet {
        let mut set = ConfigSet::default();
        for key in keys {
            let [name, kind, namespace] = key.split('.').collect::<Vec<_>>()[..] else { panic!() };
            let spec = match kind {
                "handler" => "{compiledAdapter: denier}",
                "instance" => "{compiledTemplate: metric}",
                "rule" => "{actions: [{handler: h, instances: [i]}]}",
                _ => "{}",
            };
            let metadata = format!("{{name: {name}, namespace: {namespace}}}");
            let text = format!(
                "apiVersion: config.istio.io/v1alpha2\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}"
            );
            let parsed = parse("test.yaml", &text);
            assert_eq!(parsed.problems, [], "{text}");
            set.resources.extend(parsed.resources.into_iter().map(|r| (r.key.clone(), r)));
        }
        set
    }

    fn resolved(set: &ConfigSet, reference: &str, wanted: Referred) -> String {
        let namespace = Namespace::new("here").unwrap();
        match set.resolve(reference, &namespace, wanted) {
            Ok(resource) => resource.key.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn references_of_one_two_and_three_parts_are_followed() {
        let set = set(&[
            "deny.handler.here",
            "deny.handler.there",
            "deny.denier.here",
            "deny.denier.there",
            "m.instance.here",
            "m.metric.there",
        ]);
        let handler = |reference| resolved(&set, reference, Referred::Handler);
        assert_eq!(handler("deny"), "deny.handler.here");
        assert_eq!(handler("deny.handler"), "deny.handler.here");
        assert_eq!(handler("deny.denier"), "deny.denier.here");
        assert_eq!(handler("deny.there"), "deny.handler.there");
        assert_eq!(handler("deny.denier.there"), "deny.denier.there");
        assert_eq!(resolved(&set, "m", Referred::Instance), "m.instance.here");
        assert_eq!(resolved(&set, "m.metric.there", Referred::Instance), "m.metric.there");
    }

    #[test]
    fn a_second_part_is_a_kind_before_it_is_a_namespace() {
        let set = set(&["h.denier.here", "h.handler.denier"]);
        assert_eq!(resolved(&set, "h.denier", Referred::Handler), "h.denier.here");
        let set = self::set(&["h.handler.denier"]);
        assert_eq!(resolved(&set, "h.denier", Referred::Handler), "h.handler.denier");
    }

    #[test]
    fn what_a_reference_leads_to_must_be_of_the_kind_needed() {
        let set = set(&["x.instance.here", "r.rule.here", "h.handler.here"]);
        assert_eq!(
            resolved(&set, "x.instance", Referred::Handler),
            "error: `x.instance` names x.instance.here, a handler is needed here"
        );
        assert_eq!(
            resolved(&set, "h.handler.here", Referred::Instance),
            "error: `h.handler.here` names h.handler.here, an instance is needed here"
        );
        assert!(resolved(&set, "r.rule", Referred::Handler).starts_with("error: `r.rule` names"));
    }

    #[test]
    fn a_reference_to_nothing_is_told_with_the_nearest_name() {
        let set = set(&["denyall.handler.there", "denyall.instance.here"]);
        assert_eq!(
            resolved(&set, "denyal", Referred::Handler),
            "error: no handler `denyal`, did you mean `denyall.handler.there`?"
        );
        let unlike = "error: no handler `quota`: is it missing, in another namespace, or refused \
                      for a mistake?";
        assert_eq!(resolved(&set, "quota", Referred::Handler), unlike);
        for odd in ["", ".", "..", "a.b.c.d", "A_B", "é.handler.here"] {
            let told = resolved(&set, odd, Referred::Handler);
            assert!(told.starts_with("error: no handler"), "{odd}: {told}");
        }
    }
}
