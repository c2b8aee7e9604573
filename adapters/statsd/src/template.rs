use adapter_sdk::{Field, nearest};

/// A name with dimensions in it: of Go's text/template the part that names are made of, `{{.dimension}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameTemplate(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The value of a dimension, by its place.
    Dimension(usize),
}

impl NameTemplate {
    /// A name that is the same for all series.
    pub(crate) fn literal(name: &str) -> Self {
        Self(vec![Part::Text(name.to_owned())])
    }

    /// Reads a template over an instance's dimensions.
    pub(crate) fn parse(template: &str, dimensions: &[Field]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, action)) = rest.split_once("{{") {
            let Some((action, tail)) = action.split_once("}}") else {
                return Err(format!("{{{{ in {template:?} has no }}}}"));
            };
            let (action, trims_left) = match action.strip_prefix("- ") {
                Some(action) => (action, true),
                None => (action, false),
            };
            let (action, trims_right) = match action.strip_suffix(" -") {
                Some(action) => (action, true),
                None => (action, false),
            };
            let text = if trims_left { text.trim_end() } else { text };
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            let action = action.trim();
            let Some(name) = action.strip_prefix('.').filter(|name| is_name(name)) else {
                return Err(format!(
                    "{{{{{action}}}}} is not understood: only {{{{.dimension}}}} is, without functions"
                ));
            };
            let place = dimensions.iter().position(|dimension| dimension.name == name);
            let Some(place) = place else {
                let hint = nearest(name, dimensions.iter().map(|d| d.name.as_str()));
                return Err(format!("the instance has no dimension {name}{hint}"));
            };
            parts.push(Part::Dimension(place));
            rest = if trims_right { tail.trim_start() } else { tail };
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.is_empty() {
            return Err("the name is empty".to_owned());
        }
        Ok(Self(parts))
    }

    /// Writes the name of a series, whose dimensions are texts in the order of the fields.
    pub(crate) fn write(&self, name: &mut String, dimensions: &[String]) {
        for part in &self.0 {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Dimension(place) => {
                    name.push_str(dimensions.get(*place).map_or("", String::as_str));
                }
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_')
}
