use mesh_config::{ConfigSet, Kind, Problem, Spec};
use prometheus::IntGauge;

use super::name::Name;
use super::registrar::Registrar;

/// What the policy calls a mistake in a rule's match, and an action without its handler.
const MATCH: &str = "match: ";
const NO_HANDLER: &str = "no handler `";

/// What is configured and what is wrong with it, by kind.
#[derive(Debug, Clone)]
pub(crate) struct ConfigMetrics {
    attributes: IntGauge,
    handler_errors: IntGauge,
    instances: IntGauge,
    instance_errors: IntGauge,
    rule_errors: IntGauge,
    match_errors: IntGauge,
    unsatisfied: IntGauge,
    templates: IntGauge,
    template_errors: IntGauge,
    adapters: IntGauge,
    adapter_errors: IntGauge,
}

impl ConfigMetrics {
    pub(super) fn new(registrar: &Registrar<'_>) -> Self {
        Self {
            attributes: registrar.gauge(Name::ConfigAttributes),
            handler_errors: registrar.gauge(Name::ConfigHandlerErrors),
            instances: registrar.gauge(Name::ConfigInstances),
            instance_errors: registrar.gauge(Name::ConfigInstanceErrors),
            rule_errors: registrar.gauge(Name::ConfigRuleErrors),
            match_errors: registrar.gauge(Name::ConfigRuleMatchErrors),
            unsatisfied: registrar.gauge(Name::ConfigUnsatisfied),
            templates: registrar.gauge(Name::ConfigTemplates),
            template_errors: registrar.gauge(Name::ConfigTemplateErrors),
            adapters: registrar.gauge(Name::ConfigAdapters),
            adapter_errors: registrar.gauge(Name::ConfigAdapterErrors),
        }
    }

    /// Exports what is in `config`, and `problems`, all that is wrong with it.
    pub(crate) fn export(&self, config: &ConfigSet, problems: &[Problem]) {
        let clamp = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let resources = |of: &dyn Fn(Kind) -> bool| {
            clamp(config.resources.keys().filter(|key| of(key.kind)).count())
        };
        let errors = |of: &dyn Fn(Kind) -> bool, text: &str| {
            let matching = problems.iter().filter(|problem| {
                problem.object.as_ref().is_some_and(|object| of(object.kind))
                    && problem.message.starts_with(text)
            });
            clamp(matching.count())
        };
        let named = |name: &'static str| move |kind: Kind| kind.name() == name;
        let attributes = config.resources.values().map(|resource| match &resource.spec {
            Spec::AttributeManifest(manifest) => manifest.attributes.len(),
            _ => 0,
        });
        self.attributes.set(clamp(attributes.sum()));
        self.handler_errors.set(errors(&Kind::is_handler, ""));
        self.instances.set(resources(&Kind::is_instance));
        self.instance_errors.set(errors(&Kind::is_instance, ""));
        self.rule_errors.set(errors(&named("rule"), ""));
        self.match_errors.set(errors(&named("rule"), MATCH));
        self.unsatisfied.set(errors(&named("rule"), NO_HANDLER));
        self.templates.set(resources(&named("template")));
        self.template_errors.set(errors(&named("template"), ""));
        self.adapters.set(resources(&named("adapter")));
        self.adapter_errors.set(errors(&named("adapter"), ""));
    }
}
