use std::fmt;

/// The annotation of rules and instances that chooses the language of their expressions.
pub const LANGUAGE_ANNOTATION: &str = "policy.istio.io/lang";

/// The language that an expression is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// Istio's attribute language: Go's grammar, absence is an error unless `|` catches it.
    #[default]
    Cexl,
    /// The Common Expression Language: absence reads as the type's zero value.
    Cel,
    /// The text of [`Cexl`](Self::Cexl) with the meaning of [`Cel`](Self::Cel).
    Compat,
}

impl Language {
    /// All languages.
    pub const ALL: [Self; 3] = [Self::Cexl, Self::Cel, Self::Compat];

    /// The name in annotations and tools.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cexl => "CEXL",
            Self::Cel => "CEL",
            Self::Compat => "COMPAT",
        }
    }

    /// The language with this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
