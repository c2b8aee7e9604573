use std::collections::BTreeMap;
use std::time::Duration;

use adapter_sdk::Problems;
use adapter_sdk::parameters::Interval;
use schemars::JsonSchema;
use serde::Deserialize;

/// As in Istio's adapter.
const CACHE_DURATION: Duration = Duration::from_secs(60);

/// Claims that are lists as a rule.
const LIST_CLAIMS: [&str; 3] = ["aud", "groups", "roles"];

/// What a handler of this adapter is configured with.
///
/// In all patterns `*` alone fits everything, `reviews.*` what begins so, `*.local` what ends so, and a text
/// without `*` itself alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// What may be done: the `spec` of Istio's ServiceRoles, with name and namespace.
    pub(crate) roles: Vec<Role>,
    /// Who may do it: the `spec` of Istio's ServiceRoleBindings, with name and namespace.
    pub(crate) bindings: Vec<Binding>,
    /// PERMISSIVE lets all requests pass, and logs and counts those that ENFORCED would have denied.
    /// ENFORCED by default.
    pub(crate) mode: Mode,
    /// Claims of a token that are lists: a pattern for one of them is held against each element. Other
    /// claims are taken as they are, commas and all. `aud`, `groups` and `roles` by default.
    pub(crate) list_claims: Vec<String>,
    /// How long a sidecar may use an answer again for equal requests. 60s by default.
    pub(crate) cache_duration: Interval,
    /// Refused: roles and bindings stand in `roles` and `bindings`.
    config_store_url: String,
}

/// What may be done.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Role {
    /// How bindings call it; unique in its namespace.
    pub(crate) name: String,
    /// The namespace whose services it is about. Empty: those of all namespaces.
    pub(crate) namespace: String,
    /// What may be done: what one of these says.
    pub(crate) rules: Vec<Rule>,
}

/// Something that may be done: all of what is set must fit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Rule {
    /// Patterns of services; one is needed.
    pub(crate) services: Vec<String>,
    /// Patterns of methods. None: all methods.
    pub(crate) methods: Vec<String>,
    /// Patterns of paths. None: all paths.
    pub(crate) paths: Vec<String>,
    /// What properties of the action must be.
    pub(crate) constraints: Vec<Constraint>,
}

/// What a property of the action must be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Constraint {
    /// Its name; of an element of a map, `labels[version]`.
    pub(crate) key: String,
    /// Patterns, one of which must fit. A property that the request does not have fits none.
    pub(crate) values: Vec<String>,
}

/// Who may, or must not, do what a role says.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Binding {
    /// What log messages call it. The role's name by default.
    pub(crate) name: String,
    /// The namespace of the role. Empty: a role of all namespaces.
    pub(crate) namespace: String,
    /// The role's name.
    pub(crate) role: String,
    /// The role's name as Istio writes it, in place of `role`.
    role_ref: RoleRef,
    /// Who: whom one of these describes.
    pub(crate) subjects: Vec<Subject>,
    /// DENY forbids what the role says, whatever other bindings allow. ALLOW by default.
    pub(crate) action: Action,
    /// PERMISSIVE: what this binding would change is logged and counted, and not done. ENFORCED by default.
    pub(crate) mode: Mode,
}

/// The role of a binding.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct RoleRef {
    /// `ServiceRole`.
    kind: String,
    /// Its name.
    name: String,
}

/// Somebody: all of what is set must fit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Subject {
    /// A pattern of the user. `*` is everybody, known or not.
    pub(crate) user: String,
    /// As `groups` with one element.
    group: String,
    /// Patterns of groups; a group of the subject must fit one of them.
    pub(crate) groups: Vec<String>,
    /// Patterns of the subject's properties by name; of an element of a map, `claims[email]`. A property
    /// that the request does not have fits none.
    pub(crate) properties: BTreeMap<String, String>,
}

/// What comes of a binding that fits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Action {
    #[default]
    Allow,
    Deny,
}

/// Whether a decision is carried out. The order is that of the numbers in Istio's API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Mode {
    #[default]
    Enforced,
    Permissive,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            roles: Vec::new(),
            bindings: Vec::new(),
            mode: Mode::default(),
            list_claims: LIST_CLAIMS.map(str::to_owned).to_vec(),
            cache_duration: Interval(CACHE_DURATION),
            config_store_url: String::new(),
        }
    }
}

impl Parameters {
    /// Tells what is wrong with single fields, and puts those that Istio spells otherwise in their place.
    pub(crate) fn normalize(&mut self, problems: &mut Problems) {
        if !self.config_store_url.is_empty() {
            let message = "roles and bindings are not fetched: write the specs of the ServiceRoles \
                           into roles and those of the ServiceRoleBindings into bindings";
            problems.add("config_store_url", message);
        }
        for (index, role) in self.roles.iter().enumerate() {
            role.check(&format!("roles[{index}]"), problems);
        }
        for (index, binding) in self.bindings.iter_mut().enumerate() {
            binding.normalize(&format!("bindings[{index}]"), problems);
        }
    }
}

impl Role {
    fn check(&self, path: &str, problems: &mut Problems) {
        if self.name.is_empty() {
            problems.add(format!("{path}.name"), "is missing");
        }
        if self.rules.is_empty() {
            problems.add(format!("{path}.rules"), "a role without rules is about nothing");
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let path = format!("{path}.rules[{index}]");
            if rule.services.is_empty() {
                problems.add(format!("{path}.services"), "is missing; \"*\" is all services");
            }
            for (index, constraint) in rule.constraints.iter().enumerate() {
                let path = format!("{path}.constraints[{index}]");
                if constraint.key.is_empty() {
                    problems.add(format!("{path}.key"), "is missing");
                }
                if constraint.values.is_empty() {
                    problems.add(format!("{path}.values"), "is missing, so nothing would fit");
                }
            }
        }
    }
}

impl Binding {
    fn normalize(&mut self, path: &str, problems: &mut Problems) {
        let RoleRef { kind, name } = std::mem::take(&mut self.role_ref);
        if !matches!(kind.as_str(), "" | "ServiceRole") {
            problems.add(format!("{path}.role_ref.kind"), format!("is ServiceRole, not {kind:?}"));
        }
        match (self.role.is_empty(), name.is_empty()) {
            (true, true) => problems.add(format!("{path}.role"), "is missing"),
            (true, false) => self.role = name,
            (false, true) => {}
            (false, false) => {
                problems.add(format!("{path}.role_ref"), "says again what role says, leave it out");
            }
        }
        if self.name.is_empty() {
            self.name.clone_from(&self.role);
        }
        if self.subjects.is_empty() {
            let message = "is missing; user: \"*\" is everybody";
            problems.add(format!("{path}.subjects"), message);
        }
        for (index, subject) in self.subjects.iter_mut().enumerate() {
            let group = std::mem::take(&mut subject.group);
            if !group.is_empty() {
                subject.groups.push(group);
            }
            let Subject { user, groups, properties, .. } = subject;
            if user.is_empty() && groups.is_empty() && properties.is_empty() {
                let message = "describes nobody; user: \"*\" is everybody";
                problems.add(format!("{path}.subjects[{index}]"), message);
            }
        }
    }
}
