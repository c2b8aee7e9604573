use std::sync::Arc;

use mesh_attributes::{AttributeName, Bag, Value};
use regex::Regex;
use smallvec::SmallVec;

/// What a request is charged; few are charged more than one quota.
pub type Charges = SmallVec<[Charge; 2]>;

/// What one request takes of one quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The quota's name, as Mixer is asked by.
    pub quota: Arc<str>,
    /// How much.
    pub amount: i64,
}

/// What requests are charged, with the meaning of Istio's `QuotaSpec`: every rule of which any clause
/// holds, or that has none, charges its quotas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuotaSpecs {
    /// In the order of configuration.
    pub rules: Vec<QuotaRule>,
}

/// One rule of a [`QuotaSpecs`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRule {
    /// It applies when any of these holds; without one, always.
    pub clauses: Vec<Clause>,
    /// What it charges.
    pub charges: Vec<Charge>,
}

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause(pub Vec<(AttributeName, TextMatch)>);

/// A condition on a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextMatch {
    /// Any text.
    Any,
    /// This one.
    Exact(String),
    /// One that begins so.
    Prefix(String),
    /// One that this fits as a whole.
    Pattern(Pattern),
}

/// A pattern; equal ones are written alike.
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl QuotaSpecs {
    /// Whether nothing is ever charged.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the request behind `bag` is charged, one charge for each quota.
    pub fn charges<B: Bag>(&self, bag: &B) -> Charges {
        let mut charges = Charges::new();
        for rule in self.rules.iter().filter(|rule| rule.applies(bag)) {
            for charge in &rule.charges {
                match charges.iter_mut().find(|known: &&mut Charge| known.quota == charge.quota) {
                    Some(known) => known.amount = known.amount.saturating_add(charge.amount),
                    None => charges.push(charge.clone()),
                }
            }
        }
        charges
    }
}

impl QuotaRule {
    fn applies<B: Bag>(&self, bag: &B) -> bool {
        self.clauses.is_empty() || self.clauses.iter().any(|clause| clause.holds(bag))
    }
}

impl Clause {
    fn holds<B: Bag>(&self, bag: &B) -> bool {
        self.0.iter().all(|(name, condition)| match bag.get(name) {
            Some(Value::String(text)) => condition.fits(text),
            _ => false,
        })
    }
}

impl TextMatch {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == text,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Pattern(Pattern(pattern)) => pattern.is_match(text),
        }
    }
}
