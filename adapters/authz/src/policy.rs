//! Roles and bindings, ready to decide: what stands in the parameters, with names resolved and patterns
//! parsed.
//!
//! Bindings that deny are looked at first, and then the others until one allows; when none does the
//! request is denied. Only bindings of the action's namespace, and of all namespaces, are looked at.

use std::collections::HashMap;
use std::rc::Rc;

use adapter_sdk::{Action, Problems, Subject, nearest};

use crate::parameters::{self, Mode, Parameters};
use crate::pattern::Pattern;
use crate::property::{Wanted, elements};

/// All bindings.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    by_namespace: HashMap<String, Bindings>,
    /// Of roles of all namespaces.
    everywhere: Bindings,
    has_permissive: bool,
}

/// In the order in which they are written.
#[derive(Debug, Default)]
struct Bindings {
    deny: Vec<Binding>,
    allow: Vec<Binding>,
}

/// Which bindings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    Enforced,
    /// Permissive ones as well.
    All,
}

/// What is decided, and by which binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision<'p> {
    Allowed(&'p str),
    Denied(&'p str),
    /// By no binding: denied.
    Unmentioned,
}

#[derive(Debug)]
struct Binding {
    name: String,
    role: Rc<[Rule]>,
    subjects: Vec<Who>,
    mode: Mode,
}

#[derive(Debug)]
struct Rule {
    services: Vec<Pattern>,
    /// Empty: all.
    methods: Vec<Pattern>,
    /// Empty: all.
    paths: Vec<Pattern>,
    constraints: Vec<Wanted>,
}

#[derive(Debug)]
struct Who {
    user: Option<Pattern>,
    /// Empty: whatever groups.
    groups: Vec<Pattern>,
    properties: Vec<Wanted>,
}

impl Decision<'_> {
    pub(crate) fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

impl Policy {
    pub(crate) fn new(parameters: &Parameters, problems: &mut Problems) -> Self {
        let mut reader = Reader { list_claims: &parameters.list_claims, problems };
        let mut roles: HashMap<(&str, &str), Rc<[Rule]>> = HashMap::new();
        for (index, role) in parameters.roles.iter().enumerate() {
            let path = format!("roles[{index}]");
            let rules = role.rules.iter().enumerate();
            let rules = rules.map(|(at, rule)| reader.rule(&format!("{path}.rules[{at}]"), rule));
            let rules = rules.collect();
            if roles.insert((&role.namespace, &role.name), rules).is_some() && !role.name.is_empty()
            {
                let message = format!("there is another role {:?} in its namespace", role.name);
                reader.problems.add(format!("{path}.name"), message);
            }
        }
        let mut policy = Self::default();
        for (index, written) in parameters.bindings.iter().enumerate() {
            let path = format!("bindings[{index}]");
            let subjects = written.subjects.iter().enumerate();
            let subjects =
                subjects.map(|(at, who)| reader.who(&format!("{path}.subjects[{at}]"), who));
            let subjects = subjects.collect();
            let there = roles.get(&(written.namespace.as_str(), written.role.as_str()));
            let Some(role) = there.or_else(|| roles.get(&("", written.role.as_str()))) else {
                if !written.role.is_empty() {
                    let names = parameters.roles.iter().map(|role| role.name.as_str());
                    let hint = nearest(&written.role, names);
                    let message =
                        format!("there is no role {:?} in its namespace{hint}", written.role);
                    reader.problems.add(format!("{path}.role"), message);
                }
                continue;
            };
            policy.has_permissive |= written.mode == Mode::Permissive;
            let bindings = match written.namespace.as_str() {
                "" => &mut policy.everywhere,
                name => policy.by_namespace.entry(name.to_owned()).or_default(),
            };
            let bindings = match written.action {
                parameters::Action::Allow => &mut bindings.allow,
                parameters::Action::Deny => &mut bindings.deny,
            };
            bindings.push(Binding {
                name: written.name.clone(),
                role: Rc::clone(role),
                subjects,
                mode: written.mode,
            });
        }
        policy
    }

    /// Whether a binding is there that does not count as yet.
    pub(crate) fn has_permissive(&self) -> bool {
        self.has_permissive
    }

    /// Decides. O(bindings of the namespace).
    pub(crate) fn decide(
        &self,
        counting: Counting,
        subject: &Subject,
        action: &Action,
    ) -> Decision<'_> {
        let own = self.by_namespace.get(&action.namespace);
        let scopes = || own.into_iter().chain([&self.everywhere]);
        let fits = |binding: &&Binding| {
            (counting == Counting::All || binding.mode == Mode::Enforced)
                && binding.fits(subject, action)
        };
        if let Some(denies) = scopes().flat_map(|scope| &scope.deny).find(fits) {
            return Decision::Denied(&denies.name);
        }
        match scopes().flat_map(|scope| &scope.allow).find(fits) {
            Some(allows) => Decision::Allowed(&allows.name),
            None => Decision::Unmentioned,
        }
    }

    fn bindings(&self) -> impl Iterator<Item = &Binding> {
        let scopes = self.by_namespace.values().chain([&self.everywhere]);
        scopes.flat_map(|scope| scope.deny.iter().chain(&scope.allow))
    }

    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.bindings().flat_map(|binding| binding.role.iter())
    }

    fn subjects(&self) -> impl Iterator<Item = &Who> {
        self.bindings().flat_map(|binding| &binding.subjects)
    }

    /// Whether the namespace of an action matters.
    pub(crate) fn asks_for_namespace(&self) -> bool {
        !self.by_namespace.is_empty()
    }

    /// Whether the method of an action matters.
    pub(crate) fn asks_for_method(&self) -> bool {
        self.rules().any(|rule| !rule.methods.is_empty())
    }

    /// Whether the path of an action matters.
    pub(crate) fn asks_for_path(&self) -> bool {
        self.rules().any(|rule| !rule.paths.is_empty())
    }

    /// Whether the user matters. `*` is everybody, also where no user is told.
    pub(crate) fn asks_for_user(&self) -> bool {
        self.subjects().any(|who| who.user.as_ref().is_some_and(|user| *user != Pattern::Any))
    }

    /// Whether the groups of a subject matter.
    pub(crate) fn asks_for_groups(&self) -> bool {
        self.subjects().any(|who| !who.groups.is_empty())
    }

    /// The properties of the action that matter.
    pub(crate) fn action_properties(&self) -> impl Iterator<Item = &Wanted> {
        self.rules().flat_map(|rule| &rule.constraints)
    }

    /// The properties of the subject that matter.
    pub(crate) fn subject_properties(&self) -> impl Iterator<Item = &Wanted> {
        self.subjects().flat_map(|who| &who.properties)
    }
}

impl Binding {
    fn fits(&self, subject: &Subject, action: &Action) -> bool {
        self.role.iter().any(|rule| rule.fits(action))
            && self.subjects.iter().any(|who| who.fits(subject))
    }
}

impl Rule {
    fn fits(&self, action: &Action) -> bool {
        let one = |patterns: &[Pattern], text: &str| patterns.iter().any(|p| p.fits(text));
        let one_if_any =
            |patterns: &[Pattern], text: &str| patterns.is_empty() || one(patterns, text);
        one(&self.services, &action.service)
            && one_if_any(&self.methods, &action.method)
            && one_if_any(&self.paths, &action.path)
            && self.constraints.iter().all(|wanted| wanted.fits(&action.properties))
    }
}

impl Who {
    fn fits(&self, subject: &Subject) -> bool {
        let in_group =
            |pattern: &Pattern| elements(&subject.groups).any(|group| pattern.fits(group));
        self.user.as_ref().is_none_or(|user| user.fits(&subject.user))
            && (self.groups.is_empty() || self.groups.iter().any(in_group))
            && self.properties.iter().all(|wanted| wanted.fits(&subject.properties))
    }
}

struct Reader<'r> {
    list_claims: &'r [String],
    problems: &'r mut Problems,
}

impl Reader<'_> {
    fn pattern(&mut self, path: &str, text: &str) -> Option<Pattern> {
        Pattern::parse(text).map_err(|message| self.problems.add(path, message)).ok()
    }

    fn patterns(&mut self, path: &str, texts: &[String]) -> Vec<Pattern> {
        let texts = texts.iter().enumerate();
        texts.filter_map(|(at, text)| self.pattern(&format!("{path}[{at}]"), text)).collect()
    }

    fn rule(&mut self, path: &str, rule: &parameters::Rule) -> Rule {
        let constraints = rule.constraints.iter().enumerate().map(|(at, constraint)| {
            let path = format!("{path}.constraints[{at}].values");
            let patterns = self.patterns(&path, &constraint.values);
            Wanted::new(&constraint.key, self.list_claims, patterns)
        });
        Rule {
            constraints: constraints.collect(),
            services: self.patterns(&format!("{path}.services"), &rule.services),
            methods: self.patterns(&format!("{path}.methods"), &rule.methods),
            paths: self.patterns(&format!("{path}.paths"), &rule.paths),
        }
    }

    fn who(&mut self, path: &str, subject: &parameters::Subject) -> Who {
        let properties = subject.properties.iter().map(|(name, text)| {
            let pattern = self.pattern(&format!("{path}.properties.{name}"), text);
            Wanted::new(name, self.list_claims, pattern.into_iter().collect())
        });
        Who {
            properties: properties.collect(),
            user: match subject.user.as_str() {
                "" => None,
                user => self.pattern(&format!("{path}.user"), user),
            },
            groups: self.patterns(&format!("{path}.groups"), &subject.groups),
        }
    }
}
