use std::sync::Arc;

use crate::nearest::nearest;
use crate::resource::referred_name;
use crate::{
    CompiledTemplate, ConfigSet, Kind, Namespace, Problem, Referred, Resource, ResourceKey,
    ResourceName, Spec, SpecRef,
};

impl ConfigSet {
    /// References that lead nowhere, each with its place: of bindings to their specifications, and of
    /// adapters to their templates. Those of rules are judged where rules are compiled.
    pub fn dangling_references(&self) -> Vec<Problem> {
        self.resources.values().flat_map(|resource| self.dangling(resource)).collect()
    }

    fn dangling(&self, resource: &Arc<Resource>) -> Vec<Problem> {
        match &resource.spec {
            Spec::QuotaSpecBinding(binding) => {
                self.dangling_specs(resource, &binding.quota_specs, Kind::QuotaSpec)
            }
            Spec::HttpApiSpecBinding(binding) => {
                self.dangling_specs(resource, &binding.api_specs, Kind::HttpApiSpec)
            }
            Spec::Adapter(adapter) => {
                let namespace = &resource.key.namespace;
                let templates = adapter.templates.iter().filter(|text| {
                    let name = referred_name(&text.value, Kind::Template);
                    name.and_then(CompiledTemplate::from_name).is_none()
                });
                let refused = templates.filter_map(|text| {
                    let refused = self.resolve(&text.value, namespace, Referred::Template).err()?;
                    Some(problem(resource, text.line, refused.to_string()))
                });
                refused.collect()
            }
            _ => Vec::new(),
        }
    }

    fn dangling_specs(&self, binding: &Resource, specs: &[SpecRef], kind: Kind) -> Vec<Problem> {
        let own = &binding.key.namespace;
        let dangling = |spec: &SpecRef| {
            let written = spec.namespace.as_ref().map(|text| Namespace::new(&text.value));
            // A text that is no name has its problem already where it was read.
            let namespace = written.unwrap_or_else(|| Ok(own.clone())).ok()?;
            let name = ResourceName::new(&spec.name.value, kind);
            let key = name.map(|name| ResourceKey { kind, namespace: namespace.clone(), name });
            if key.is_ok_and(|key| self.resources.contains_key(&key)) {
                return None;
            }
            let there = self.resources.keys().filter(|key| key.kind == kind);
            let near = nearest(&spec.name.value, there.clone().map(|key| key.name.as_str()));
            let hint = match there.clone().find(|key| Some(key.name.as_str()) == near) {
                Some(key) => format!("did you mean `{}` of `{}`?", key.name, key.namespace),
                None => "is it missing, or refused for a mistake?".to_owned(),
            };
            let message =
                format!("no {kind} `{}` in namespace `{namespace}`, {hint}", spec.name.value);
            Some(problem(binding, spec.name.line, message))
        };
        specs.iter().filter_map(dangling).collect()
    }
}

fn problem(resource: &Resource, line: u32, message: String) -> Problem {
    Problem { origin: resource.origin.at(line), object: Some(resource.key.clone()), message }
}

#[cfg(test)]
mod tests {
    use crate::{ConfigSet, parse};

    fn told(documents: &[&str]) -> Vec<String> {
        let text: String = documents
            .iter()
            .map(|text| format!("---\napiVersion: config.istio.io/v1alpha2\n{text}\n"))
            .collect();
        let parsed = parse("test.yaml", &text);
        assert_eq!(parsed.problems, []);
        let resources = parsed.resources.into_iter().map(|r| (r.key.clone(), r)).collect();
        let set = ConfigSet { resources, ..ConfigSet::default() };
        set.dangling_references().iter().map(ToString::to_string).collect()
    }

    const SPEC: &str = "kind: QuotaSpec
metadata: {name: request.count, namespace: quotas}
spec: {rules: [{quotas: [{quota: requestcount}]}]}";

    fn binding(specs: &str) -> String {
        format!(
            "kind: QuotaSpecBinding\nmetadata: {{name: b, namespace: default}}\nspec:\n  services: \
             [{{name: ratings}}]\n  quotaSpecs:\n{specs}"
        )
    }

    #[test]
    fn a_binding_leads_to_specifications_of_its_own_and_of_other_namespaces() {
        let good = binding("  - {name: request.count, namespace: quotas}");
        assert_eq!(told(&[SPEC, &good]), [""; 0]);
        let own = SPEC.replace("namespace: quotas", "namespace: default");
        assert_eq!(told(&[&own, &binding("  - name: request.count")]), [""; 0]);
    }

    #[test]
    fn a_binding_that_leads_nowhere_is_told_with_its_place() {
        let bad = binding("  - name: request.count\n  - name: Other");
        assert_eq!(
            told(&[SPEC, &bad]),
            [
                "test.yaml:13: QuotaSpecBinding b.default: no QuotaSpec `request.count` in namespace \
                 `default`, did you mean `request.count` of `quotas`?",
                "test.yaml:14: QuotaSpecBinding b.default: no QuotaSpec `Other` in namespace \
                 `default`, is it missing, or refused for a mistake?",
            ]
        );
        let api = "kind: HTTPAPISpecBinding
metadata: {name: b, namespace: default}
spec: {services: [{service: '*'}], apiSpecs: [{name: pets}]}";
        assert!(told(&[api])[0].contains("no HTTPAPISpec `pets` in namespace `default`"));
    }

    #[test]
    fn an_adapter_takes_templates_of_ours_and_declared_ones() {
        let adapter = "kind: adapter
metadata: {name: mine, namespace: istio-system}
spec:
  templates:
  - quota
  - keyval.template.istio-system
  - own
  - quotas";
        let own = "kind: template
metadata: {name: own, namespace: istio-system}
spec: {descriptor: CgA=}";
        let told = told(&[adapter, own]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("test.yaml:10: adapter mine.istio-system: no template `quotas`")
        );
    }
}
