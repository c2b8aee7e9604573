/// What a text must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    Any,
    Exact(String),
    Prefix(String),
    Suffix(String),
}

impl Pattern {
    /// Reads `*`, `prefix*`, `*suffix` or a text as it is.
    ///
    /// # Errors
    /// When a `*` stands elsewhere: it would be taken for what it looks like, and is not.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (pattern, rest) = match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (None, None) => (Self::Exact(text.to_owned()), text),
            (None, Some(prefix)) => (Self::Prefix(prefix.to_owned()), prefix),
            (Some(suffix), None) => (Self::Suffix(suffix.to_owned()), suffix),
            (Some(_), Some(_)) => return Err(format!("{text:?} has a * at both ends")),
        };
        match rest.contains('*') {
            true => Err(format!("{text:?} has a * that is neither its first nor its last sign")),
            false => Ok(pattern),
        }
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => text == exact,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_text_its_beginning_its_end_or_everything() {
        let fits = |pattern: &str, text: &str| Pattern::parse(pattern).unwrap().fits(text);
        assert!(fits("*", "") && fits("*", "a") && fits("", "") && !fits("", "a"));
        assert!(fits("/a", "/a") && !fits("/a", "/a/") && !fits("/a", "/A"));
        assert!(fits("/a/*", "/a/") && fits("/a/*", "/a/b/c") && !fits("/a/*", "/a"));
        assert!(
            fits("*.local", "a.local") && fits("*.local", ".local") && !fits("*.local", "local")
        );
    }

    #[test]
    fn a_star_elsewhere_is_refused() {
        for text in ["*a*", "a*b", "**", "*a*b", "a**"] {
            Pattern::parse(text).unwrap_err();
        }
    }
}
